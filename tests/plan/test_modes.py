"""Burst and sustained: what a plan makes of a mode."""

from __future__ import annotations

import pytest

from farm_orchestrator.calibration import Figures, of_launch, of_part
from farm_orchestrator.launch import deadline_s
from farm_orchestrator.model import (
    FLOOR,
    MODES,
    PRESETS,
    SUSTAINED,
    Kind,
    Limits,
    Phase,
    Point,
    Slot,
    recipe_of,
)
from farm_orchestrator.plan import Plan, Wish, estimate_s, make_plan, plan_document, tried
from farm_orchestrator.plan.estimate import launch_s
from farm_reports.tables import NEVER, Calibration
from plan_support import AGENT, DIGEST, row, variant

OWN = Calibration(20, 0.001, 0.0015, 0.004, "quiet", None, idle_mc=43_000.0)


def plan(mode: str, *, known: bool = True, preset: str = "standard") -> Plan:
    figures = {"b0": [Figures({"board": "b0"}, OWN)]} if known else {}
    return make_plan(
        run="r", boards=[{"name": "b0"}], variants=[variant("fp32"), variant("int8")], baseline="fp32", seed=1,
        agent=AGENT, floor=variant(FLOOR), wish=Wish(recipe_of(preset, mode), Limits(), mode=mode), known=figures,
    )  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_the_mode_is_part_of_every_point_and_stands_in_the_plan(mode: str) -> None:
    made = plan(mode)
    assert {Point.from_key(point).mode for _, _, point in made.cells} == {mode}
    assert made.parts[0].mode == mode
    document = plan_document(made)
    assert document["mode"] == mode
    assert document["recipe"]["preset"] == "standard"
    assert all(f"/{mode}/" in block["point"] for block in document["blocks"])


def test_a_sustained_launch_soaks_for_up_to_fifteen_minutes_and_is_timed_for_one() -> None:
    recipe, burst = plan(SUSTAINED).parts[0].recipe, PRESETS["standard"]
    assert (recipe.slot_s, recipe.slot_cap_s, recipe.warmup_max_s) == (60.0, 600.0, 900.0)
    assert (recipe.blocks_min, recipe.blocks_max, recipe.windows) == (burst.blocks_min, burst.blocks_max, burst.windows)
    assert (tried(SUSTAINED), len(tried("burst"))) == (("standard",), 3)


def test_what_comes_before_the_comparison_soaks_nothing_and_waits_for_nothing() -> None:
    part = plan(SUSTAINED).parts[0]
    for phase in (Phase.CHECK, Phase.EVALUATE):
        recipe = part.recipe_in(phase)
        assert (recipe.warmup_max_s, recipe.slot_s, recipe.cooldown_max_s, recipe.cooldown_s) == (1.0, 0.5, 0.0, 0.0)
        assert recipe.rows_s == part.recipe.rows_s
    assert part.recipe_in(Phase.SCREEN) == PRESETS["quick"]
    assert part.recipe_in(Phase.MEASURE) == part.recipe_in(Phase.CONFIRM) == part.recipe


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("phase", [Phase.CHECK, Phase.MEASURE])
def test_the_deadline_holds_the_rest_the_soak_and_a_slot_that_slides(mode: str, phase: Phase) -> None:
    part = plan(mode).parts[0]
    recipe, who = part.recipe_in(phase), Slot("b0", phase, 0, 0, 0, "fp32", DIGEST, "", Kind.MEASURE)
    longest = recipe.cooldown_max_s + recipe.warmup_max_s + recipe.slot_cap_s
    assert deadline_s(row(who, 1), part) >= recipe.load_budget_s + longest + 60.0


def test_a_calibration_says_nothing_of_a_sustained_run_and_the_reason_is_told() -> None:
    burst, sustained = plan("burst"), plan(SUSTAINED)
    assert of_part(burst.parts[0], {}) == OWN
    for held in (of_part(sustained.parts[0], {}), of_launch(sustained.parts[0], sustained.parts[0].points[0].key, {})):
        assert held == Calibration(reason="its A/A runs are of mode burst, and this run is sustained")
    assert of_part(plan(SUSTAINED, known=False).parts[0], {}).reason == NEVER
    assert burst.smallest_effect is not None
    assert sustained.smallest_effect == plan(SUSTAINED, known=False).smallest_effect
    assert sustained.smallest_effect != burst.smallest_effect


def test_a_launch_typically_takes_what_the_design_counts_with() -> None:
    costs = {name: launch_s(PRESETS[name]) for name in ("quick", "ci", "standard")}
    assert 2.0 <= costs["quick"] <= 2.5
    assert costs["ci"] == pytest.approx(18.0, abs=1.0)
    assert costs["standard"] == pytest.approx(34.0, rel=0.1)
    assert launch_s(recipe_of("standard", SUSTAINED)) > 300.0


def test_each_mode_is_counted_with_its_own_past() -> None:
    past = {("b0", "standard", "burst"): 30.0, ("b0", "standard", SUSTAINED): 80.0}
    burst, sustained = (estimate_s(plan(mode).parts[0], past) for mode in ("burst", SUSTAINED))
    assert sustained - burst == pytest.approx(16 * 50.0)


def test_the_longest_it_may_take_ends_with_the_last_block_or_the_time() -> None:
    quick, standard = plan("burst", preset="quick"), plan("burst")
    assert quick.longest_s == pytest.approx(quick.estimate_s + 4 * 2 * launch_s(PRESETS["quick"]))
    assert standard.longest_s == 45 * 60.0
    assert plan(SUSTAINED).longest_s == plan(SUSTAINED).estimate_s > 45 * 60.0
