"""A block whose board held its processor back, or whose clock was changed: what drops it, and on which boards."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from clocks_support import KHZ, KNOWN, PINNED, POLICY, Facts, held, item, pin, verdict
from farm_orchestrator.model import LaunchRow, Phase
from farm_orchestrator.plan import Cause, block_cause, first_slots
from farm_reports.tables import Calibration
from noise import generator
from noise_readings import quiet
from plan_support import part_of, row

COOLED = verdict("confirmed", item("cooling.cpufreq-cpu0", "state", "cooling took clock away"))
UNCOUNTED = {"eff_khz": None}


def arms(*changes: Facts, point: str = PINNED) -> list[LaunchRow]:
    """A block of so many variants v00, v01, ... whose clock was set and stayed, where a change does not say otherwise."""
    slots = [slot for slot in first_slots(part_of(len(changes))) if slot.phase == Phase.MEASURE][: len(changes)]
    slots = sorted(slots, key=lambda slot: slot.variant)
    told = quiet(generator(3), len(changes))
    made = [dataclasses.replace(slot, position=at, point=point) for at, slot in enumerate(slots)]
    facts = [{**own, "temp_mc_launch": 45_000, **held(), "throttled_bits_end": None, **change}
             for own, change in zip(told, changes, strict=True)]  # fmt: skip
    return [row(slot, at, facts=facts[at]) for at, slot in enumerate(made)]


def cause(*changes: Facts, known: Calibration | None = None, note: bool = False, lab: bool = False) -> Cause | None:
    rows = arms(*changes)
    return block_cause(rows, "note" if note else "drop", cooled=True, calibration=known, lab=lab)


def name(*changes: Facts, **options: Any) -> str | None:
    found = cause(*changes, **options)
    return found.name if found is not None and found.drops else None


def canary(took_ns: float) -> Facts:
    return {"canary_clock_before_ns": took_ns, "canary_clock_after_ns": took_ns}


def ticks(**spent: int) -> Facts:
    return {"time_in_state": {POLICY: {str(int(at[2:]) * 1000): count for at, count in spent.items()}}}


FREE, CALIBRATED = None, KNOWN


@pytest.mark.parametrize("known", [FREE, CALIBRATED])
def test_a_clock_that_was_set_and_stayed_counts(known: Calibration | None) -> None:
    assert cause({}, {}, known=known) is None


# On a board that was calibrated at this clock, and whose clock was set.

SLIGHT = {"eff_khz": 1_755_000.0}
ABSOLUTE = [
    (COOLED, "THROTTLED"), (ticks(at1500=2, at1800=1198), "THROTTLED"), (SLIGHT, "THROTTLED"),
    ({"eff_khz": 1_700_000.0}, "THROTTLED"), (ticks(at1800=1180, at2000=20), "CLOCK_CHANGED"),
    (pin(seen={"scaling_max_freq": "1000000"}), "CLOCK_CHANGED"), ({"freq_min_khz_start": 600_000}, "CLOCK_CHANGED"),
    ({"freq_max_khz_end": 1_500_000}, "CLOCK_CHANGED"), ({"run_queue_ns": 120_000_000}, "INTERFERENCE"),
]  # fmt: skip
CALM = [
    ticks(at1500=1, at1800=1199), {"eff_khz": 1_765_000.0}, ticks(at1800=1190, at2000=10), {"run_queue_ns": 40_000_000},
    verdict("suspected", item("zone.cpu", "temp", "near")), {"freq_max_khz_end": KHZ}, UNCOUNTED,
]  # fmt: skip


@pytest.mark.parametrize(("change", "why"), ABSOLUTE)
def test_it_drops_the_block_whether_one_launch_shows_it_or_all_do(change: Facts, why: str) -> None:
    assert name(change, known=CALIBRATED) == why
    assert name({}, change, known=CALIBRATED) == why
    assert name(change, change, known=CALIBRATED) == why


@pytest.mark.parametrize("change", CALM)
def test_within_its_limits_it_drops_nothing(change: Facts) -> None:
    assert name({}, change, known=CALIBRATED) is None
    assert name(change, change, known=CALIBRATED) is None


@pytest.mark.parametrize(
    "known",
    [FREE, dataclasses.replace(KNOWN, floor=None), dataclasses.replace(KNOWN, pin="1200000")],
    ids=["never measured", "too few runs", "at another clock"],
)
@pytest.mark.parametrize(("change", "why"), ABSOLUTE)
def test_elsewhere_what_all_launches_share_is_a_note(change: Facts, why: str, known: Calibration | None) -> None:
    del why
    assert name(change, change, known=known) is None


def test_where_the_clock_was_not_set_its_calibration_says_nothing() -> None:
    for strategy in ("observe", "cap_only"):
        loose = {**pin(strategy=strategy), **COOLED}
        assert name(loose, loose, known=CALIBRATED) is None
    lost = {**COOLED, "pin": {**pin()["pin"], "held": False, "reason": "the kernel tells 1500000 kHz"}}
    assert name(lost, lost, known=CALIBRATED) == "THROTTLED", "it was set, and heat took it away"


def test_interference_there_is_noted_where_the_board_only_notes_it_and_heat_is_not() -> None:
    busy = {"run_queue_ns": 120_000_000}
    assert name(busy, busy, known=CALIBRATED, note=True) is None
    assert name(COOLED, COOLED, known=CALIBRATED, note=True) == "THROTTLED"


def test_where_nobody_counts_cycles_the_canary_stands_for_the_clock_unless_neighbours_are_known() -> None:
    known = dataclasses.replace(KNOWN, canary_ns=10_000.0)
    slow, fair = ({**UNCOUNTED, **canary(took_ns)} for took_ns in (10_210, 10_190))
    assert name(slow, slow, known=known) == "THROTTLED"
    assert name(fair, fair, known=known) is None
    assert name(slow, slow, known=dataclasses.replace(known, clock_sd=0.01)) is None
    assert name(canary(10_210), canary(10_210), known=known) is None, "cycles were counted"
    assert name(slow, slow, known=dataclasses.replace(known, floor=None)) is None
    assert name(slow, slow, known=known, note=True) is None
    found = cause(slow, slow, known=known)
    assert found is not None
    assert found.text == "v00: the same calculation took 2.1% longer than when the board was calibrated."


def test_a_limit_that_never_took_the_value_is_no_change_and_neither_is_a_policy_without_the_governor() -> None:
    loose = pin(strategy="userspace")
    for knob in loose["pin"]["knobs"]:
        knob["readback"] = {"scaling_max_freq": "2400000"}.get(knob["path"].rpartition("/")[2], knob["readback"])
    assert cause({}, {**loose, "freq_max_khz_start": 2_400_000, "freq_max_khz_end": 2_400_000}) is None
    mixed = {f"governor_{when}": "performance+schedutil" for when in ("start", "end")}
    assert cause(mixed, mixed) is None
    gone = {f"governor_{when}": "ondemand+schedutil" for when in ("start", "end")}
    assert cause(gone, gone, known=CALIBRATED) is not None


def test_the_evidence_is_told() -> None:
    found = cause({}, SLIGHT, known=CALIBRATED)
    assert found is not None
    assert found.text == "v01: 1755 MHz measured, 2.2% below the calibrated 1795 MHz."


# On every other board, launches against each other.


def test_heat_that_some_launches_had_drops_the_block_where_the_measured_clocks_show_it() -> None:
    found = cause({}, {**COOLED, "eff_khz": 1_600_000.0})
    assert found is not None
    assert (found.name, found.drops) == ("THROTTLED", True)
    clocks = "The clock: 1794 MHz for v00, 1600 MHz for v01. 12.1% apart. Allowed apart: 4.0%."
    assert found.text == f"v01: cooling took clock away; v00: none. {clocks}"
    assert cause({}, {**COOLED, "eff_khz": 1_740_000.0}) is None


def test_measured_clocks_that_lie_apart_drop_the_block_and_the_canary_is_not_asked() -> None:
    assert name({}, {"eff_khz": 1_720_000.0}) == "CLOCK_CHANGED"
    assert name({}, {"eff_khz": 1_730_000.0}) is None
    assert name(canary(10_000), canary(10_800)) is None
    assert name({}, {"eff_khz": 1_720_000.0}, note=True) == "CLOCK_CHANGED", "no neighbour moves a clock that was set"


@pytest.mark.parametrize("free", [{"pin": None}, pin(strategy="observe")])
def test_a_clock_that_nobody_set_goes_with_the_neighbours_and_is_noted_where_they_are(free: Facts) -> None:
    slow = {**free, "eff_khz": 1_720_000.0}
    assert name(free, slow) == "CLOCK_CHANGED"
    found = cause(free, slow, note=True)
    assert found is not None
    assert (found.name, found.drops) == ("CLOCK_CHANGED", False)
    assert found.text == "The clock: 1794 MHz for v00, 1720 MHz for v01. 4.3% apart. Allowed apart: 4.0%."
    assert name(free, {**slow, **COOLED}, note=True) == "THROTTLED", "what heat took away was no neighbour's"


def test_the_cycles_of_a_virtual_board_are_those_of_its_machine() -> None:
    found = cause({}, {"eff_khz": 1_720_000.0}, note=True, lab=True)
    assert found is not None
    assert (found.name, found.drops) == ("CLOCK_CHANGED", False)


def test_where_one_launch_could_not_count_its_cycles_the_canary_is_asked() -> None:
    slow = {"eff_khz": 1_000_000.0, **canary(10_000)}
    assert name(slow, {**UNCOUNTED, **canary(10_100)}) is None
    assert name({**UNCOUNTED, **canary(10_000)}, canary(10_800)) == "CLOCK_CHANGED"
    assert name(canary(10_000), canary(10_000), {**UNCOUNTED, **canary(10_800)}) == "CLOCK_CHANGED"
    found = cause({**UNCOUNTED, **canary(10_000)}, canary(10_800), note=True)
    assert found is not None
    assert not found.drops


@pytest.mark.parametrize(
    "change",
    [pin(seen={"scaling_max_freq": "1000000"}), {"freq_max_khz_start": 1_000_000}, {"governor_end": "ondemand"}],
)
def test_a_clock_that_somebody_changed_in_one_launch_drops_the_block(change: Facts) -> None:
    found = cause({}, change)
    assert found is not None
    assert (found.name, found.drops) == ("CLOCK_CHANGED", True)


def test_what_was_changed_in_all_launches_alike_is_a_note_with_who_changed_what() -> None:
    changed = pin(seen={"scaling_max_freq": "1000000"})
    found = cause(changed, changed)
    assert found is not None
    assert (found.name, found.drops) == ("CLOCK_CHANGED", False)
    assert found.text == "The clock of v00 did not stay as it was set: scaling_max_freq of policy0 is 1000000."


def test_a_limit_that_heat_lowered_was_changed_by_nobody() -> None:
    lowered = {**COOLED, "freq_max_khz_end": 1_500_000}
    assert cause({}, lowered) is None
    assert name({}, {"freq_max_khz_end": 1_500_000}) == "CLOCK_CHANGED"


def test_what_earlier_agents_told_counts_as_it_did() -> None:
    old = {"throttle": None, "pin": None, "time_in_state": None, **UNCOUNTED}
    hot = {**old, "cooling_state_max": 2}
    assert name({**old, **canary(10_000)}, {**hot, **canary(10_800)}) == "THROTTLED"
    assert name({**old, **canary(10_000)}, {**hot, **canary(10_100)}) is None
    assert name({**hot, **canary(10_000)}, {**hot, **canary(10_100)}, known=CALIBRATED) is None


# In a lab.


def lab(*changes: Facts) -> str | None:
    """Its cycles are those of the machine, so that nobody counts them."""
    return name(*({**UNCOUNTED, **change} for change in changes), note=True, lab=True)


def test_a_virtual_board_that_was_held_back_in_some_launches_loses_the_block() -> None:
    assert lab({}, COOLED) == "THROTTLED"
    assert lab({}, {**COOLED, **canary(10_800)}) == "THROTTLED"
    assert name({}, {**COOLED, **UNCOUNTED}, note=True) is None, "elsewhere the clocks must show it"


def test_held_back_in_all_launches_it_loses_the_block_where_their_clocks_differ() -> None:
    cool, hot = ({**COOLED, **ticks(**{f"at{mhz}": 1200})} for mhz in (1600, 1200))
    assert lab(cool, hot) == "THROTTLED"
    assert lab(cool, cool) is None
    uncounted = {**COOLED, "time_in_state": None}
    assert lab({**uncounted, **canary(10_000)}, {**uncounted, **canary(10_800)}) == "THROTTLED"
    assert lab({**cool, **canary(10_000)}, {**cool, **canary(10_800)}) is None, "the canary met a neighbour"


def test_held_back_in_all_launches_alike_it_loses_the_block_only_where_it_was_calibrated() -> None:
    hot = {**COOLED, **UNCOUNTED}
    assert name(hot, hot, note=True, lab=True) is None
    assert name(hot, hot, note=True, lab=True, known=CALIBRATED) == "THROTTLED"


def test_a_neighbour_of_a_virtual_board_is_noted() -> None:
    assert lab({}, canary(10_800)) is None
    assert lab({}, {"run_queue_ns": 9_000_000_000}) is None
