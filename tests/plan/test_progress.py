"""What a part is owed after a launch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_orchestrator.model import LaunchRow, Part, Phase, Slot, State
from farm_orchestrator.plan import (
    failed_cells,
    first_slots,
    measure_start,
    next_slots,
    requeue,
    stopped,
)
from plan_support import part_of, row, rows_of


def finished(part: Part, launch_sd: float, seed: int = 0) -> list[LaunchRow]:
    return rows_of(first_slots(part), noise(launch_sd, seed))


def noise(launch_sd: float, seed: int = 0) -> Callable[[Slot], int]:
    rng = np.random.default_rng(seed)
    return lambda _: int(4e6 * np.exp(rng.normal(0, launch_sd)))


def changed(rows: list[LaunchRow], index: int, **fields: object) -> list[LaunchRow]:
    return [*rows[:index], dataclasses.replace(rows[index], **fields), *rows[index + 1 :]]  # type: ignore[arg-type]  # any field


def at(rows: list[LaunchRow], variant: str, phase: int = Phase.MEASURE, nth: int = 0) -> int:
    return [i for i, r in enumerate(rows) if r.variant == variant and r.phase == phase][nth]


def test_a_quiet_board_needs_no_more_than_the_planned_blocks() -> None:
    part = part_of(3)
    assert next_slots(part, finished(part, 0.001)) == ()


def test_a_noisy_board_gets_two_more_blocks_with_every_variant() -> None:
    part = part_of(3)
    slots = next_slots(part, finished(part, 0.03))
    start = measure_start(part) + part.planned_blocks
    assert [slot.block for slot in slots] == [start] * 3 + [start + 1] * 3
    assert {slot.variant for slot in slots} == {"v00", "v01", "v02"}


def test_one_wide_pair_is_enough_for_more_blocks() -> None:
    part = part_of(3)
    wide = np.random.default_rng(3)
    rows = rows_of(first_slots(part), lambda s: int(4e6 * np.exp(wide.normal(0, 0.05 if s.variant == "v02" else 1e-4))))
    assert {slot.variant for slot in next_slots(part, rows)} == {"v00", "v01", "v02"}


@given(st.integers(2, 10), st.integers(1, 3), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_asked_twice_the_same_slots_and_none_once_they_are_planned(count: int, points: int, seed: int) -> None:
    part = part_of(count, points=points)
    rows = finished(part, 0.05, seed)
    slots = next_slots(part, rows)
    assert slots == next_slots(part, rows)
    pending = [row(slot, 1000 + index, State.PENDING) for index, slot in enumerate(slots)]
    assert next_slots(part, rows + pending) == ()
    known = {(r.block, r.attempt, r.position) for r in rows}
    assert known.isdisjoint((slot.block, slot.attempt, slot.position) for slot in slots)


def test_blocks_are_added_two_by_two_up_to_the_most_and_then_no_more() -> None:
    part = dataclasses.replace(part_of(2, points=2), max_blocks=11)
    rows = finished(part, 0.2)
    draw = noise(0.2, 7)
    while slots := next_slots(part, rows):
        rows += rows_of(slots, draw, len(rows))
    for point in part.points:
        blocks = {r.block for r in rows if r.phase == Phase.MEASURE and r.point == point.key}
        assert len(blocks) == 11


def test_a_narrow_point_stops_while_a_wide_one_goes_on() -> None:
    part = part_of(2, points=2)
    rng = np.random.default_rng(1)
    quiet = part.points[0].key
    rows = rows_of(first_slots(part), lambda s: int(4e6 * np.exp(rng.normal(0, 1e-4 if s.point == quiet else 0.05))))
    assert {slot.point for slot in next_slots(part, rows)} == {part.points[1].key}


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.CANCELLED])
def test_a_point_with_an_open_launch_is_owed_nothing_yet(state: str) -> None:
    part = part_of(2)
    rows = finished(part, 0.05)
    assert next_slots(part, rows)
    assert next_slots(part, changed(rows, len(rows) - 1, state=state, p50_ns=None)) == ()


def test_a_board_that_was_given_up_gets_no_more_blocks() -> None:
    part = part_of(2)
    rows = finished(part, 0.05)
    assert next_slots(part, changed(rows, len(rows) - 1, state=State.SKIPPED, p50_ns=None)) == ()


def test_a_lone_variant_is_held_to_one_percent_of_its_own_latency() -> None:
    part = part_of(1)
    assert next_slots(part, finished(part, 0.003)) == ()
    assert next_slots(part, finished(part, 0.05)) != ()


def test_absolute_figures_are_never_extended() -> None:
    part = dataclasses.replace(part_of(2, preset="mlperf"), max_blocks=40)
    assert next_slots(part, finished(part, 0.05)) == ()


def test_the_time_cap_ends_a_wide_point_only_after_eight_valid_blocks() -> None:
    part = part_of(2)
    slow = [dataclasses.replace(r, t0=0.0, t1=200.0) for r in finished(part, 0.05)]
    assert next_slots(part, slow) == ()
    last = len(slow) - 1
    seven = [
        dataclasses.replace(r, dropped="INTERFERENCE", state=State.REJECTED) if r.block == slow[last].block else r
        for r in slow
    ]
    assert next_slots(part, seven) != ()


@given(st.integers(2, 8), st.integers(0, 30), st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_a_requeued_block_keeps_its_number_and_its_variants(count: int, which: int, attempt: int) -> None:
    part = part_of(count, points=2)
    slots = [slot for slot in first_slots(part) if slot.phase == Phase.MEASURE]
    block = slots[which % len(slots)].block
    mine = [dataclasses.replace(slot, attempt=attempt) for slot in slots if slot.block == block]
    again = requeue(part, [row(slot, i, State.LOST) for i, slot in enumerate(mine)], block, attempt)
    assert {(slot.block, slot.attempt, slot.point) for slot in again} == {(block, attempt + 1, mine[0].point)}
    assert sorted(slot.variant for slot in again) == sorted(slot.variant for slot in mine)
    assert sorted(slot.position for slot in again) == list(range(len(mine)))


def test_a_lost_dry_load_is_asked_for_again_alone() -> None:
    part = part_of(3)
    rows = changed(finished(part, 0.001), 2, state=State.LOST)
    again = requeue(part, rows, 2, 0)
    assert again == (dataclasses.replace(first_slots(part)[2], attempt=1),)


def test_a_variant_that_failed_at_a_point_is_left_out_there_only() -> None:
    part = part_of(3, points=2)
    rows = finished(part, 0.05)
    rows = changed(rows, at(rows, "v01"), state=State.FAILED, outcome="slot NON_FINITE", p50_ns=None)
    here, there = (point.key for point in part.points)
    assert failed_cells(rows) == {("v01", here)}
    again = requeue(part, rows, rows[at(rows, "v01")].block, 0)
    assert {slot.variant for slot in again} == {"v00", "v02"}
    more = next_slots(part, rows)
    assert {slot.variant for slot in more if slot.point == here} == {"v00", "v02"}
    assert {slot.variant for slot in more if slot.point == there} == {"v00", "v01", "v02"}


def test_a_variant_that_failed_its_dry_load_is_left_out_everywhere() -> None:
    part = part_of(3, points=2)
    rows = finished(part, 0.05)
    rows = changed(rows, at(rows, "v01", Phase.CHECK), state=State.FAILED, outcome="load INVALID_GRAPH")
    assert failed_cells(rows) == {("v01", point.key) for point in part.points}
    assert {slot.variant for slot in next_slots(part, rows)} == {"v00", "v02"}


@pytest.mark.parametrize("kind", ["OUT_OF_MEMORY", "CRASH(SIGKILL)"])
def test_out_of_memory_or_killed_by_nobody_knows_whom_is_forgiven_once(kind: str) -> None:
    part = part_of(2)
    rows = finished(part, 0.001)
    once = changed(rows, at(rows, "v01"), state=State.FAILED, outcome=f"load {kind}")
    assert failed_cells(once) == set()
    twice = changed(once, at(rows, "v01", nth=1), state=State.FAILED, outcome=f"load {kind}")
    assert failed_cells(twice) == {("v01", part.points[0].key)}


def test_a_failed_baseline_stops_the_part() -> None:
    part = part_of(3)
    rows = finished(part, 0.05)
    assert not stopped(part, rows)
    rows = changed(rows, at(rows, "v00"), state=State.FAILED, outcome="slot CRASH(11)", p50_ns=None)
    assert stopped(part, rows)
    assert next_slots(part, rows) == ()
    assert requeue(part, rows, rows[at(rows, "v00")].block, 0) == ()


def timed(part: Part, launch_s: float) -> list[LaunchRow]:
    """A finished part of noisy pairs, launch after launch."""
    rows = finished(part, 0.05)
    return [dataclasses.replace(r, t0=index * launch_s, t1=(index + 1) * launch_s) for index, r in enumerate(rows)]


def test_two_more_blocks_are_begun_only_where_they_fit_into_the_time_that_was_given() -> None:
    part = part_of(2)
    rows = timed(part, 10.0)
    spent, more = 10.0 * len(rows), 10.0 * 4
    assert next_slots(dataclasses.replace(part, time_s=spent + more), rows) != ()
    assert next_slots(dataclasses.replace(part, time_s=spent + more - 1), rows) == ()
    assert next_slots(dataclasses.replace(part, until=spent + more), rows) != ()
    assert next_slots(dataclasses.replace(part, until=spent + more - 1), rows) == ()


def test_more_time_than_the_cap_allows_is_used() -> None:
    part = part_of(2)
    rows = timed(part, 150.0)
    assert next_slots(part, rows) == (), "45 min"
    assert next_slots(dataclasses.replace(part, time_s=7200.0), rows) != ()


def test_the_time_that_was_given_ends_no_comparison_of_fewer_than_eight_blocks() -> None:
    part = dataclasses.replace(part_of(2), time_s=1.0)
    rows = timed(part, 10.0)
    last = rows[-1].block
    seven = [dataclasses.replace(r, dropped="INTERFERENCE") if r.block == last else r for r in rows]
    assert next_slots(part, rows) == ()
    assert next_slots(part, seven) != ()


def test_what_is_owed_already_counts_as_spent() -> None:
    part = dataclasses.replace(part_of(2, points=2), time_s=100_000.0)
    rows = timed(part, 10.0)
    here = part.points[0].key
    owed = [
        row(slot, 1000 + index, State.PENDING)
        for index, slot in enumerate(next_slots(part, rows))
        if slot.point != here
    ]
    assert len(owed) == 4
    spent = 10.0 * len(rows)
    assert next_slots(dataclasses.replace(part, time_s=spent + 80), rows + owed) != ()
    assert next_slots(dataclasses.replace(part, time_s=spent + 79), rows + owed) == ()
