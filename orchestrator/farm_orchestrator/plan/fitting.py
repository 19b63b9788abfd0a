"""Which preset fits into the time that a person gives each board."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import SUSTAINED, Json, recipe_of
from farm_orchestrator.plan.estimate import duration
from farm_orchestrator.plan.making import Plan
from farm_orchestrator.plan.shaping import Wish, shape

TRIED = ("standard", "ci", "quick")  # the most thorough first
SOAKED = ("standard",)
Make = Callable[[Wish], Plan]


def tried(mode: str) -> tuple[str, ...]:
    """The presets that a mode has."""
    return SOAKED if mode == SUSTAINED else TRIED


def possible(
    wish: Wish, presets: Sequence[str], boards: Sequence[Json], names: Sequence[str], baseline: str
) -> list[Wish]:
    """The wish at each preset that can reach a verdict. Raises the first refusal where none can."""
    wishes = [replace(wish, recipe=recipe_of(name, wish.mode)) for name in presets]
    refusals = [_refusal(partial(shape, each, boards, names, baseline)) for each in wishes]
    found = [each for each, refusal in zip(wishes, refusals, strict=True) if refusal is None]
    if not found:
        raise next(filter(None, refusals))
    return found


def first_fitting(wishes: Sequence[Wish], make: Make, now: float) -> Plan:
    """The first plan whose planned blocks fit on every board, as any does without a given time.

    Raises UsageError, saying what would fit.
    """
    given_s, plans = wishes[0].given_s(now), []
    if given_s is None:
        return make(wishes[0])
    for wish in wishes:
        plan = make(wish)
        if plan.estimate_s <= given_s:
            return replace(plan, given_s=given_s)
        plans.append(plan)
    raise UsageError(_too_long(plans, given_s), mend=_ways(plans, wishes, make, given_s))


def _refusal(step: Callable[[], object]) -> UsageError | None:
    try:
        step()
    except UsageError as error:
        return error
    return None


def _too_long(plans: Sequence[Plan], given_s: float) -> str:
    takes = ", ".join(f"{_name(plan)} takes about {_exact(plan.estimate_s)} on {plan.slowest}" for plan in plans)
    return f"the planned blocks do not fit into {_exact(given_s)}: {takes}"


def _ways(plans: Sequence[Plan], wishes: Sequence[Wish], make: Make, given_s: float) -> str:
    """More time for the shortest of the plans, another preset where there is one that fits, or less to measure."""
    shortest = min(plans, key=lambda plan: plan.estimate_s)
    ways = [f"--time {math.ceil(shortest.estimate_s / 60)}m (preset {_name(shortest)})"]
    mode, looked_at = wishes[0].mode, {wish.recipe.preset for wish in wishes}
    left = [recipe_of(name, mode) for name in tried(mode) if name not in looked_at]
    others = (_made(make, replace(wishes[0], recipe=recipe)) for recipe in left)
    fitting = next((plan for plan in others if plan is not None and plan.estimate_s <= given_s), None)
    if fitting is not None:
        ways.append(f"--preset {_name(fitting)} (about {duration(fitting.estimate_s)})")
    return "what would fit: " + ", or ".join([*ways, "fewer variants or thread counts"])


def _exact(seconds: float) -> str:
    """Of two times that are close the shorter must look it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if 100 <= seconds < 600 else duration(seconds)


def _made(make: Make, wish: Wish) -> Plan | None:
    try:
        return make(wish)
    except UsageError:
        return None


def _name(plan: Plan) -> str:
    return plan.parts[0].recipe.preset
