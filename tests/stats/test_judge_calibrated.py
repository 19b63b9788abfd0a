"""What a board's own figure does to a verdict, and what the page says of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from clocks_support import KNOWN, PINNED, Facts, held, pin
from farm_reports import judge
from farm_reports.judge.itself import trials
from farm_reports.results import Results
from farm_reports.sections.calibration import statements
from farm_reports.tables import BoardRecord, Calibration, LaunchRecord, Trial
from noise import generator
from tables_support import TIMES, cell, launch, launches, tables, word

QUIET = Calibration(20, 0.0008, 0.001, 0.003, "quiet", None)
TWO = Calibration(2, launch_sd=0.003, noise="quiet", reason="2 of 20 A/A runs are there")


def pair(change: float, *, sd: float = 0.001, blocks: int = 12) -> list[LaunchRecord]:
    """fp32 and an int8 that takes `change` longer, on a quiet board."""
    rng = generator(61)
    times = {"fp32": 4e6, "int8": 4e6 * (1 + change)}
    return launches(
        names=("fp32", "int8"), blocks=blocks, time_ns=lambda _, name, __: times[name] * math.exp(rng.normal(0, sd))
    )


def judged(records: list[LaunchRecord], calibration: Calibration, **changes: object) -> Results:
    boards = (BoardRecord("rpi5", {}, calibration=calibration),)
    return judge.results(tables(records, names=("fp32", "int8"), boards=boards, **changes))


@pytest.mark.parametrize(("change", "decided"), [(0.012, "slower"), (-0.012, "faster"), (0.0, "same")])
def test_a_calibrated_board_decides_what_the_default_floor_leaves_undecided(change: float, decided: str) -> None:
    assert word(judged(pair(change), QUIET)) == decided
    if change:
        assert word(judged(pair(change), TWO)) == "undecided"
        assert word(judged(pair(change), Calibration())) == "undecided"


def test_a_board_that_shows_a_large_bias_holds_a_wider_floor_than_the_default() -> None:
    known, default = (cell(judged(pair(0.03), each), "int8").versus_baseline for each in
                      (replace(QUIET, floor=0.014), Calibration()))  # fmt: skip
    assert known is not None
    assert default is not None
    assert (known.verdict, default.verdict) == ("undecided", "slower")
    assert known.ratio == default.ratio


def test_a_gate_holds_the_boards_own_floor() -> None:
    limits = {"limits": {"latency_p50": "+1%"}, "ship": ("int8",)}
    assert judged(pair(0.003), QUIET, **limits).verdict == "passed"
    assert judged(pair(0.003), TWO, **limits).verdict == "inconclusive"
    versus = cell(judged(pair(0.003), QUIET, **limits), "int8").versus_baseline
    assert versus is not None
    assert versus.gate_high is not None
    assert versus.gate_high < 1.01


def test_runs_against_itself_say_nothing_of_memory() -> None:
    """Its floor stays the default one."""
    limits = {"limits": {"peak_memory": "+1%"}, "ship": ("int8",)}
    both = [judged(pair(0.003), each, **limits).gates[0].cells[0] for each in (QUIET, Calibration())]
    assert both[0] == both[1]


def test_the_smallest_effect_is_that_of_the_boards_own_floor() -> None:
    known, default = (judged(pair(0.0), each).run.smallest_effect for each in (QUIET, TWO))
    assert known is not None
    assert default is not None
    assert known < 0.012
    assert default > 0.02


def test_two_variants_that_tie_by_default_are_told_apart_on_a_calibrated_board() -> None:
    known, default = (judged(pair(-0.004), each).ship[0] for each in (QUIET, Calibration()))
    assert (known.variant, known.tied) == ("int8", [])
    assert (default.variant, default.tied) == ("int8", ["fp32"])


def test_results_carry_the_figures_or_why_there_are_none() -> None:
    known, two = (judged(pair(0.0), each).boards[0].calibration for each in (QUIET, TWO))
    assert known is not None
    assert two is not None
    assert (known.runs, known.floor, known.noise, known.reason) == (20, 0.001, "quiet", None)
    assert (two.runs, two.floor, two.reason) == (2, None, "2 of 20 A/A runs are there")


def test_the_page_tells_calibrated_boards_from_others() -> None:
    boards = tuple(
        BoardRecord(name, {}, calibration=each) for name, each in (("a", QUIET), ("b", TWO), ("c", Calibration()))
    )
    results = judge.results(tables([], boards=boards, names=("fp32", "int8")))
    own, two, never = statements(results.boards)
    assert own.startswith("a: calibrated. Every interval holds a floor of 0.10\u00a0%: 20 runs")
    assert "share a bias of 0.08\u00a0%" in own
    assert "(quiet)" in own
    assert two.startswith("Not calibrated: every interval on b holds a floor of 0.5\u00a0%")
    assert "2 of 20 A/A runs are there" in two
    assert "on c holds" in never
    assert "never measured against itself" in never


def test_many_calibrated_boards_are_summed_up() -> None:
    boards = tuple(BoardRecord(f"b{i}", {}, calibration=replace(QUIET, floor=0.001 + i / 1e4)) for i in range(9))
    said = list(statements(judge.results(tables([], boards=boards, names=("fp32", "int8"))).boards))
    assert len(said) == 7
    assert said[-1] == "3 more boards are calibrated, with floors from 0.16\u00a0% to 0.18\u00a0%."


# a run against itself


def against_itself(records: list[LaunchRecord]) -> dict[str, Trial | str]:
    return trials(tables(records, names=("a", "b")))


def timed(blocks: int, change: float = 0.0, facts: dict[str, object] | None = None) -> list[LaunchRecord]:
    rng = generator(62)
    return [
        launch(
            2 * block + index,
            "rpi5",
            name,
            block,
            4e6 * math.exp(index * change + rng.normal(0, 0.004)),
            facts=facts or {},
        )
        for block in range(blocks)
        for index, name in enumerate(("a", "b"))
    ]


@pytest.mark.parametrize(
    ("facts", "idle_mc"),
    [
        ({"settle_temp_mc": 44_000, "settle_broken": []}, 44_000),
        ({"settle_temp_mc": 44_000, "settle_broken": ["rate"]}, None),
        ({"settle_temp_mc": None, "settle_broken": None}, None),
        ({"temp_mc_launch": 44_000}, None),
    ],
)
def test_the_coolest_rest_of_a_run_is_where_its_board_idles(facts: dict[str, object], idle_mc: float | None) -> None:
    rows = timed(8, facts={"settle_temp_mc": 47_000, "settle_broken": []} if idle_mc else {})
    found = against_itself([replace(rows[0], facts=facts), *rows[1:]])["rpi5"]
    assert isinstance(found, Trial)
    assert found.idle_mc == idle_mc


def test_a_run_against_itself_is_one_trial_of_each_board() -> None:
    found = against_itself(timed(20, 0.01))["rpi5"]
    assert isinstance(found, Trial)
    assert found.estimate == pytest.approx(0.01, abs=4 * found.error)
    assert found.error == pytest.approx(0.004 * math.sqrt(2 / 20), rel=0.5)
    assert found.launch_sd == pytest.approx(0.004, rel=0.5)
    assert found.blocks == 20


def test_a_run_of_too_few_blocks_does_not_count_and_says_so() -> None:
    assert against_itself(timed(7)) == {"rpi5": "7 valid blocks, 8 are needed"}


def test_a_run_that_is_not_whole_does_not_count() -> None:
    owed = launch(99, "rpi5", "a", 9, TIMES["fp32"], state="pending")
    assert against_itself([*timed(9), owed]) == {"rpi5": "launches are still owed"}


def test_the_canary_of_a_trial_is_the_spread_of_after_over_before_or_null_with_the_agents_reason() -> None:
    canary: dict[str, object] = {
        f"canary_{part}_{when}_ns": 1_000_000 for part in ("clock", "memory") for when in ("before", "after")
    }
    steady = against_itself(timed(8, facts=canary))["rpi5"]
    assert isinstance(steady, Trial)
    assert (steady.clock_sd, steady.memory_sd, steady.canary_reason) == (0.0, 0.0, None)
    half = {**canary, "canary_memory_after_ns": None, "canary_memory_after_ns_reason": "too little memory is free"}
    without = against_itself(timed(8, facts=half))["rpi5"]
    assert isinstance(without, Trial)
    assert (without.clock_sd, without.memory_sd) == (0.0, None)
    assert without.canary_reason == "too little memory is free"
    never = against_itself(timed(8))["rpi5"]
    assert isinstance(never, Trial)
    assert (never.clock_sd, never.memory_sd, never.canary_reason) == (None, None, "no launch had a canary")


def clock_of(*facts: Facts) -> tuple[float | None, str | None]:
    """What 8 blocks at a pinned point say of it, the launches telling these in turns."""
    rows = [
        replace(each, point=PINNED, facts={**each.facts, **facts[i % len(facts)]}) for i, each in enumerate(timed(8))
    ]
    found = trials(tables(rows, names=("a", "b"), points=(PINNED,)))["rpi5"]
    assert isinstance(found, Trial)
    return found.eff_khz, found.eff_khz_reason


def test_the_clock_of_a_trial_is_the_middle_of_the_launches_that_kept_theirs() -> None:
    assert clock_of(held(eff_khz=1_790_000.0), held(eff_khz=1_792_000.0)) == (1_791_000.0, None)
    lost = held(eff_khz=1_000_000.0, **pin(seen={"scaling_max_freq": "1000000"}))
    assert clock_of(held(), lost) == (1_794_000.0, None)
    assert clock_of(held(), held(eff_khz=1_000_000.0, **pin(strategy="observe"))) == (1_794_000.0, None)


def test_a_clock_that_nobody_measured_or_kept_has_a_reason() -> None:
    assert clock_of(held(eff_khz=None, eff_khz_reason="perf is denied")) == (None, "perf is denied")
    assert clock_of(held(eff_khz=None)) == (None, "no launch measured its clock")
    assert clock_of(held(**pin(strategy="observe"))) == (None, "no launch kept the clock that was asked for")


def test_the_report_tells_the_clock_of_a_board_that_was_calibrated_at_one() -> None:
    known = (KNOWN, replace(KNOWN, pin="stock"), replace(KNOWN, eff_khz=None))
    boards = [judge.results(tables([], boards=(BoardRecord("rpi5", {}, calibration=each),))).boards for each in known]
    said = [next(iter(statements(each))) for each in boards]
    assert said[0].endswith(" At pin max it ran at 1795 MHz.")
    assert not any("it ran at" in each for each in said[1:])
    assert boards[0][0].calibration is not None
    assert (boards[0][0].calibration.pin, boards[0][0].calibration.eff_khz) == ("max", 1_795_000.0)
