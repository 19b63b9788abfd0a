"""Which launches carry idle windows, and what they cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from farm_orchestrator.launch import deadline_s
from farm_orchestrator.model import FLOOR, PRESETS, SOAK, Json, Limits, Part, Phase
from farm_orchestrator.plan import Plan, Wish, blocks, idling, make_plan
from plan_support import AGENT, make, part_of, row, variant


def make_plan_of(boards: Sequence[Json] = ({"name": "b0"},), powered: Sequence[str] = ()) -> Plan:
    return make_plan(
        run="20260101-000000-abcd", boards=boards, variants=[variant("fp32"), variant("int8")], baseline="fp32", seed=1,
        agent=AGENT, floor=variant(FLOOR), wish=Wish(PRESETS["standard"], Limits()), powered=powered,
    )  # fmt: skip


def idles(part: Part, *, powered: bool = True) -> list[tuple[int, float]]:
    """(block, idle time) of each launch that is planned at first."""
    slots = blocks.first_slots(part)
    rows = [row(slot, number) for number, slot in enumerate(slots)]
    return [(each.block, idling.recipe(each, part, powered=powered).idle_s) for each in rows]


def test_presets_say_how_long_a_launch_rests_and_one_that_soaks_never_does() -> None:
    assert {name: recipe.idle_s for name, recipe in PRESETS.items()} == {
        "quick": 0.0, "ci": 0.0, "standard": 30.0, "mlperf": 30.0,
    }  # fmt: skip
    assert SOAK.idle_s == 0.0


@pytest.mark.parametrize("points", [1, 3])
def test_all_launches_of_the_first_two_measured_blocks_rest_and_no_other(points: int) -> None:
    part = part_of(3, points=points)
    start = blocks.measure_start(part)
    found = idles(part)
    assert {block for block, idle_s in found if idle_s} == set(range(start, start + 2 * points))
    assert {idle_s for block, idle_s in found if start <= block < start + 2 * points} == {30.0}
    assert sum(idle_s > 0 for _, idle_s in found) == 3 * 2 * points


def test_on_a_board_without_a_power_source_nobody_rests() -> None:
    assert {idle_s for _, idle_s in idles(part_of(3), powered=False)} == {0.0}


def test_neither_screening_nor_confirming_launches_rest() -> None:
    part = part_of(6, screen=4)
    assert {idle_s for _, idle_s in idles(part)} == {0.0}
    slot = dataclasses.replace(blocks.block_slots(part, blocks.measure_start(part))[0], phase=Phase.CONFIRM)
    assert idling.recipe(row(slot, 1), part, powered=True).idle_s == 0.0


def test_a_launch_that_rests_has_the_time_for_it() -> None:
    part = part_of(2)
    slot = blocks.block_slots(part, blocks.measure_start(part))[0]
    brisk = dataclasses.replace(part, recipe=dataclasses.replace(part.recipe, idle_s=0.0))
    assert deadline_s(row(slot, 1), part) - deadline_s(row(slot, 1), brisk) == 60.0


def test_the_estimate_counts_the_windows_of_the_blocks_that_have_them() -> None:
    part = part_of(3)
    assert idling.idle_s(part, 8) == 2 * 3 * (60.0 + idling.MORE_S)
    assert idling.idle_s(part, 1) == idling.idle_s(part, 8) / 2
    assert idling.idle_s(part_of(3, preset="ci"), 8) == 0.0


def test_a_plan_counts_them_where_the_power_was_read_before_or_a_meter_hangs() -> None:
    plain, read = make(preset="standard"), make_plan_of(powered=("b0",))
    metered = make_plan_of(boards=[{"name": "b0", "meter": "shelly://192.0.2.9"}])
    more_s = idling.idle_s(plain.parts[0], 8)
    assert more_s > 0
    assert read.estimate_s == pytest.approx(plain.estimate_s + more_s)
    assert metered.estimate_s >= read.estimate_s  # its chirp beside
    assert make(preset="ci").estimate_s < plain.estimate_s
