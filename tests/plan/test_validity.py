"""What drops a complete block, what is only written down, and what is never asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_orchestrator.model import LaunchRow, Phase, State
from farm_orchestrator.plan import Cause, block_cause, first_slots
from farm_reports.tables import Calibration
from noise import generator
from noise_readings import quiet
from plan_support import part_of, row

PI = "throttled_bits_start", "throttled_bits_end"


def arms(*changes: dict[str, Any], clean: bool = True, point: str | None = None) -> list[LaunchRow]:
    """A block of so many variants v00, v01, ...; `clean`: each has the facts of a quiet slot where it says no other."""
    slots = [slot for slot in first_slots(part_of(len(changes))) if slot.phase == Phase.MEASURE][: len(changes)]
    same = {"temp_mc_launch": 45_000}
    told = [{**own, **same} if clean else {} for own in quiet(generator(3), len(changes))]
    slots = sorted(slots, key=lambda slot: slot.variant)
    placed = [dataclasses.replace(slot, position=i, point=point or slot.point) for i, slot in enumerate(slots)]
    facts = [{**own, **change} for own, change in zip(told, changes, strict=True)]
    return [row(slot, i, facts=facts[i]) for i, slot in enumerate(placed)]


def cause(rows: list[LaunchRow], interference: str = "drop", *, cooled: bool = True) -> Cause | None:
    return block_cause(rows, interference, cooled=cooled)


def name(rows: list[LaunchRow], interference: str = "drop") -> str | None:
    found = cause(rows, interference)
    return found.name if found is not None and found.drops else None


def share(wait: float) -> dict[str, int]:
    return {"run_queue_ns": int(wait * 12e9)}


def cpu(busy: float, **more: Any) -> dict[str, Any]:
    return {"cpu_ns": int(busy * 12e9), **more}


def clock(took_ns: float) -> dict[str, float]:
    return {"canary_clock_before_ns": took_ns, "canary_clock_after_ns": took_ns}


def test_a_quiet_block_counts() -> None:
    assert cause(arms({}, {}, {})) is None


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_a_level_that_all_launches_share_keeps_the_block(level: float) -> None:
    shared = {**share(level), **cpu(1 - level), "psi_cpu_some_us": int(level * 12e6), "cooling_state_max": 3}
    assert cause(arms(shared, shared, shared)) is None


def test_a_processor_that_one_launch_had_less_of_drops_the_block() -> None:
    assert name(arms(cpu(0.98), cpu(0.77), cpu(0.99))) == "INTERFERENCE"
    assert cause(arms(cpu(0.98), cpu(0.79), cpu(0.98))) is None


def test_the_evidence_names_the_launches_and_their_figures() -> None:
    found = cause(arms(share(0.001), share(0.05)))
    assert found is not None
    told = "5.0% of the slot for v01, 0.1% of the slot for v00. Allowed apart: 2.0% of the slot."
    assert found.text == f"Waiting for a processor: {told}"
    assert found.finding["text"] == found.text


def test_several_threads_are_judged_by_their_wait_and_not_by_cpu_time() -> None:
    assert cause(arms(cpu(1.9, threads=2), cpu(1.2, threads=2))) is None
    assert name(arms({"threads": 2, **share(0.002)}, {"threads": 2, **share(0.1)})) == "INTERFERENCE"
    assert cause(arms({"threads": 2, **share(0.002)}, {"threads": 2, **share(0.04)})) is None


def test_a_paced_launch_is_judged_by_its_wait_alone() -> None:
    paced = "CPUExecutionProvider/default/big/1/stock/burst/30Hz"
    other = {**cpu(0.1), "nivcsw": 10_000, "majflt": 7, "psi_cpu_some_us": 9_000_000, "foreign_cpu_ns": 9_000_000_000}
    assert cause(arms({}, other, point=paced)) is None
    assert name(arms({}, share(0.05), point=paced)) == "INTERFERENCE"


def test_the_processor_time_of_an_accelerators_launch_means_nothing() -> None:
    point = "CUDAExecutionProvider/default/big/1/stock/burst/tight"
    assert cause(arms(cpu(0.9), cpu(0.1), point=point)) is None
    assert name(arms({}, {"foreign_cpu_ns": 9_000_000_000}, point=point)) == "INTERFERENCE"


def test_a_coarse_count_of_the_kernel_is_no_neighbour_in_a_short_slot() -> None:
    short = {"wall_ns": 500_000_000, "cpu_ns": 495_000_000, "run_queue_ns": 0, "psi_cpu_some_us": 0, "nivcsw": 0}
    assert cause(arms({**short, "foreign_cpu_ns": 0}, {**short, "foreign_cpu_ns": 30_000_000})) is None
    assert name(arms({**short, "foreign_cpu_ns": 0}, {**short, "foreign_cpu_ns": 60_000_000})) == "INTERFERENCE"


def test_pages_from_disk_in_every_launch_are_a_note_and_in_some_they_drop() -> None:
    assert cause(arms({"majflt": 3}, {"majflt": 9})) is None
    assert name(arms({"majflt": 0}, {"majflt": 1})) == "INTERFERENCE"


def test_a_clock_that_differs_between_launches_drops_the_block() -> None:
    assert name(arms(clock(10_000), clock(10_500))) == "CLOCK_CHANGED"
    assert cause(arms(clock(10_000), clock(10_390))) is None
    found = cause(arms(clock(10_000_000), clock(10_500_000)))
    assert found is not None
    assert found.text.startswith("The same calculation took 10.50 ms beside v01 and 10.00 ms beside v00, 5.0% apart")


def test_throttling_that_some_launches_have_drops_the_block_where_the_clocks_show_it() -> None:
    held = {"cooling_state_max": 2}
    assert name(arms(clock(10_000), {**held, **clock(10_800)})) == "THROTTLED"
    assert cause(arms(clock(10_000), {**held, **clock(10_100)})) is None
    assert name(arms({**held, **clock(10_000)}, {**held, **clock(10_800)})) == "CLOCK_CHANGED"
    found = cause(arms(clock(10_000), {"throttled_bits_end": 0x40004, **clock(10_800)}))
    assert found is not None
    assert found.text.startswith(
        "v01: get_throttled 0x0 before, 0x40004 after the slot; v00: none. The same calculation"
    )


@pytest.mark.parametrize(
    ("start", "end", "low"), [(0, 1, True), (0, 0x10000, True), (0x10000, 0x10000, False), (1, 0, True), (0, 0, False)]
)
def test_a_low_voltage_drops_the_block_whoever_shares_it(start: int, end: int, *, low: bool) -> None:
    told = dict(zip(PI, (start, end), strict=True))
    assert name(arms(told, told)) == ("UNDERVOLT" if low else None)
    assert name(arms(told)) == ("UNDERVOLT" if low else None)


def test_a_governor_that_was_changed_drops_the_block() -> None:
    found = cause(arms({}, {"governor_end": "powersave"}))
    assert found is not None
    assert (found.name, found.drops) == ("CLOCK_CHANGED", True)
    assert "v01 powersave then schedutil" in found.text


def test_a_device_clock_that_rests_at_one_end_of_the_slot_is_the_same_clock() -> None:
    assert cause(arms({"devfreq_hz_start": {"dmc": 2_112_000_000}}, {})) is None
    assert name(arms({"devfreq_hz_end": {"dmc": 528_000_000}}, {})) == "CLOCK_CHANGED"


def test_memory_that_became_slower_in_one_slot_is_other_work_and_with_the_clock_it_is_the_clock() -> None:
    memory = {"canary_memory_before_ns": 100_000, "canary_memory_after_ns": 112_000}
    flat = {"canary_memory_before_ns": 100_000, "canary_memory_after_ns": 100_000}
    assert name(arms(flat, memory)) == "INTERFERENCE"
    falling = {"canary_clock_before_ns": 10_000, "canary_clock_after_ns": 10_600}
    assert name(arms({**flat, **clock(10_300)}, {**memory, **falling})) == "CLOCK_CHANGED"


def test_a_board_whose_canary_is_known_to_vary_is_allowed_more() -> None:
    falling = {"canary_clock_before_ns": 9_800, "canary_clock_after_ns": 10_300}
    rows = arms(clock(10_000), falling)
    assert name(rows) == "CLOCK_CHANGED"
    assert block_cause(rows, "drop", cooled=True, calibration=Calibration(clock_sd=0.01)) is None


def test_a_launch_that_began_at_another_temperature_drops_the_block() -> None:
    warm = {"temp_mc_launch": 51_000}
    found = cause(arms({}, warm))
    assert found is not None
    assert (found.name, found.drops) == ("HOT_START", True)
    assert found.text == "v01 began at 51 °C, v00 at 45 °C. Allowed apart: 5 °C."
    assert cause(arms({}, {"temp_mc_launch": 49_900}, {"temp_mc_launch": 40_100})) is None


CALIBRATED = Calibration(20, 0.001, 0.0015, 0.004, "quiet", None, idle_mc=43_000.0)


def test_a_calibrated_board_is_held_to_two_degrees_where_launches_wait_for_it() -> None:
    rows = arms({"settle_temp_mc": 44_000}, {"settle_temp_mc": 46_500})
    assert cause(rows) is None
    found = block_cause(rows, "drop", cooled=True, calibration=CALIBRATED)
    assert found is not None
    assert (found.name, found.drops) == ("HOT_START", True)
    assert found.text == "v01 began at 46 °C, v00 at 44 °C. Allowed apart: 2 °C."
    assert block_cause(rows, "drop", cooled=False, calibration=CALIBRATED) is None


def test_where_the_board_had_settled_counts_and_not_where_the_process_began() -> None:
    rows = arms({"settle_temp_mc": 45_000}, {"settle_temp_mc": 45_500, "temp_mc_launch": 60_000})
    assert cause(rows) is None


def test_a_launch_that_never_came_into_its_band_drops_the_block_however_alike_they_began() -> None:
    hot = {"settle_temp_mc": 60_000, "settle_broken": ["band", "rate"], "settle_s": 300.0}
    found = block_cause(arms(hot, hot), "drop", cooled=True, calibration=CALIBRATED)
    assert found is not None
    assert (found.name, found.drops) == ("HOT_START", True)
    assert found.text == "v00 began at 60 °C, outside the temperatures at which it may begin, after 300 s of rest."
    assert cause(arms({**hot, "settle_broken": ["rate"]}, hot | {"settle_broken": []})) is None


def test_where_launches_do_not_wait_for_the_board_to_cool_a_hot_start_is_written_down() -> None:
    found = cause(arms({}, {"temp_mc_launch": 60_000}), cooled=False)
    assert found is not None
    assert (found.name, found.drops) == ("HOT_START", False)


def test_a_board_that_only_notes_interference_keeps_the_block_and_the_evidence() -> None:
    for change in (cpu(0.2), share(0.3), clock(20_000), {"canary_memory_after_ns": 900_000}):
        found = cause(arms({}, change), "note")
        assert found is not None
        assert (found.drops, bool(found.text)) == (False, True)


def test_it_drops_the_block_all_the_same_for_what_is_no_interference() -> None:
    assert name(arms({}, {"throttled_bits_end": 1}), "note") == "UNDERVOLT"
    assert name(arms(clock(10_000), {"cooling_state_max": 1, **clock(11_000)}), "note") == "THROTTLED"
    assert name(arms(share(0.3), {"governor_end": "powersave"}), "note") == "CLOCK_CHANGED"


def test_launches_without_readings_are_not_held_against_a_block() -> None:
    assert cause(arms({}, {}, clean=False)) is None
    assert cause(arms(cpu(0.9), {**cpu(0.1), "wall_ns": None}, {"cpu_ns": None})) is None
    assert cause([]) is None


def test_launches_that_failed_have_no_say() -> None:
    rows = arms({}, share(0.3))
    assert cause([rows[0], dataclasses.replace(rows[1], state=State.FAILED)]) is None


numbers = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=3), st.just([]),
    st.dictionaries(st.text(max_size=2), st.floats(), max_size=2),
)  # fmt: skip
names = sorted(quiet(generator(1), 1)[0])


@given(
    st.lists(st.dictionaries(st.sampled_from(names), numbers), min_size=2, max_size=3),
    st.sampled_from(["drop", "note"]),
)
@settings(max_examples=200, deadline=None)
def test_whatever_a_board_tells_there_is_an_answer(facts: list[dict[str, Any]], interference: str) -> None:
    found = cause(arms(*facts), interference)
    assert found is None or found.text


@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=2))
@settings(max_examples=30, deadline=None)
def test_the_latency_has_no_say_in_what_is_dropped(medians: list[int]) -> None:
    rows = [dataclasses.replace(each, p50_ns=p50) for each, p50 in zip(arms({}, share(0.05)), medians, strict=True)]
    assert cause(rows) == cause(arms({}, share(0.05)))
    assert (
        cause([dataclasses.replace(each, p50_ns=p50) for each, p50 in zip(arms({}, {}), medians, strict=True)]) is None
    )
