"""Warm-up and slots under a clock that only moves when told to: simulated models come to rest, or do not."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import warmup_support as parts
from farm_agents import loop, steady
from farm_agents.fakes import FakeClock, ScriptedRuntime
from farm_agents.measure import not_steady, steady_facts
from farm_agents.steady import Settled, Warm
from warmup_support import MS, SECOND, asked, bias, launch, simulated

BIAS_MAX = 0.0035
FEW, MANY = 25, 200
RESTING = ["flat", "exponential 1 s", "exponential 6 s", "step at 10 s", "outliers first"]


def scripted(preset: str, *latency_ns: int, clock: FakeClock | None = None) -> Settled[int]:
    clock = clock or FakeClock()
    return launch(ScriptedRuntime(clock, latency_ns), clock, preset)


def warmed(preset: str, *latency_ns: int, clock: FakeClock | None = None, period_ns: float | None = None) -> Warm:
    clock = clock or FakeClock()
    return steady.warm_up(ScriptedRuntime(clock, latency_ns), clock, asked(preset)[0], period_ns)


# The corpus.


def p95_bias(name: str, count: int) -> float:
    found = [simulated(name, seed) for seed in range(count)]
    assert all(settled.rest is not None and settled.rest.steady for settled in found)
    return float(np.quantile(np.abs([bias(settled) for settled in found]), 0.95))


@pytest.mark.parametrize("name", RESTING)
def test_the_reported_median_is_that_of_a_model_at_rest(name: str) -> None:
    assert p95_bias(name, MANY) <= BIAS_MAX


def unsteady(name: str, preset: str, count: int) -> int:
    found = [simulated(name, seed, preset) for seed in range(count)]
    return sum(settled.rest is not None and "spread" in settled.rest.broken for settled in found)


@pytest.mark.parametrize(("preset", "count"), [("standard", MANY), ("ci", FEW)])
def test_a_clock_that_hunts_is_never_steady(preset: str, count: int) -> None:
    assert unsteady("hunting", preset, count) >= 0.99 * count


def ramps(*, heat: bool) -> list[Settled[int]]:
    """Warm-ups of 12 to 130 s, so that slots begin long before the heat stands and after it."""
    return [simulated("heat ramp", seed, heat=heat, warmup_max_s=12 + 0.6 * seed) for seed in range(MANY)]


def heats(settled: Settled[int]) -> bool:
    """Whether the simulated board truly heats by more than 0.5 °C in 10 s, over the slot."""
    slot = settled.trial.timed.slot
    t0_s, t1_s = slot.t0_ns / SECOND, slot.t1_ns / SECOND
    rise_c = parts.HEATING_C * (math.exp(-t0_s / 60) - math.exp(-t1_s / 60))
    return rise_c / (t1_s - t0_s) > 0.05


def steady_while_it_heats(found: list[Settled[int]]) -> int:
    return sum(settled.rest is not None and settled.rest.steady for settled in found if heats(settled))


def test_no_slot_is_steady_before_the_heat_stands() -> None:
    found = ramps(heat=True)
    assert 0.5 < sum(map(heats, found)) / MANY < 1, "slots on both sides of the gate"
    assert steady_while_it_heats(found) == 0


def test_without_a_sensor_the_latencies_decide_alone_and_too_early() -> None:
    assert steady_while_it_heats(ramps(heat=False)) > 0.1 * MANY


def test_a_fixed_warm_up_without_the_rule_misses_the_step() -> None:
    """The control of the simulator: 3 s, then 10 s of a slot."""
    fixed: dict[str, Any] = {"warmup_s": 3.0, "warmup_max_s": 3.0, "slot_s": 10.0}
    found = [bias(simulated("step at 10 s", seed, "standard", **fixed)) for seed in range(FEW)]
    assert float(np.median(found)) == pytest.approx(0.114, abs=0.003)


def test_without_the_limits_the_slow_fall_would_be_reported() -> None:
    off: dict[str, Any] = {"drift_max": 1.0, "half_max": 1.0, "spread_max": 1.0}
    assert min(bias(simulated("exponential 6 s", seed, "standard", **off)) for seed in range(FEW)) > 3 * BIAS_MAX


# The warm-up.


def test_a_warm_up_of_a_steady_model_lasts_for_its_minimum() -> None:
    warm = warmed("quick", 1 * MS)
    assert (warm.n, warm.elapsed_ns, warm.p50_ns) == (300, 300 * MS, 1 * MS)
    assert warm.rest is not None
    assert warm.rest.steady


def test_a_warm_up_that_never_rests_lasts_for_its_maximum() -> None:
    falling = [int(4 * MS * 0.995**k) for k in range(1000)]
    warm = warmed("quick", *falling)
    assert SECOND <= warm.elapsed_ns < SECOND + 4 * MS
    assert warm.rest is not None
    assert "drift" in warm.rest.broken


def test_windows_of_a_slow_model_hold_three_iterations() -> None:
    warm = warmed("ci", 200 * MS)
    assert (warm.shape.coarse, warm.shape.windows, warm.n) == (True, 6, 18)


def test_a_few_slow_calls_at_the_start_do_not_make_a_model_slow() -> None:
    assert not warmed("ci", *[600 * MS] * 3, 1 * MS).shape.coarse


def test_a_model_of_minutes_is_warmed_up_once() -> None:
    warm = warmed("quick", 700 * SECOND)
    assert (warm.n, warm.rest, warm.p50_ns) == (1, None, 700 * SECOND)


def test_a_paced_warm_up_keeps_its_pace_from_window_to_window() -> None:
    clock = FakeClock()
    runtime = ScriptedRuntime(clock, [3 * MS])
    steady.warm_up(runtime, clock, asked("quick")[0], 20.0 * MS)
    assert set(np.diff(runtime.started_ns).tolist()) == {20 * MS}
    assert runtime.calls >= 18


@pytest.mark.parametrize("step_ns", [0, -1 * MS])
def test_a_clock_that_stands_or_goes_back_ends_the_warm_up(step_ns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST", 100)
    assert warmed("quick", step_ns, clock=FakeClock(start_ns=SECOND)).rest is None


def test_one_jump_back_of_the_clock_costs_no_more_than_a_window() -> None:
    warm = warmed("quick", *[1 * MS] * 100, -3600 * SECOND, 1 * MS)
    assert 300 <= warm.n <= 400
    assert warm.rest is not None
    assert warm.rest.steady


# The slots.


def test_a_steady_slot_counts_at_once() -> None:
    settled = scripted("quick", 1 * MS)
    assert (settled.slides, settled.trial.timed.slot.n) == (0, 500)
    assert steady_facts(settled) == {
        "warmup_ms": 300.0, "warmup_n": 300, "warmup_windows": 12, "warmup_coarse": False,
        "slides": 0, "steady": True, "steady_broken": [],
    }  # fmt: skip
    assert not_steady(settled, asked("quick")[0]) == []


def test_a_slot_with_a_late_step_becomes_warm_up_and_a_new_one_is_measured() -> None:
    settled = scripted("quick", *[11 * MS // 10] * 400, 1 * MS)
    facts = steady_facts(settled)
    assert (facts["slides"], facts["steady"]) == (1, True)
    assert facts["warmup_ms"] == pytest.approx(300 + 500, abs=5)
    assert set(settled.trial.timed.slot.latency_ns) == {1 * MS}


def test_a_slot_that_never_rests_is_kept_with_its_figures_when_the_budget_is_spent() -> None:
    settled = scripted("quick", *[1 * MS, 1 * MS, 1 * MS, 3 * MS] * 30, *[*[2 * MS] * 40, *[1 * MS] * 80] * 200)
    facts = steady_facts(settled)
    assert (facts["steady"], "spread" in facts["steady_broken"]) == (False, True)
    assert settled.trial.timed.slot.n >= 50
    (finding,) = not_steady(settled, asked("quick")[0])
    assert finding["name"] == "NOT_STEADY"
    assert "spread 69.31 % (at most 5.00 %)" in finding["text"].replace("%", " %")


@pytest.mark.parametrize("seconds", [1, 3, 700])
def test_a_slot_of_a_few_samples_is_steady_as_far_as_anybody_knows(seconds: int) -> None:
    settled = scripted("quick", seconds * SECOND)
    facts = steady_facts(settled)
    assert settled.trial.timed.slot.n == max(1, 3 // seconds)
    assert (facts["steady"], facts["slides"]) == (None, 0)
    assert "fewer than 5 windows" in facts["steady_reason"]
    assert not_steady(settled, asked("quick")[0]) == []


def test_a_slot_too_short_to_tell_does_not_excuse_a_warm_up_that_never_rested() -> None:
    rule, _ = asked("quick")
    warm = warmed("quick", *[int(4 * MS * 0.995**k) for k in range(1000)])
    short = scripted("quick", 700 * SECOND).trial
    settled = steady.settle(warm, replace(rule, most_ns=0), lambda _: short)
    assert (settled.rest, settled.slides) == (warm.rest, 0)


def test_a_slot_whose_clock_goes_back_tells_nothing_and_ends() -> None:
    clock = FakeClock(start_ns=10_000 * SECOND)
    settled = scripted("quick", *[1 * MS] * 400, -3600 * SECOND, 1 * MS, clock=clock)
    assert settled.rest is None
    assert settled.trial.timed.slot.capped


def test_constant_latencies_are_steady_in_every_preset() -> None:
    for preset in ("quick", "ci", "standard"):
        settled = scripted(preset, 20 * MS)
        assert settled.rest is not None
        assert (settled.rest.drift, settled.rest.spread, settled.rest.steady) == (0.0, 0.0, True)
