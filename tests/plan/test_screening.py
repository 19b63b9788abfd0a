"""Who needs no long blocks after four short ones, and what the others are owed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from farm_orchestrator.model import PRESETS, LaunchRow, Limits, Part, Phase, Slot, State
from farm_orchestrator.plan import first_slots, leaving, measure_start, next_slots, order, requeue, screened, series
from farm_orchestrator.plan.screening import screen_blocks
from farm_reports.stats.short import STUDENT, short
from plan_support import make, part_of, row, rows_of

MS = 1_000_000
FIVE = ("v00", "v01", "v02", "v03", "v04")


def part_with(count: int = 6, *, points: int = 1, **limits: Any) -> Part:
    part = part_of(count, points=points, screen=4)
    ship = limits.pop("ship", ())
    return dataclasses.replace(part, limits=Limits(limits, ship=ship))


def times(part: Part, ms: Mapping[str, float], sd: float = 0.002, seed: int = 1) -> Callable[[Slot], int]:
    rng = np.random.default_rng(seed)
    return lambda slot: int(ms.get(slot.variant, 10.0) * MS * math.exp(rng.normal(0, sd)))


def screening(part: Part, ms: Mapping[str, float], sd: float = 0.002, seed: int = 1) -> list[LaunchRow]:
    return rows_of(first_slots(part), times(part, ms, sd, seed))


def gone(part: Part, rows: list[LaunchRow]) -> dict[str, str]:
    return {each.variant: each.reason for each in leaving(part, rows)}


def changed(rows: list[LaunchRow], which: Callable[[LaunchRow], bool], **fields: Any) -> list[LaunchRow]:
    return [dataclasses.replace(each, **fields) if which(each) else each for each in rows]


# Which plans screen.


def test_more_than_four_variants_are_screened_unless_the_blocks_are_short_already() -> None:
    assert make(FIVE, preset="standard").parts[0].screen_blocks == 4
    assert make(FIVE, preset="ci").parts[0].screen_blocks == 4
    assert make(FIVE[:4], preset="standard").parts[0].screen_blocks == 0
    assert make(FIVE, preset="quick").parts[0].screen_blocks == 0
    assert make(FIVE, preset="mlperf").parts[0].screen_blocks == 0


def test_nothing_is_screened_where_nobody_may_leave() -> None:
    assert screen_blocks(PRESETS["ci"], FIVE, "v00", ("v*",)) == 0
    assert screen_blocks(PRESETS["ci"], FIVE, "v00", ("v01", "v02")) == 4


@given(st.integers(5, 20), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_four_short_blocks_of_every_variant_come_before_the_comparison(count: int, points: int) -> None:
    part = part_of(count, points=points, screen=4)
    compared = [slot for slot in first_slots(part) if slot.phase >= Phase.SCREEN]
    assert {slot.phase for slot in compared} == {Phase.SCREEN}
    for variant in part.variants[1:]:
        for point in part.points:
            mine = [slot for slot in compared if (slot.variant, slot.point) == (variant.name, point.key)]
            assert len(mine) == 4
    numbers = {slot.block for slot in compared}
    assert max(numbers) + 1 == measure_start(part) == min(numbers) + 4 * len(series(part))


def test_short_blocks_have_the_slots_and_the_warm_up_of_quick() -> None:
    part = part_of(5, screen=4)
    assert part.recipe_in(Phase.SCREEN) == PRESETS["quick"]
    assert part.recipe_in(Phase.MEASURE) == PRESETS["standard"]


# Who leaves.


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_interval_of_a_few_logs_is_students_with_the_floor(count: int) -> None:
    logs = np.random.default_rng(count).normal(0, 0.05, count)
    assert STUDENT[count - 2] == pytest.approx(t.ppf(0.975, count - 1), rel=1e-6)
    low, high = t.interval(0.95, count - 1, logs.mean(), logs.std(ddof=1) / math.sqrt(count))
    found = short(logs)
    assert found.low < low < logs.mean() < high < found.high
    still = short(np.zeros(4))
    assert (still.low, still.high) == pytest.approx((-1.96 * 0.005, 1.96 * 0.005), rel=1e-3)
    assert not short(logs[:1]).known


def test_far_slower_than_the_best_leaves_with_its_interval_and_its_reason() -> None:
    part = part_with()
    found = gone(part, screening(part, {"v01": 5.0, "v02": 7.6, "v03": 7.4}))
    assert sorted(found) == ["v02", "v04", "v05"], "7.4 ms is less than 1.5 x 5 ms"
    assert found["v02"].startswith("1.52 x the time of v01 (1.50 to 1.5")
    assert found["v02"].endswith("in 4 short blocks; from 1.5 x on it leaves")


def test_the_baseline_and_what_is_meant_to_ship_never_leave() -> None:
    part = part_with(latency_p50="20ms", ship=("v0[23]",))
    found = gone(part, screening(part, {"v00": 90.0, "v02": 90.0, "v03": 50.0, "v04": 90.0, "v05": 5.0}))
    assert sorted(found) == ["v01", "v04"]


def test_outside_a_limit_with_the_whole_interval_leaves_and_at_the_limit_stays() -> None:
    part = part_with(latency_p50="9ms")
    found = gone(part, screening(part, {"v01": 12.0, "v02": 9.0, "v03": 8.0, "v04": 8.5, "v05": 9.2}))
    assert sorted(found) == ["v01", "v05"]
    assert found["v01"].startswith("p50 12 ms (11.")
    assert found["v01"].endswith("in 4 short blocks, limit 9ms")


def test_a_relative_limit_is_read_on_the_ratio_to_the_baseline() -> None:
    part = part_with(latency_p50="0.9x")
    found = gone(part, screening(part, {"v01": 9.5, "v02": 8.0, "v03": 9.0, "v04": 8.1, "v05": 8.2}))
    assert sorted(found) == ["v01"]
    assert "limit 0.9x" in found["v01"]


def test_a_file_over_the_size_limit_leaves_whatever_its_time() -> None:
    part = part_with(size="1x")
    big = dataclasses.replace(part.variants[2].files[0], size=11)
    variants = [dataclasses.replace(each, files=(big,)) if each.name == "v02" else each for each in part.variants]
    part = dataclasses.replace(part, variants=tuple(variants))
    assert sorted(gone(part, screening(part, {"v02": 1.0}))) == ["v02"], "and no other is dominated by it"


def test_peak_memory_is_read_from_the_facts_of_the_launches() -> None:
    part = part_with(peak_memory="100MB")
    rows = [
        dataclasses.replace(each, facts={"peak_memory": 2e8 if each.variant == "v03" else 5e7})
        for each in screening(part, {})
    ]
    assert gone(part, rows) == {"v03": "peak memory 200 MB (198 MB to 202 MB) in 4 short blocks, limit 100MB"}


def test_nobody_is_dominated_by_a_variant_whose_fit_nobody_knows() -> None:
    part = part_with(accuracy="0.9")
    assert gone(part, screening(part, {"v01": 1.0})) == {}


def test_the_baseline_meets_what_is_relative_to_itself_so_what_it_dominates_leaves() -> None:
    part = part_with(accuracy="-1pt")
    assert sorted(gone(part, screening(part, {"v01": 1.0, "v04": 20.0}))) == ["v04"]


def test_a_slow_variant_that_alone_may_meet_the_limits_stays() -> None:
    part = part_with(size="10B", latency_p50="40ms")
    big = dataclasses.replace(part.variants[0].files[0], size=11)
    variants = [each if each.name == "v05" else dataclasses.replace(each, files=(big,)) for each in part.variants]
    part = dataclasses.replace(part, variants=tuple(variants))
    assert sorted(gone(part, screening(part, {"v05": 30.0}))) == ["v01", "v02", "v03", "v04"]


def test_a_variant_without_a_reading_stays_and_rules_nobody_out() -> None:
    part = part_with()
    rows = screening(part, {"v01": 1.0, "v02": 90.0})
    lost = changed(
        rows, lambda each: each.variant in {"v01", "v02"} and each.phase == Phase.SCREEN, dropped="block_lost"
    )
    assert gone(part, lost) == {}


def test_one_reading_decides_nothing() -> None:
    part = part_with()
    rows = screening(part, {"v02": 90.0})
    last = max(each.block for each in rows)
    once = changed(rows, lambda each: each.phase == Phase.SCREEN and each.block != last, dropped="block_lost")
    assert gone(part, once) == {}


def test_a_variant_that_failed_is_not_the_best() -> None:
    part = part_with()
    rows = screening(part, {"v01": 1.0})
    which = max(each.id for each in rows if each.variant == "v01")
    rows = changed(rows, lambda each: each.id == which, state=State.FAILED, outcome="CRASH(11)", p50_ns=None)
    assert gone(part, rows) == {}


def test_the_launches_of_the_comparison_have_no_say() -> None:
    part = part_with()
    rows = [dataclasses.replace(each, phase=Phase.MEASURE) for each in screening(part, {"v01": 1.0})]
    assert leaving(part, rows) == ()


def test_variants_of_different_groups_are_compared_through_the_baseline() -> None:
    part = part_with(12)
    drift = {at: 1 + 0.5 * at for at in range(len(series(part)) * 4)}
    start = min(slot.block for slot in first_slots(part) if slot.phase == Phase.SCREEN)
    ms = {"v01": 2.0, "v02": 2.9, "v03": 3.2}
    draw = times(part, ms, sd=0.001)
    rows = rows_of(first_slots(part), lambda slot: int(draw(slot) * drift.get(slot.block - start, 1)))
    found = gone(part, rows)
    assert [name in found for name in ("v01", "v02", "v03", "v04")] == [False, False, True, True]


@given(st.randoms(use_true_random=False), st.floats(0.001, 1000))
@settings(max_examples=20, deadline=None)
def test_neither_the_order_nor_the_unit_changes_who_leaves(random: Any, factor: float) -> None:
    part = part_with(9)
    rows = screening(part, {f"v{index:02}": 3.0 + index for index in range(9)}, sd=0.02)
    scaled = [dataclasses.replace(each, p50_ns=int((each.p50_ns or 0) * factor * 1e6)) for each in rows]
    mixed = list(scaled)
    random.shuffle(mixed)
    assert sorted(gone(part, mixed)) == sorted(gone(part, rows))


# What is owed.


def test_while_a_screening_launch_is_open_nothing_is_owed() -> None:
    part = part_with()
    rows = screening(part, {})
    for state in (State.PENDING, State.RUNNING, State.CANCELLED):
        open_ = changed(rows, lambda each: each.id == len(rows) - 1, state=state, p50_ns=None)
        assert not screened(part, open_)
        assert next_slots(part, open_) == ()


@given(st.integers(5, 20), st.integers(1, 3), st.data())
@settings(max_examples=15, deadline=None)
def test_after_it_those_who_are_left_get_the_planned_blocks(count: int, points: int, data: st.DataObject) -> None:
    part = part_of(count, points=points, screen=4)
    rows = screening(part, {})
    cells = [(each.name, point.key) for each in part.variants[1:] for point in part.points]
    out = frozenset(data.draw(st.sets(st.sampled_from(cells))))
    assert screened(part, rows)
    slots = next_slots(part, rows, out)
    assert slots == next_slots(part, rows, out)
    assert {slot.phase for slot in slots} == {Phase.MEASURE}
    assert min(slot.block for slot in slots) == measure_start(part) == max(each.block for each in rows) + 1
    for cell in cells:
        assert sum((slot.variant, slot.point) == cell for slot in slots) == (0 if cell in out else part.planned_blocks)
    everybody = rows + [row(slot, 10_000 + index) for index, slot in enumerate(slots)]
    assert not screened(part, everybody)
    assert next_slots(part, everybody, out) == ()
    for block in {slot.block for slot in slots}:
        mine = [slot for slot in slots if slot.block == block]
        assert "v00" in {slot.variant for slot in mine}
        assert len(mine) <= 8
        names = [slot.variant for slot in mine]
        assert order(part, mine[0].point, block, 0, sorted(names), out=out) == tuple(names)


def test_a_repeated_block_of_the_comparison_holds_those_who_are_left() -> None:
    part = part_with(12, points=2)
    out = frozenset({("v03", part.points[0].key), ("v11", part.points[1].key)})
    slots = next_slots(part, screening(part, {}), out)
    rows = rows_of(slots, times(part, {}))
    for block in {slot.block for slot in slots}:
        again = requeue(part, rows, block, 0, out)
        names = sorted(slot.variant for slot in slots if slot.block == block)
        assert sorted(slot.variant for slot in again) == names
        assert {(slot.block, slot.attempt, slot.phase) for slot in again} == {(block, 1, Phase.MEASURE)}


def test_those_who_are_left_share_a_block_once_they_are_few() -> None:
    part = part_with(12)
    rows = screening(part, {})
    out = {(f"v{index:02}", part.points[0].key) for index in range(1, 6)}
    assert len(series(part)) == 2
    assert len(series(part, out)) == 1
    assert {len([s for s in next_slots(part, rows, out) if s.block == measure_start(part)])} == {7}


def test_a_lost_screening_block_is_repeated_as_one() -> None:
    part = part_with()
    rows = screening(part, {})
    block = measure_start(part) - 1
    again = requeue(part, rows, block, 0)
    assert {(slot.block, slot.attempt, slot.phase) for slot in again} == {(block, 1, Phase.SCREEN)}
    assert sorted(slot.variant for slot in again) == [each.name for each in part.variants]


def test_a_failure_in_a_short_block_is_one_at_its_point_only() -> None:
    part = part_with(5, points=2)
    rows = screening(part, {})
    which = next(each.id for each in rows if each.phase == Phase.SCREEN and each.variant == "v01")
    rows = changed(rows, lambda each: each.id == which, state=State.FAILED, outcome="CRASH(11)", p50_ns=None)
    here = next(each.point for each in rows if each.id == which)
    rows = changed(
        rows, lambda each: each.id > which and (each.variant, each.point) == ("v01", here), state=State.SKIPPED
    )
    slots = next_slots(part, rows)
    assert {slot.point for slot in slots if slot.variant == "v01"} == {point.key for point in part.points} - {here}


@pytest.mark.parametrize("told", ["much", -5, [], {}, True, float("nan")])
def test_a_memory_that_is_no_amount_is_not_known(told: Any) -> None:
    part = part_with(peak_memory="50MB")
    rows = screening(part, {"v01": 5.0})
    rows = changed(rows, lambda each: each.phase == Phase.SCREEN, facts={"peak_memory": told})
    assert gone(part, rows) == {}
