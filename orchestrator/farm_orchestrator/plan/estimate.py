"""What a plan costs and what it can see, told before it starts."""

from __future__ import annotations

from farm_orchestrator.model import Part, Recipe
from farm_orchestrator.plan.blocks import measure_start, series
from farm_reports.stats.power import LEVEL, TYPICAL_SD, detectable

PROCESS_S = 1.5  # import, load, first inferences, the way there and back


def estimate_s(part: Part) -> float:
    """Seconds that the planned blocks of one board take."""
    launches = part.planned_blocks * sum(len(at.names) for at in series(part))
    return measure_start(part) * PROCESS_S + launches * launch_s(part.recipe)


def launch_s(recipe: Recipe) -> float:
    """Seconds of one timed launch."""
    return PROCESS_S + recipe.warmup_s + recipe.slot_s + recipe.cooldown_s


def smallest_effect(recipe: Recipe, blocks: int, gated: int = 0, launch_sd: float = TYPICAL_SD) -> float | None:
    """The smallest relative change that a run of so many blocks will most likely see; None without comparisons."""
    return detectable(blocks, launch_sd, LEVEL / gated if gated else None) if recipe.compare else None
