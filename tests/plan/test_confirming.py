"""Gates that the planned blocks leave open get twice as many fresh blocks, once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_orchestrator.model import LaunchRow, Limits, Part, Phase, Slot, State
from farm_orchestrator.plan import confirming, first_slots, next_slots, requeue, through
from farm_orchestrator.plan.blocks import seed, square, square_rows
from farm_orchestrator.plan.confirming import undecided
from farm_orchestrator.plan.estimate import confirm_s, launch_s
from farm_reports.stats.power import planned_blocks
from plan_support import make, part_of, row, rows_of

LIMIT = Limits({"latency_p50": "+5%"}, ship=("v*",))
AT_LIMIT, INSIDE, OUTSIDE = 1.05, 0.9, 1.3


def gated(count: int = 3, *, points: int = 1, limits: Limits = LIMIT) -> Part:
    """Every variant but the baseline is to ship, and its gate may be judged twice."""
    part, comparisons = part_of(count, points=points), 2 * (count - 1) * points
    blocks = planned_blocks(part.planned_blocks, comparisons)
    return dataclasses.replace(part, limits=limits, gated=comparisons, confirms=True, planned_blocks=blocks)


def times(ratios: Mapping[str, float], sd: float = 0.002, start: int = 1) -> Callable[[Slot], int]:
    """By variant, or by variant and point; 1 where nothing is said."""
    rng = np.random.default_rng(start)

    def draw(slot: Slot) -> int:
        ratio = ratios.get(f"{slot.variant} {slot.point}", ratios.get(slot.variant, 1.0))
        return int(1e7 * ratio * np.exp(rng.normal(0, sd)))

    return draw


def measured(part: Part, ratios: Mapping[str, float], sd: float = 0.002) -> list[LaunchRow]:
    return rows_of(first_slots(part), times(ratios, sd))


def changed(rows: list[LaunchRow], which: Callable[[LaunchRow], bool], **fields: Any) -> list[LaunchRow]:
    return [dataclasses.replace(each, **fields) if which(each) else each for each in rows]


# Which gates.


def test_an_open_gate_gets_twice_the_blocks_of_its_variant_and_the_baseline() -> None:
    part = gated(4)
    rows = measured(part, {"v01": INSIDE, "v02": AT_LIMIT, "v03": OUTSIDE})
    slots = confirming(part, rows)
    assert {slot.variant for slot in slots} == {"v00", "v02"}
    assert {slot.phase for slot in slots} == {Phase.CONFIRM}
    blocks = sorted({slot.block for slot in slots})
    start = 1 + max(each.block for each in rows)
    assert blocks == list(range(start, start + 2 * part.planned_blocks)), "fresh numbers, counting on"


def test_gates_that_are_decided_are_not_confirmed() -> None:
    part = gated()
    rows = measured(part, {"v01": INSIDE, "v02": OUTSIDE})
    assert through(part, rows)
    assert confirming(part, rows) == ()


@pytest.mark.parametrize(
    "limits",
    [
        Limits({"latency_p50": "10.5ms"}, ship=("v*",)),
        Limits({"peak_memory": "+5%"}, ship=("v*",)),
        Limits({"latency_p50": "+5%"}),
        Limits({"latency_p50": "+5%"}, ship=("v00",)),
    ],
)
def test_only_a_relative_limit_on_the_median_of_a_shipped_variant_is(limits: Limits) -> None:
    part = gated(limits=limits)
    assert confirming(part, measured(part, {"v01": AT_LIMIT, "v02": AT_LIMIT})) == ()


@pytest.mark.parametrize(
    ("preset", "options", "confirms"),
    [("quick", {}, False), ("ci", {}, True), ("standard", {}, True), ("standard", {"max_blocks": 20}, False)],
)
def test_not_with_short_slots_nor_where_the_blocks_are_capped(
    preset: str, options: dict[str, Any], *, confirms: bool
) -> None:
    limits = Limits({"latency_p50": "+5%", "peak_memory": "+5%"}, ship=("int8",))
    plan = make(limits=limits, preset=preset, **options)
    assert plan.parts[0].confirms == confirms
    assert plan.parts[0].gated == plan.gated == (3 if confirms else 2), "judged twice, it counts twice"
    assert (plan.confirm_s > 0) == confirms


def test_nothing_is_confirmed_where_nothing_is_gated() -> None:
    for limits in (Limits(), Limits({"latency_p50": "20ms"}, ship=("int8",)), Limits({"latency_p50": "+5%"})):
        assert not make(limits=limits, preset="standard").parts[0].confirms


def test_the_boards_own_bias_decides_as_it_will_in_the_report() -> None:
    part = gated(2)
    rows = measured(part, {"v01": 1.04}, sd=0.001)
    assert undecided(part, rows, floor=0.001) == {}
    assert undecided(part, rows, floor=0.02) == {part.points[0].key: ["v01"]}


def test_a_comparison_of_too_few_valid_blocks_is_none_to_confirm() -> None:
    part = gated(2)
    rows = measured(part, {"v01": AT_LIMIT})
    last = max(each.block for each in rows)
    assert confirming(part, rows)
    assert confirming(part, changed(rows, lambda each: each.block == last, dropped="block_lost")) == ()


def test_nor_one_of_which_most_blocks_were_rejected() -> None:
    part = gated(2)
    rows = measured(part, {"v01": AT_LIMIT})
    again = [
        dataclasses.replace(each, id=each.id + 100, attempt=each.attempt + at, state=State.REJECTED, p50_ns=None)
        for each in rows if each.phase == Phase.MEASURE for at in (-1, -2)
    ]  # fmt: skip
    few = [each for each in again if each.attempt == -1]
    assert confirming(part, rows + few) != ()
    assert confirming(part, rows + again) == ()


def test_a_variant_that_failed_is_not_confirmed_and_without_the_baseline_nothing_is() -> None:
    part = gated(3)
    rows = measured(part, {"v01": AT_LIMIT, "v02": AT_LIMIT})
    last = max(each.id for each in rows if each.variant == "v01")
    failed = changed(rows, lambda each: each.id == last, state=State.FAILED, outcome="CRASH(11)", p50_ns=None)
    assert {slot.variant for slot in confirming(part, failed)} == {"v00", "v02"}
    last = max(each.id for each in rows if each.variant == "v00")
    assert confirming(part, changed(rows, lambda each: each.id == last, state=State.FAILED, outcome="CRASH(11)")) == ()


# When.


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.CANCELLED, State.SKIPPED])
def test_not_while_a_block_of_the_comparison_is_open_at_any_point_or_was_given_up(state: str) -> None:
    part = gated(2, points=2)
    rows = measured(part, {"v01": AT_LIMIT})
    assert confirming(part, rows)
    for which in (rows[-1].id, rows[-3].id):
        held = changed(rows, lambda each, which=which: each.id == which, state=state, p50_ns=None)  # type: ignore[misc]  # bound here
        assert confirming(part, held) == ()


def test_only_where_it_fits_into_the_time_on_the_board() -> None:
    part = gated(2)
    rows = [
        dataclasses.replace(each, t0=10.0 * at, t1=10.0 * at + 10)
        for at, each in enumerate(measured(part, {"v01": AT_LIMIT}))
    ]
    spent, more = 10.0 * len(rows), 10.0 * 2 * 16
    assert confirming(dataclasses.replace(part, time_s=spent + more), rows) != ()
    assert confirming(dataclasses.replace(part, time_s=spent + more - 1), rows) == ()
    assert confirming(dataclasses.replace(part, until=spent + more), rows) != ()
    assert confirming(dataclasses.replace(part, until=spent + more - 1), rows) == ()
    slow = [dataclasses.replace(each, t0=60.0 * at, t1=60.0 * at + 60) for at, each in enumerate(rows)]
    assert confirming(part, slow) == (), "19 minutes are through, and 32 more are over 45"


def test_a_comparison_that_went_on_gets_twice_what_it_had() -> None:
    part = gated(2)
    rows = measured(part, {"v01": AT_LIMIT}, sd=0.02)
    draw = times({"v01": AT_LIMIT}, sd=0.02, start=2)
    while slots := next_slots(part, rows):
        rows += rows_of(slots, draw, len(rows))
    blocks = {each.block for each in rows if each.phase == Phase.MEASURE}
    assert len(blocks) > part.planned_blocks
    assert len({slot.block for slot in confirming(part, rows)}) == 2 * len(blocks)


# The same rows, the same slots; asked again, none.


@given(st.integers(2, 10), st.integers(1, 2), st.data())
@settings(max_examples=8, deadline=None)
def test_the_same_rows_give_the_same_slots_and_planned_ones_are_never_planned_again(
    count: int, points: int, data: st.DataObject
) -> None:
    part = gated(count, points=points)
    cells = [f"{each.name} {point.key}" for each in part.variants[1:] for point in part.points]
    chosen = data.draw(st.sets(st.sampled_from(cells), min_size=1))
    rows = measured(part, dict.fromkeys(chosen, AT_LIMIT), sd=0.001)
    slots = confirming(part, rows)
    assert slots == confirming(part, data.draw(st.permutations(rows)))
    places = [(slot.block, slot.attempt, slot.position) for slot in slots]
    assert len(set(places)) == len(places)
    assert min(slot.block for slot in slots) == 1 + max(each.block for each in rows)
    for cell in cells:
        mine = [slot for slot in slots if f"{slot.variant} {slot.point}" == cell]
        assert len(mine) == (2 * part.planned_blocks if cell in chosen else 0)
    for block in {slot.block for slot in slots}:
        here = [slot for slot in slots if slot.block == block]
        assert len({slot.point for slot in here}) == 1
        assert "v00" in {slot.variant for slot in here}
        assert 2 <= len(here) <= 8
    for state in (State.PENDING, State.DONE, State.CANCELLED):
        more = rows + [row(slot, 10_000 + at, state) for at, slot in enumerate(slots)]
        assert confirming(part, more) == next_slots(part, more) == ()


def test_orders_come_from_a_square_with_the_seed_of_its_first_block() -> None:
    part = gated(4)
    slots = confirming(part, measured(part, {"v01": AT_LIMIT, "v02": AT_LIMIT}))
    names = ("v00", "v01", "v02")
    start = slots[0].block
    for at in range(2 * part.planned_blocks):
        rows = square(names, seed(part, start + at - at % square_rows(3), 0))
        assert tuple(slot.variant for slot in slots if slot.block == start + at) == rows[at % square_rows(3)]


def test_a_fresh_block_is_repeated_as_one_with_an_order_of_its_own() -> None:
    part = gated(12, points=2)
    here = part.points[1].key
    rows = measured(part, {f"v01 {here}": AT_LIMIT, f"v07 {here}": AT_LIMIT, "v09": AT_LIMIT})
    slots = confirming(part, rows)
    rows += [row(slot, 10_000 + at) for at, slot in enumerate(slots)]
    for block in sorted({slot.block for slot in slots})[:4]:
        again = requeue(part, rows, block, 0)
        mine = [slot for slot in slots if slot.block == block]
        assert {(slot.block, slot.attempt, slot.phase, slot.point) for slot in again} == {
            (block, 1, Phase.CONFIRM, mine[0].point)
        }
        assert sorted(slot.variant for slot in again) == sorted(slot.variant for slot in mine)
        assert again == requeue(part, rows, block, 0)


def test_a_variant_that_fails_in_a_fresh_block_is_left_out_of_those_that_are_repeated() -> None:
    part = gated(3)
    rows = measured(part, {"v01": AT_LIMIT, "v02": AT_LIMIT})
    slots = confirming(part, rows)
    fresh = [row(slot, 10_000 + at) for at, slot in enumerate(slots)]
    first = next(each for each in fresh if each.variant == "v01")
    failed = changed(fresh, lambda each: each.id == first.id, state=State.FAILED, outcome="CRASH(11)", p50_ns=None)
    assert {slot.variant for slot in requeue(part, rows + failed, first.block, 0)} == {"v00", "v02"}


def test_the_plan_says_how_long_it_may_take() -> None:
    limits = Limits({"latency_p50": "+5%"}, ship=("a", "b"))
    plan = make(("base", "a", "b", "c"), limits=limits, preset="standard", boards=("b0", "b1"), threads=(1, 2))
    part = plan.parts[0]
    expected = 2 * part.planned_blocks * 3 * 2 * launch_s(part.recipe)
    assert plan.confirm_s == pytest.approx(expected)
    assert confirm_s(part, {("b0", "standard", "burst"): 20.0}) == 2 * part.planned_blocks * 3 * 2 * 20.0
