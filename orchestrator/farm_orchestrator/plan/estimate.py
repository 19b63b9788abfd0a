"""What a plan costs and what it can see, told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from farm_orchestrator.model import Part, Phase, Recipe
from farm_orchestrator.plan.blocks import measure_start, series
from farm_reports.stats.power import LEVEL, TYPICAL_SD, detectable
from farm_reports.tables import Calibration

PROCESS_S = 1.5  # import, load, first inferences, the way there and back
Costs = Mapping[tuple[str, str], float]  # (board, preset) -> seconds of a timed launch, from the board's own past
NO_PAST: Costs = MappingProxyType({})


def estimate_s(part: Part, costs: Costs = NO_PAST) -> float:
    """Seconds that the planned blocks of one board take, where screening sends nobody home."""
    each, short = sum(len(at.names) for at in series(part)), part.screen_blocks * len(series(part))
    screening = part.screen_blocks * each * _cost(part, Phase.SCREEN, costs)
    timed = part.planned_blocks * each * _cost(part, Phase.MEASURE, costs)
    return (measure_start(part) - short) * PROCESS_S + screening + timed


def launch_s(recipe: Recipe) -> float:
    """Seconds of one timed launch."""
    return PROCESS_S + recipe.warmup_s + recipe.slot_s + recipe.cooldown_s


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


def _cost(part: Part, phase: Phase, costs: Costs) -> float:
    recipe = part.recipe_in(phase)
    return costs.get((part.name, recipe.preset)) or launch_s(recipe)
