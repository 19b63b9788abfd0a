"""The time a person gives: which preset fits, what the plan says of it, and what is refused."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import pytest

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import FLOOR, PRESETS, Limits
from farm_orchestrator.plan import NO_PAST, TRIED, Costs, Plan, Wish, estimate_s, first_fitting, make_plan, possible
from farm_orchestrator.plan.estimate import launch_s
from plan_support import AGENT, make, variant

NOW = 1_000_000.0
TWELVE = tuple(f"v{index:02}" for index in range(12))
PAIR = ("fp32", "int8")


def fitted(
    time_s: float | None,
    names: tuple[str, ...] = PAIR,
    *,
    presets: tuple[str, ...] = TRIED,
    boards: tuple[str, ...] = ("b0",),
    costs: Costs = NO_PAST,
    limits: Limits | None = None,
    **fields: Any,
) -> Plan:
    told = [{"name": name} for name in boards]
    wish = Wish(PRESETS["standard"], limits or Limits(), time_s=time_s, **fields)
    plan = partial(
        make_plan, run="r", boards=told, variants=[variant(name) for name in names], baseline=names[0], seed=1,
        agent=AGENT, floor=variant(FLOOR), costs=costs,
    )  # fmt: skip
    return first_fitting(possible(wish, presets, told, names, names[0]), lambda each: plan(wish=each), NOW)


def preset(plan: Plan) -> str:
    return plan.parts[0].recipe.preset


@pytest.mark.parametrize(
    ("minutes", "names", "wanted"),
    [
        (60, PAIR, "standard"),
        (5, PAIR, "ci"),
        (1, PAIR, "quick"),
        (70, TWELVE, "standard"),
        (35, TWELVE, "ci"),
        (10, TWELVE, "quick"),
    ],
)
def test_the_most_thorough_preset_that_fits_is_taken(minutes: float, names: tuple[str, ...], wanted: str) -> None:
    plan = fitted(minutes * 60, names)
    assert preset(plan) == wanted
    assert plan.estimate_s <= minutes * 60 == plan.given_s
    assert plan.parts[0].time_s == minutes * 60
    assert (plan.parts[0].screen_blocks > 0) == (len(names) > 4 and wanted != "quick")
    assert plan.smallest_effect is not None


def test_what_fits_is_told_where_nothing_does() -> None:
    with pytest.raises(UsageError) as error:
        fitted(120.0, TWELVE)
    assert (
        "do not fit into 2 min 00 s: standard takes about 1 h 07 min on b0, ci takes about 34 min" in error.value.text
    )
    assert error.value.mend == "what would fit: --time 4m (preset quick), or fewer variants or thread counts"
    assert preset(fitted(4 * 60.0, TWELVE)) == "quick"


def test_a_preset_that_was_asked_for_is_the_only_one_tried_and_the_refusal_names_another_that_fits() -> None:
    with pytest.raises(UsageError) as error:
        fitted(40 * 60.0, TWELVE, presets=("standard",))
    assert "standard takes about 1 h 07 min" in error.value.text
    assert "ci takes" not in error.value.text
    assert "--time 67m (preset standard), or --preset ci (about 34 min), or fewer" in str(error.value.mend)
    assert preset(fitted(67 * 60.0, TWELVE, presets=("standard",))) == "standard"


def test_the_time_is_for_each_board_and_the_slowest_decides() -> None:
    boards = ("b0", "b1", "b2")
    assert preset(fitted(600.0, boards=boards)) == preset(fitted(600.0)) == "standard"
    slow = {("b1", "standard", "burst"): 90.0}
    plan = fitted(600.0, boards=boards, costs=slow)
    assert preset(plan) == "ci"
    with pytest.raises(UsageError, match="standard takes about 24 min on b1"):
        fitted(600.0, boards=boards, costs=slow, presets=("standard",))


def test_a_board_s_own_past_says_what_a_launch_costs_there() -> None:
    quick = make(TWELVE, preset="standard").parts[0]
    known = estimate_s(quick)
    fast = estimate_s(quick, {("b0", "standard", "burst"): launch_s(PRESETS["standard"]) - 7.5})
    assert known - fast == pytest.approx(8 * 13 * 7.5)
    short = {("b0", "quick", "burst"): launch_s(PRESETS["quick"]) + 1.0}
    assert estimate_s(quick, short) - known == pytest.approx(4 * 13 * 1.0), "its screening blocks"
    assert estimate_s(quick, {("another", "standard", "burst"): 1.0}) == known
    assert estimate_s(quick, {("b0", "standard", "sustained"): 1.0}) == known


def test_until_is_the_time_that_is_left() -> None:
    plan = fitted(None, until=NOW + 300)
    assert (preset(plan), plan.given_s, plan.parts[0].until) == ("ci", 300, NOW + 300)
    both = fitted(60.0, until=NOW + 300)
    assert (preset(both), both.given_s) == ("quick", 60)
    with pytest.raises(UsageError, match="do not fit into 0 s"):
        fitted(None, until=NOW - 5)


def test_without_a_time_the_preset_is_the_one_that_was_asked_for() -> None:
    plan = fitted(None, presets=("ci",))
    assert (preset(plan), plan.given_s, plan.parts[0].time_s, plan.parts[0].until) == ("ci", None, None, None)


def test_a_preset_that_cannot_reach_a_verdict_is_not_tried() -> None:
    boards = tuple(f"b{index}" for index in range(60))
    relative = Limits({"latency_p50": "+5%"}, ship=("*",))
    assert preset(fitted(30 * 60.0, boards=boards, limits=relative)) == "standard"
    with pytest.raises(UsageError, match="do not fit") as error:
        fitted(60.0, boards=boards, limits=relative)
    assert "quick" not in str(error.value), "13 blocks are needed, quick has 12 at most"
    with pytest.raises(UsageError, match="cannot reach a verdict"):
        fitted(60.0, boards=boards, limits=relative, presets=("quick",))


def test_a_part_keeps_its_time_when_it_is_stored() -> None:
    (part,) = fitted(3600.0, TWELVE, until=NOW + 7200).parts
    assert type(part).from_json(part.to_json()) == part
    body = {name: value for name, value in part.to_json().items() if name not in {"screen_blocks", "time_s", "until"}}
    older = type(part).from_json(body)
    assert older == dataclasses.replace(part, screen_blocks=0, time_s=None, until=None)
