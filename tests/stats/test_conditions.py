"""What held for all launches of a cell: notes with their figures, the word about throttling, the blocks that went."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from clocks_support import KNOWN, PINNED, POLICY, held, item, pin, verdict
from farm_reports import judge
from farm_reports.judge.conditions import notes, throttle
from farm_reports.judge.evidence import Evidence, gather
from farm_reports.stats.modes import modes
from farm_reports.tables import BoardRecord, Calibration, LaunchRecord
from noise import CLASSES, Rng, bimodal, generator, slots
from noise_readings import FAULTS, PROFILES, Facts, Fault, quiet, records, spoilt
from tables_support import POINT, cell, launch, launches, tables

LAUNCHES, CELLS = 10, 50
SHARED = [
    (name, fault)
    for name, faults in FAULTS.items()
    for fault in faults
    if name in {"THROTTLED", "INTERFERENCE"} or fault.__name__ in {"clock_falls", "other_governor"}
]


def of(told: Iterable[Facts], **fields: Any) -> Evidence:
    """A cell whose launches say this."""
    made = [launch(i, "rpi5", "int8", i, 4e6, facts=facts, **fields) for i, facts in enumerate(told)]
    return gather(tables(made, names=("int8",)))["rpi5", "int8", POINT]


def named(evidence: Evidence) -> dict[str, str]:
    return {str(note["name"]): note["text"] for note in notes(evidence, Calibration())}


def cells(rng: Rng, make: Callable[[Rng, int], list[Facts]] = quiet) -> list[list[Facts]]:
    told = make(rng, CELLS * LAUNCHES)
    return [told[i : i + LAUNCHES] for i in range(0, len(told), LAUNCHES)]


@pytest.mark.parametrize(("name", "fault"), SHARED, ids=[fault.__name__ for _, fault in SHARED])
def test_what_all_launches_shared_is_a_note_of_the_cell(name: str, fault: Fault) -> None:
    rng = generator(51)
    found = [named(of(spoilt(rng, facts, fault) for facts in told)) for told in cells(rng)]
    assert all(name in one for one in found)
    assert all(any(figure.isdigit() for figure in one[name]) or "powersave" in one[name] for one in found)


def test_no_clean_cell_is_called_anything() -> None:
    found = [of(told) for told in cells(generator(52))]
    assert [named(one) for one in found] == [{}] * CELLS
    assert {throttle(one) for one in found} == {"none"}


def test_a_note_says_how_much() -> None:
    told = named(of({"run_queue_ns": 20_000_000, "majflt": 3} for _ in range(8)))
    assert told["INTERFERENCE"] == "Waiting for a processor: 4.0% of the slot. Pages read from disk: 3."
    told = named(of({"throttled_bits_start": 0, "throttled_bits_end": 0x4 if i < 3 else 0} for i in range(8)))
    assert told["THROTTLED"] == "In 3 of 8 launches: get_throttled 0x0 before, 0x4 after the slot."


def test_what_most_launches_did_not_have_is_no_note() -> None:
    assert "INTERFERENCE" not in named(of({"run_queue_ns": 100_000_000 if i < 3 else 0} for i in range(8)))


def test_a_board_whose_canary_is_known_to_vary_is_allowed_more() -> None:
    falling = of({"canary_clock_before_ns": 100, "canary_clock_after_ns": 103} for _ in range(8))
    assert [note["name"] for note in notes(falling, Calibration())] == ["CLOCK_CHANGED"]
    assert list(notes(falling, Calibration(clock_sd=0.01))) == []
    board = BoardRecord("rpi5", {}, calibration=Calibration(clock_sd=0.01))
    given = tables(list(falling.launches), names=("int8",), boards=(board,))
    assert "CLOCK_CHANGED" not in {f.name for f in cell(judge.results(given), "int8").findings}


# the word about throttling

COOL = {"cooling_state_max": 0}
FALLS = {"canary_clock_before_ns": 100, "canary_clock_after_ns": 105}
WARMS = {"temp_mc_start": 60_000, "temp_mc_end": 70_000}


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({}, "unknown"),
        ({"cooling_state_max": None, "cooling_state_max_reason": "no cooling device"}, "unknown"),
        ({"canary_clock_before_ns": 100, "canary_clock_after_ns": 100}, "unknown"),
        (COOL, "none"),
        ({"throttled_bits_start": 0x50000, "throttled_bits_end": 0x50000}, "none"),
        ({"throttled_bits_start": 0x50000, "throttled_bits_end": 0x50004}, "confirmed"),
        ({"throttled_bits_start": 0, "throttled_bits_end": 0x80000}, "confirmed"),
        ({"cooling_state_max": 1}, "confirmed"),
        ({**COOL, **FALLS, **WARMS}, "suspected"),
        ({**FALLS, **WARMS}, "suspected"),
        ({**COOL, **FALLS}, "none"),
        ({**COOL, **WARMS}, "none"),
        ({**COOL, **FALLS, **WARMS, "temp_mc_end": 59_000}, "none"),
    ],
)
def test_the_word_about_throttling_is_that_of_its_evidence(facts: Facts, word: str) -> None:
    found = cell(
        judge.results(tables([launch(i, "rpi5", "int8", i, 4e6, facts=facts) for i in range(8)], names=("int8",))),
        "int8",
    )
    assert found.throttle == word


def test_one_launch_that_nobody_watched_leaves_it_unknown_and_one_that_was_held_back_confirms_it() -> None:
    assert throttle(of([COOL] * 7 + [{}])) == "unknown"
    assert throttle(of([COOL] * 7 + [{"cooling_state_max": 3}])) == "confirmed"
    assert throttle(of([])) == "unknown"


def test_where_nothing_counts_the_word_is_that_of_what_was_measured() -> None:
    assert throttle(of([{"cooling_state_max": 2}] * 8, state="rejected", dropped="THROTTLED")) == "confirmed"


@pytest.mark.parametrize(("profile", "word"), [("stock", "none"), ("fanless", "confirmed"), ("desktop", "none")])
def test_ordinary_hardware_gets_the_word_it_earns(profile: str, word: str) -> None:
    rng = generator(53)
    assert throttle(of(records(rng, PROFILES[profile](rng, 60)))) == word


# a clock that was set


def pinned(*facts: Facts) -> Evidence:
    """A cell at a pinned point whose launches say this in turns."""
    made = [launch(i, "rpi5", "int8", i, 4e6, facts=facts[i % len(facts)], point=PINNED) for i in range(8)]
    return gather(tables(made, names=("int8",), points=(PINNED,)))["rpi5", "int8", PINNED]


def at_clock(*facts: Facts, known: Calibration = KNOWN) -> dict[str, str]:
    return {str(note["name"]): note["text"] for note in notes(pinned(*facts), known)}


@pytest.mark.parametrize(
    ("eff_khz", "word"), [(1_794_000.0, "none"), (1_750_000.0, "suspected"), (1_700_000.0, "confirmed")]
)
def test_the_word_and_the_note_of_a_calibrated_board_are_those_of_its_measured_clock(eff_khz: float, word: str) -> None:
    slow = held(eff_khz=eff_khz)
    assert throttle(pinned(slow), KNOWN) == word
    assert throttle(pinned(slow)) == "none"
    assert ("THROTTLED" in at_clock(slow)) is (word == "confirmed")
    board = BoardRecord("rpi5", {}, calibration=KNOWN)
    launches_of = [launch(i, "rpi5", "int8", i, 4e6, facts=slow, point=PINNED) for i in range(8)]
    results = judge.results(tables(launches_of, names=("int8",), points=(PINNED,), boards=(board,)))
    assert cell(results, "int8", point=PINNED).throttle == word


def test_a_clock_that_strayed_upwards_or_was_set_anew_is_a_note_and_one_that_stayed_is_none() -> None:
    above = {"time_in_state": {POLICY: {"1800000": 1100, "2000000": 100}}}
    told = at_clock(held(), held(**above))["CLOCK_CHANGED"]
    where = "policy0 ran for 1.00 s at 2000 MHz instead of 1800 MHz"
    assert told == f"In 4 of 8 launches the clock did not stay as it was set: {where}."
    lifted = at_clock(held(freq_max_khz_end=2_000_000))["CLOCK_CHANGED"]
    assert lifted.endswith("scaling_max_freq was 2000000 at the end of the slot, not 1800000.")
    assert at_clock(held()) == {}


def test_a_limit_that_heat_lowered_is_told_as_heat_and_one_that_somebody_set_by_the_agent() -> None:
    hot = verdict("confirmed", item("cooling.cpufreq-cpu0", "state", "cooling took clock away"))
    assert at_clock(held(freq_max_khz_end=1_500_000, **hot)) == {
        "THROTTLED": "In 8 of 8 launches: cooling took clock away."
    }
    assert at_clock(held(freq_max_khz_end=1_500_000, **pin(seen={"scaling_max_freq": "1500000"}))) == {}


# launches that never settled


def moving(count: int, of_all: int = 8) -> dict[str, str]:
    told = ({"name": "NOT_STEADY", "text": "drift 2.10% (at most 0.75%)"},)
    made = [launch(i, "rpi5", "int8", i, 4e6, findings=told if i < count else ()) for i in range(of_all)]
    return {f.name: f.text for f in cell(judge.results(tables(made, names=("int8",))), "int8").findings}


def test_most_launches_that_did_not_settle_are_named_with_their_figures_and_a_few_are_not() -> None:
    assert moving(5)["NOT_STEADY"] == "5 of 8 launches did not settle: drift 2.10% (at most 0.75%)."
    assert "NOT_STEADY" not in moving(4)
    assert "NOT_STEADY" in moving(1, 1)
    assert "NOT_STEADY" not in moving(0)


def test_a_launch_that_says_it_only_in_its_facts_counts_too() -> None:
    assert named(of([{"steady": False}] * 8))["NOT_STEADY"] == "8 of 8 launches did not settle."
    assert "NOT_STEADY" not in named(of([{"steady": True}] * 8))
    assert "NOT_STEADY" not in named(of([{"steady": None}] * 8))


def gated(moving: int, calibration: Calibration) -> tuple[str, str | None]:
    """The gate of int8 on a limit that it misses by far."""
    told = ({"name": "NOT_STEADY", "text": "drift 2.10% (at most 0.75%)"},)
    made = [
        dataclasses.replace(r, findings=told) if r.variant == "int8" and r.block < 10 + moving else r
        for r in launches()
    ]
    board = BoardRecord("rpi5", {}, calibration=calibration)
    results = judge.results(tables(made, boards=(board,), limits={"latency_p50": "1ms"}, ship=("int8",)))
    return results.gates[0].verdict, results.gates[0].cells[0].reason


def test_a_latency_that_never_settled_decides_no_gate_of_a_calibrated_board() -> None:
    known = Calibration(runs=20, floor=0.002)
    assert gated(5, known) == ("inconclusive", "5 of 8 launches did not settle: drift 2.10% (at most 0.75%).")
    assert gated(4, known) == ("failed", None)
    assert gated(8, Calibration()) == ("failed", None)


# two speeds


@pytest.mark.parametrize("size", [10, 20, 40])
def test_two_speeds_are_found_and_both_are_told(size: int) -> None:
    rng = generator(54)
    for _ in range(CELLS):
        slow = rng.permutation(np.arange(size) < rng.integers(size // 5 + size % 5, size // 2 + 1))
        found = modes(rng.normal(0, 0.006, size) + 0.08 * slow)
        assert found is not None
        assert (found.lower, found.upper) == (size - slow.sum(), slow.sum())
        assert found.high - found.low == pytest.approx(0.08, abs=0.015)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("size", [10, 12, 20, 40])
def test_one_speed_is_not_taken_for_two_however_noisy(name: str, size: int) -> None:
    draws = slots(generator(55), 1000, 2 * size, CLASSES[name], caps=False)[:, ::2]
    assert sum(modes(row) is not None for row in draws) <= 0.01 * 1000


def test_a_wide_gap_alone_would_call_many_of_them_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm_reports.stats.modes.gap", lambda _: 4.0)
    draws = slots(generator(55), 1000, 20, CLASSES["typical"], caps=False)[:, ::2]
    assert sum(modes(row) is not None for row in draws) > 0.1 * 1000


def test_too_few_launches_or_too_few_in_a_group_have_no_modes() -> None:
    far = np.array([0.0, 0.1] * 4 + [0.0])
    assert modes(far) is None
    assert modes(np.append(far, 0.1)) is not None
    assert modes(np.array([0.0] * 9 + [0.3])) is None
    assert modes(np.zeros(20)) is None
    assert modes(bimodal(generator(56), (40,), 0.02)) is not None


def test_both_speeds_are_told_in_milliseconds_and_none_that_no_verdict_would_see() -> None:
    assert speeds(0.08)["MULTIMODAL"] == "6 launches near 4 ms and 6 launches near 4.33 ms."
    assert "MULTIMODAL" not in speeds(0.004)


def speeds(apart: float) -> dict[str, str]:
    times = [4e6 * np.exp(apart * (i % 2)) for i in range(12)]
    made = [launch(i, "rpi5", "int8", i, ns) for i, ns in enumerate(times)]
    return {f.name: f.text for f in cell(judge.results(tables(made, names=("int8",))), "int8").findings}


# blocks


def block(number: int, text: str, *, drops: bool = True, attempt: int = 0) -> list[LaunchRecord]:
    """Two launches whose block was found to have a clock that changed; the last one carries it."""
    said = ({"name": "CLOCK_CHANGED", "text": text, "of_block": True},)
    first, last = (
        launch(100 * attempt + number * 2 + i, "rpi5", ("fp32", "int8")[i], number, 4e6, attempt=attempt)
        for i in (0, 1)
    )
    return [
        dataclasses.replace(first, dropped="block_lost" if drops else None),
        dataclasses.replace(last, dropped="CLOCK_CHANGED" if drops else None, findings=said),
    ]


def test_every_dropped_block_is_listed_with_what_differed_in_it() -> None:
    rest = [each for number in range(20, 30) for each in block(number, "", drops=False)]
    rest = [dataclasses.replace(each, findings=()) for each in rest]
    results = judge.results(
        tables([*block(12, "2.2 ms and 2.0 ms."), *block(12, "2.3 ms.", attempt=1), *rest], names=("fp32", "int8"))
    )
    assert [(f.name, f.text) for f in results.findings] == [
        ("CLOCK_CHANGED", "rpi5, block 12 dropped. 2.2 ms and 2.0 ms."),
        ("CLOCK_CHANGED", "rpi5, block 12, attempt 2 dropped. 2.3 ms."),
    ]
    assert all(f.do for f in results.findings)
    assert "CLOCK_CHANGED" not in {f.name for each in results.cells for f in each.findings}


def test_doubtful_blocks_that_count_are_told_once_with_the_first_of_them() -> None:
    made = [each for number in range(12, 17) for each in block(number, f"{number} ms.", drops=False)]
    results = judge.results(tables(made, names=("fp32", "int8")))
    told = "rpi5: noted in 5 blocks, which count all the same. Block 12: 12 ms. Block 13: 13 ms. Block 14: 14 ms."
    assert [f.text for f in results.findings] == [f"{told} And 2 more in launches.parquet."]
    assert "CLOCK_CHANGED" not in {f.name for each in results.cells for f in each.findings}


def test_pages_that_are_swapped_out_are_noted() -> None:
    told = named(of({"swap_out_pages": 12} for _ in range(8)))
    assert told["INTERFERENCE"] == "Pages swapped out on the board: 12."
    assert "INTERFERENCE" not in named(of({"swap_out_pages": 12 if i < 3 else 0} for i in range(8)))
