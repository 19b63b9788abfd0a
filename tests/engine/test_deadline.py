"""What the agent grants a launch."""

from dataclasses import replace

import pytest

from farm_orchestrator.launch import deadline_s
from farm_orchestrator.model import FLOOR, PRESETS, Kind, Phase, Slot
from plan_support import DIGEST, part_of, row

WHO = Slot("b0", Phase.MEASURE, 0, 0, 0, "v00", DIGEST, "", Kind.MEASURE)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_launch_may_warm_up_to_its_maximum_and_slide(preset: str) -> None:
    recipe = PRESETS[preset]
    longest = recipe.warmup_max_s + 2 * max(recipe.slot_s, recipe.slot_cap_s)
    assert deadline_s(row(WHO, 1), part_of(2, preset=preset)) >= recipe.load_budget_s + longest


def test_a_recipe_without_a_maximum_is_granted_its_minimum() -> None:
    recipe = replace(PRESETS["standard"], warmup_max_s=0.0)
    part = replace(part_of(2), recipe=recipe)
    assert deadline_s(row(replace(WHO, variant=FLOOR), 1), part) >= recipe.load_budget_s + 12.0 + 2 * 15.0
