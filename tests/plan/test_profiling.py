"""The launches that tell of operators: one a cell, after everything that is timed, and nothing hangs on them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from farm_orchestrator.model import Kind, LaunchRow, Limits, Part, Phase, State
from farm_orchestrator.plan import (
    confirming,
    estimate_s,
    failed_cells,
    first_slots,
    next_slots,
    profiling,
    requeue,
    stopped,
    through,
)
from farm_reports.stats.power import planned_blocks
from plan_support import make, part_of, row, rows_of

STEADY = 4_000_000


def asked(count: int = 3, **options: Any) -> Part:
    return dataclasses.replace(part_of(count, **options), profile=True)


def measured(part: Part) -> list[LaunchRow]:
    return rows_of(first_slots(part), lambda _: STEADY)


def changed(rows: list[LaunchRow], name: str, phase: int, **fields: Any) -> list[LaunchRow]:
    """The last launch of a variant in a phase, as something else became of it."""
    index = max(i for i, each in enumerate(rows) if (each.variant, each.phase) == (name, phase))
    return [*rows[:index], dataclasses.replace(rows[index], **fields), *rows[index + 1 :]]


def profiled(part: Part) -> list[LaunchRow]:
    rows = measured(part)
    return rows + rows_of(profiling(part, rows), lambda _: 0, start=len(rows))


def test_every_variant_at_every_point_gets_one_launch_when_the_blocks_are_through() -> None:
    part = asked(points=2)
    rows = measured(part)
    slots = profiling(part, rows)
    assert {(slot.phase, slot.kind, slot.attempt, slot.position) for slot in slots} == {
        (Phase.PROFILE, Kind.PROFILE, 0, 0)
    }
    assert [(slot.point, slot.variant) for slot in slots] == [
        (point.key, name) for point in part.points for name in ("v00", "v01", "v02")
    ]
    start = 1 + max(each.block for each in rows)
    assert [slot.block for slot in slots] == list(range(start, start + 6)), "a block each, counting on"


def test_nobody_who_did_not_ask_gets_one() -> None:
    part = part_of(3)
    assert profiling(part, measured(part)) == ()


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.CANCELLED])
def test_none_is_planned_while_a_timed_launch_is_owed(state: str) -> None:
    part = asked()
    assert profiling(part, changed(measured(part), "v02", Phase.MEASURE, state=state)) == ()
    assert profiling(part, [each for each in measured(part) if each.phase < Phase.MEASURE]) == ()


def test_who_failed_or_was_screened_out_is_not_profiled_and_without_the_baseline_nobody_is() -> None:
    part = asked(4)
    rows = changed(measured(part), "v02", Phase.MEASURE, state=State.FAILED, outcome="NON_FINITE")
    out = frozenset({("v03", part.points[0].key)})
    assert [slot.variant for slot in profiling(part, rows, out)] == ["v00", "v01"]
    gone = changed(measured(part), "v00", Phase.MEASURE, state=State.FAILED, outcome="NON_FINITE")
    assert profiling(part, gone) == ()


def test_they_are_planned_once_and_after_them_nothing_is_timed_any_more() -> None:
    part = asked()
    rows = profiled(part)
    assert profiling(part, rows) == ()
    wide = [dataclasses.replace(each, p50_ns=STEADY * (1 + each.id % 3)) for each in rows]
    assert next_slots(dataclasses.replace(part, max_blocks=40), wide) == ()


def test_fresh_blocks_that_confirm_a_gate_come_before_them() -> None:
    part = dataclasses.replace(asked(2), limits=Limits({"latency_p50": "+5%"}, ship=("v01",)), gated=2, confirms=True)
    part = dataclasses.replace(part, planned_blocks=planned_blocks(part.planned_blocks, 2))
    rows = rows_of(first_slots(part), lambda slot: STEADY + (slot.block % 2) * 400_000 * (slot.variant == "v01"))
    assert through(part, rows)
    fresh = confirming(part, rows)
    assert fresh, "the gate is open"
    open_rows = rows + [row(slot, 1000 + index, State.PENDING) for index, slot in enumerate(fresh)]
    assert profiling(part, open_rows) == ()
    done = rows + rows_of(fresh, lambda _: STEADY, start=1000)
    assert [slot.variant for slot in profiling(part, done)] == ["v00", "v01"]
    assert min(slot.block for slot in profiling(part, done)) > max(slot.block for slot in fresh)
    assert not through(part, profiled(part))


@pytest.mark.parametrize(("state", "outcome"), [(State.FAILED, "CRASH(SIGSEGV)"), (State.LOST, "link_lost")])
def test_what_happens_under_the_profiler_speaks_against_nobody(state: str, outcome: str) -> None:
    part = asked()
    rows = profiled(part)
    for name in ("v00", "v01"):
        rows = changed(rows, name, Phase.PROFILE, state=state, outcome=outcome)
    assert failed_cells(rows) == set()
    assert not stopped(part, rows)


def test_a_lost_one_is_tried_three_times_and_a_cancelled_one_as_often_as_it_takes() -> None:
    part = asked(2)
    rows = profiled(part)
    (first, *_) = [each for each in rows if each.phase == Phase.PROFILE]
    rows = changed(rows, first.variant, Phase.PROFILE, state=State.CANCELLED)
    for attempt in range(3):
        (slot,) = requeue(part, rows, first.block, attempt)
        assert (slot.block, slot.attempt, slot.phase) == (first.block, attempt + 1, Phase.PROFILE)
        rows = [*rows, row(slot, 5000 + attempt, State.LOST, outcome="link_lost")]
    assert requeue(part, rows, first.block, 3) == ()


def test_the_estimate_counts_them_and_the_plan_tells_of_them() -> None:
    plain, more = make(preset="ci"), make(preset="ci", profile=True)
    assert more.estimate_s == plain.estimate_s + 6.0
    assert (plain.parts[0].profile, more.parts[0].profile) == (False, True)
    assert estimate_s(more.parts[0]) == more.estimate_s
