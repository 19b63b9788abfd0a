"""The blocks and their orders."""

from __future__ import annotations

import dataclasses
from collections import Counter
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_orchestrator.model import FLOOR, Kind, Part, Phase, Slot
from farm_orchestrator.plan import first_slots, measure_start, order, series
from farm_orchestrator.plan.blocks import square, square_rows
from plan_support import part_of

counts = st.integers(1, 20)
seeds = st.integers(0, 2**64)


def blocks_of(part: Part) -> dict[int, list[Slot]]:
    timed = [slot for slot in first_slots(part) if slot.phase == Phase.MEASURE]
    return {block: list(slots) for block, slots in groupby(timed, key=lambda slot: slot.block)}


def test_the_floor_comes_first_then_dry_loads_then_evaluations_then_blocks() -> None:
    slots = first_slots(part_of(3, dataset=True))
    head = [(slot.phase, slot.kind, slot.variant, slot.block) for slot in slots[:8]]
    assert head[0] == (Phase.CHECK, Kind.MEASURE, FLOOR, 0)
    assert head[1:4] == [(Phase.CHECK, Kind.EVALUATE, f"v0{i}", i + 1) for i in range(3)]
    assert head[4:7] == [(Phase.EVALUATE, Kind.EVALUATE, f"v0{i}", i + 4) for i in range(3)]
    assert (head[7][0], head[7][1], head[7][3]) == (Phase.MEASURE, Kind.MEASURE, 7)


def test_without_a_dataset_nothing_is_evaluated() -> None:
    assert all(slot.phase != Phase.EVALUATE for slot in first_slots(part_of(3)))


@given(counts, st.integers(1, 3), seeds)
@settings(max_examples=60, deadline=None)
def test_every_block_has_the_baseline_and_no_variant_twice(count: int, points: int, seed: int) -> None:
    part = part_of(count, points=points, seed=seed)
    for slots in blocks_of(part).values():
        names = [slot.variant for slot in slots]
        assert "v00" in names
        assert len(set(names)) == len(names) <= 8
        assert [slot.position for slot in slots] == list(range(len(slots)))
        assert len({slot.point for slot in slots}) == 1


@given(counts, st.integers(1, 3), seeds)
@settings(max_examples=60, deadline=None)
def test_every_variant_gets_the_planned_blocks_at_every_point(count: int, points: int, seed: int) -> None:
    part = part_of(count, points=points, seed=seed)
    seen = Counter((slot.variant, slot.point) for slots in blocks_of(part).values() for slot in slots)
    groups = len(series(part)) // points
    for variant in part.variants:
        for point in part.points:
            expected = part.planned_blocks * (groups if variant.name == "v00" else 1)
            assert seen[variant.name, point.key] == expected


def test_eight_variants_share_a_block_and_nine_do_not() -> None:
    assert [len(at.names) for at in series(part_of(8))] == [8]
    assert [len(at.names) for at in series(part_of(9))] == [5, 5]
    assert [len(at.names) for at in series(part_of(16))] == [6, 6, 6]


def test_points_rotate_block_by_block() -> None:
    part = part_of(2, points=3)
    points = [slots[0].point for slots in blocks_of(part).values()]
    keys = [point.key for point in part.points]
    assert points[:6] == keys + keys


@given(st.integers(2, 12), seeds)
@settings(max_examples=60, deadline=None)
def test_a_williams_square_balances_positions_and_neighbours(count: int, seed: int) -> None:
    names = [f"n{index}" for index in range(count)]
    rows = square(names, str(seed).encode())
    assert len(rows) == square_rows(count)
    places = Counter((name, position) for row in rows for position, name in enumerate(row))
    neighbours = Counter(pair for row in rows for pair in pairwise(row))
    assert set(places.values()) == {len(rows) // count}
    assert len(places) == count**2
    assert set(neighbours.values()) == {len(rows) // count}
    assert len(neighbours) == count * (count - 1)


@given(st.integers(2, 12), seeds)
@settings(max_examples=40, deadline=None)
def test_consecutive_blocks_of_a_point_use_up_a_whole_square(count: int, seed: int) -> None:
    part = dataclasses.replace(part_of(count, points=2, seed=seed), planned_blocks=24)
    index = 1
    at = series(part)[index]
    size = len(at.names)
    rows = square_rows(size)
    orders = [
        [slot.variant for slot in slots]
        for block, slots in blocks_of(part).items()
        if (block - measure_start(part)) % len(series(part)) == index
    ]
    for start in range(0, 24 - rows + 1, rows):
        places = Counter((name, place) for names in orders[start : start + rows] for place, name in enumerate(names))
        assert set(places.values()) == {rows // size}


@given(st.integers(2, 12), seeds, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_input_changes_no_order_of_launches(count: int, seed: int, random: object) -> None:
    part = part_of(count, seed=seed)
    mixed = list(part.variants)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    again = dataclasses.replace(part, variants=tuple(mixed))
    assert list(blocks_of(again).values()) == list(blocks_of(part).values())


@given(st.integers(2, 12), seeds, st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_any_order_is_computed_again_from_the_plan_alone(count: int, seed: int, attempt: int) -> None:
    part = part_of(count, points=2, seed=seed)
    stored = Part.from_json(part.to_json())
    for block, slots in blocks_of(part).items():
        names = [slot.variant for slot in slots]
        assert order(stored, slots[0].point, block, 0, sorted(names)) == tuple(names)
        later = order(stored, slots[0].point, block, attempt, names)
        assert later == order(part, slots[0].point, block, attempt, sorted(names))
        assert sorted(later) == sorted(names)


def test_another_seed_gives_other_orders() -> None:
    orders = {tuple(slot.variant for slot in first_slots(part_of(6, seed=seed))) for seed in range(20)}
    assert len(orders) == 20


def test_an_order_asked_for_at_the_wrong_point_is_an_error() -> None:
    part = part_of(2, points=2)
    with pytest.raises(ValueError, match="not at"):
        order(part, part.points[1].key, measure_start(part), 0, ["v00", "v01"])
