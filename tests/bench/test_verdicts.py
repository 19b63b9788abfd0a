"""The world of twelve variants, what other ways of measuring cost there, and the clock around a module."""

from __future__ import annotations

import time
from types import ModuleType

import pytest

from bench import sequential, twelve, verdicts
from bench.reference_rule import Stopwatch
from bench.verdicts import Verdict
from farm_orchestrator.model import PRESETS
from farm_orchestrator.plan.estimate import launch_s

PAUSE_S = 0.02


def test_six_of_the_twelve_fit_and_the_fastest_is_one_of_them() -> None:
    made = twelve.world()
    fitting = [name for name, ms in made.ms.items() if ms <= made.limit_ms]
    assert len(made.ms) == 12
    assert len(fitting) == twelve.FITTING
    assert made.best in fitting
    assert made.ms[twelve.TWIN] == made.ms[twelve.BASELINE]


def test_one_after_the_other_ten_launches_err_as_the_simulator_is_known_to() -> None:
    assert 0.2 < sequential.as_narrow(0.02).errors < 0.34


def test_a_narrower_interval_takes_more_launches_and_errs_more() -> None:
    wide, narrow = sequential.as_narrow(0.008), sequential.as_narrow(0.0065)
    assert wide.launches < narrow.launches
    assert wide.errors < narrow.errors
    with pytest.raises(RuntimeError, match="not as narrow"):
        sequential.as_narrow(1e-5)


def test_a_row_says_what_the_other_ways_would_have_taken() -> None:
    found = Verdict(1200.0, 30.0, 0.0075, screened_out=8, blocks=12, launches=140, wrong=0, best=True)
    row = verdicts.row("standard", found)
    assert row.figure is not None
    assert row.figure.value == 20
    assert row.ok
    fixed = 12 * launch_s(PRESETS["mlperf"]) / 60
    assert fixed > 120
    assert f"{fixed:.0f} min (computed)" in str(row.versus)
    assert "60 min (simulated: 10 launches each)" in str(row.versus)
    assert "the truly fastest chosen, 0 false calls" in row.note


def test_a_direction_that_is_not_the_true_one_is_a_false_call() -> None:
    made = twelve.world()
    cells = [(twelve.TWIN, "same"), (twelve.TWIN, "slower"), (made.best, "faster"), (made.best, "slower")]
    wrong = [verdicts.is_wrong({"variant": name, "versus_baseline": {"verdict": word}}, made) for name, word in cells]
    assert wrong == [False, True, False, True]
    assert not verdicts.is_wrong({"variant": made.best, "versus_baseline": None}, made)


def pause() -> None:
    time.sleep(PAUSE_S)


def pause_and_pause() -> None:
    pauses.pause()
    time.sleep(PAUSE_S)


pauses = ModuleType(__name__)  # a module like this one, whose functions may be replaced
vars(pauses).update(pause=pause, pause_and_pause=pause_and_pause)


def test_a_clock_around_a_module_counts_nested_calls_once() -> None:
    clock = Stopwatch(pauses)
    begin = time.perf_counter_ns()
    pauses.pause_and_pause()
    assert 2 * PAUSE_S * 1e9 <= clock.ns <= time.perf_counter_ns() - begin
