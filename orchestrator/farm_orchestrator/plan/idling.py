"""Which launches are blocked before and after their slot, so that the power of the idle board is known: pure."""

from __future__ import annotations

import dataclasses

from farm_orchestrator.model import Kind, LaunchRow, Part, Phase, Recipe
from farm_orchestrator.plan.blocks import measure_start, series

ROUNDS = 2  # of the comparison: all launches of their blocks alike, so that none of an arm rests where another does not
MORE_S = 5.0  # around both windows: until the board is at rest, and until it is warm again


def recipe(row: LaunchRow, part: Part, *, powered: bool) -> Recipe:
    """That of a launch; `powered`: the board has a source of power that is read."""
    found = part.recipe_in(row.phase)
    idles = powered and row.kind == Kind.MEASURE and row.phase == Phase.MEASURE
    first = row.block < measure_start(part) + ROUNDS * len(series(part))
    return found if idles and first else dataclasses.replace(found, idle_s=0.0)


def idle_s(part: Part, blocks: int) -> float:
    """Seconds that so many blocks of each series are longer by."""
    each = sum(len(at.names) for at in series(part))
    own_s = part.recipe.idle_s
    return min(ROUNDS, blocks) * each * (2 * own_s + MORE_S) if own_s else 0.0
