"""What a plan costs and what it can see, told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from farm_orchestrator.model import SOAK, Part, Phase, Recipe
from farm_orchestrator.plan import chirping, profiling
from farm_orchestrator.plan.blocks import layout_from, measure_start, series
from farm_orchestrator.plan.confirming import TIMES
from farm_orchestrator.plan.idling import idle_s
from farm_orchestrator.plan.shaping import ship_of
from farm_reports.stats.power import LEVEL, TYPICAL_SD, detectable
from farm_reports.tables import Calibration

PROCESS_S = 1.2  # import, load, first inferences, canary, the way there and back
REST_S = 8.0  # in which a board settles after a short launch
SOAKED_REST_S, SOAKED_S = 120.0, 180.0  # to cool down from a soak, and to soak until the heat stands still
MORE_WINDOWS = 1 / 3  # of those that the rule needs: a model that takes a second to get going rests so much later
Costs = Mapping[tuple[str, str, str], float]  # (board, preset, mode) -> seconds of a timed launch, from its own past
NO_PAST: Costs = MappingProxyType({})


def estimate_s(part: Part, costs: Costs = NO_PAST) -> float:
    """Seconds that the planned blocks of one board take, where screening sends nobody home."""
    return blocks_s(part, part.planned_blocks, costs)


def blocks_s(part: Part, blocks: int, costs: Costs = NO_PAST) -> float:
    """The same with so many blocks of the comparison."""
    each, short = sum(len(at.names) for at in series(part)), part.screen_blocks * len(series(part))
    screening = part.screen_blocks * each * cost_s(part, Phase.SCREEN, costs)
    timed = blocks * each * cost_s(part, Phase.MEASURE, costs)
    idle = idle_s(part, blocks) if part.powered else 0.0
    return (measure_start(part) - short) * PROCESS_S + screening + timed + idle + _beside_s(part)


def _beside_s(part: Part) -> float:
    """Of what is no block."""
    return chirping.more_s(part) + profiling.more_s(part)


def confirm_s(part: Part, costs: Costs = NO_PAST) -> float:
    """Seconds that it takes at most to confirm the planned blocks: where no gate of the board is decided by them."""
    if not part.confirms:
        return 0.0
    laid = layout_from(part, 0, {point.key: _asked(part, point.key) for point in part.points})
    each = sum(len(at.names) for at in laid.series)
    return TIMES * part.planned_blocks * each * cost_s(part, Phase.CONFIRM, costs)


def _asked(part: Part, point: str) -> list[str]:
    """Whose gates may be confirmed at a point."""
    here = {arm.of: arm.variant.name for arm in part.arms if point in arm.points}
    left = [name for name in ship_of(part) if (name, point) not in part.skipped]
    return [*dict.fromkeys([*left, *here]), *here.values()]


def launch_s(recipe: Recipe) -> float:
    """Seconds that one timed launch typically takes on a board of which nothing is known."""
    soaks = recipe == SOAK
    warmup_s = SOAKED_S if soaks else recipe.warmup_s + MORE_WINDOWS * recipe.windows * recipe.window_s
    rest_s = min(recipe.cooldown_max_s, SOAKED_REST_S if soaks else REST_S)
    return PROCESS_S + rest_s + warmup_s + recipe.slot_s


def smallest_effect(recipe: Recipe, blocks: int, gated: int = 0, board: Calibration | None = None) -> float | None:
    """The smallest relative change that a run of so many blocks will most likely see; None without comparisons.

    A board that was never measured against itself is taken for a typical one.
    """
    noise, floor = (board.launch_sd, board.floor) if board else (None, None)
    side = LEVEL / gated if gated else None
    return detectable(blocks, TYPICAL_SD if noise is None else noise, side, floor) if recipe.compare else None


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 05 min`."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def cost_s(part: Part, phase: Phase, costs: Costs) -> float:
    recipe = part.recipe_in(phase)
    return costs.get((part.name, recipe.preset, part.mode)) or launch_s(recipe)
