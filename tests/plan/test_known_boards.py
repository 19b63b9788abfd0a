"""What a plan makes of boards that were measured against themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from farm_orchestrator.calibration import Figures, of_launch, of_part, unmet
from farm_orchestrator.model import FLOOR, PRESETS, Limits, Part, Point
from farm_orchestrator.plan import Plan, Wish, make_plan, smallest_effect
from farm_reports.tables import Calibration
from plan_support import AGENT, make, variant

OWN = Calibration(20, 0.001, 0.0015, 0.004, "quiet", None)
NOISY = Calibration(3, launch_sd=0.04, noise="noisy", reason="3 of 20 A/A runs are there")


def plan(**known: Calibration) -> Plan:
    """Of two variants on the boards a and b."""
    return make_plan(
        run="20260101-000000-abcd", boards=[{"name": "a"}, {"name": "b"}], seed=1, baseline="fp32", agent=AGENT,
        variants=[variant("fp32"), variant("int8")], floor=variant(FLOOR), wish=Wish(PRESETS["quick"], Limits()),
        known={board: [Figures({"board": board, "onnxruntime": "1"}, each)] for board, each in known.items()},
    )  # fmt: skip


def test_the_smallest_effect_of_a_plan_is_what_its_worst_board_sees() -> None:
    default = make().smallest_effect
    both, one, noisy = plan(a=OWN, b=OWN).smallest_effect, plan(a=OWN).smallest_effect, plan(b=NOISY).smallest_effect
    assert default is not None
    assert both is not None
    assert noisy is not None
    assert both < 0.016 < default
    assert one == default
    assert noisy > 2 * default


@pytest.mark.parametrize("preset", ["quick", "ci", "standard"])
def test_a_smaller_floor_and_quieter_launches_show_smaller_effects(preset: str) -> None:
    recipe = PRESETS[preset]
    found = [
        smallest_effect(recipe, recipe.blocks_max, board=each)
        for each in (replace(OWN, floor=0.0005), OWN, replace(OWN, launch_sd=0.02), None)
    ]
    assert all(each is not None for each in found)
    assert found[0] < found[1] < found[2]  # type: ignore[operator]  # none is None
    assert found[1] < found[3]  # type: ignore[operator]  # none is None


def test_a_part_carries_what_was_known_of_its_board_through_every_process() -> None:
    part = plan(a=OWN).parts[0]
    again = Part.from_json(json.loads(json.dumps(part.to_json())))
    assert again == part
    assert of_part(again, {"onnxruntime": "1"}) == OWN
    assert "onnxruntime was 1 and is 2" in (of_part(again, {"onnxruntime": "2"}).reason or "")
    assert of_part(plan().parts[0], {}) == Calibration()


def test_a_part_of_an_earlier_farm_knows_nothing_of_its_board() -> None:
    body = plan(a=OWN).parts[0].to_json()
    del body["calibrations"]
    assert Part.from_json(body).calibrations == ()


def test_the_processors_a_launch_was_bound_to_are_not_those_of_the_board() -> None:
    known = [Figures({"board": "a", "cpus": [0, 1, 2, 3]}, OWN).to_json()]
    part = replace(plan().parts[0], calibrations=tuple(known))
    assert of_launch(part, Point().key, {"cpus": [2, 3]}) == OWN
    assert of_part(part, {"cpus": [2, 3]}).reason is not None


def at(pin: str, *known: Calibration) -> Part:
    """A part whose launches want this clock, and what is known of its board."""
    figures = tuple(Figures({"board": "a"}, each).to_json() for each in known)
    return replace(plan().parts[0], points=(Point(pin=pin),), calibrations=figures)


MAX = replace(OWN, pin="max", eff_khz=1_795_000.0)


def test_what_was_measured_at_a_clock_holds_for_that_clock_alone() -> None:
    assert of_part(at("max", OWN, MAX), {}) == MAX
    assert of_part(at("stock", OWN, MAX), {}) == OWN
    assert of_launch(at("max", OWN, MAX), Point(pin="max").key, {}) == MAX
    assert of_part(at("1800000", MAX), {}) == Calibration(
        reason="its A/A runs are of pin max, and this run is of pin 1800000"
    )
    assert unmet(at("max", MAX)) == MAX
    assert unmet(at("stock", MAX)) == Calibration()


def test_a_sweep_over_clocks_has_no_one_calibration_and_each_of_its_launches_may_have_one() -> None:
    part = replace(at("max", MAX), points=(Point(pin="max"), Point(pin="1200000")))
    assert of_part(part, {}).reason == "its A/A runs are of one clock, and this run is of several"
    assert unmet(part) == Calibration()
    assert of_launch(part, Point(pin="max").key, {}) == MAX
    assert of_launch(part, Point(pin="1200000").key, {}).floor is None


def test_a_calibration_that_cannot_be_read_gives_its_reason_at_every_clock() -> None:
    spoilt = Figures({}, Calibration(reason="it cannot be read")).to_json()
    part = replace(at("max"), calibrations=(spoilt,))
    assert of_part(part, {}).reason == "it cannot be read"
