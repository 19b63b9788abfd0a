"""What was told of a board before the start, for whoever looks back."""

from __future__ import annotations

from farm_orchestrator.calibration import unmet
from farm_orchestrator.model import Part
from farm_orchestrator.plan.estimate import smallest_effect
from farm_reports.stats.power import TYPICAL_SD
from farm_reports.tables import Promise

PAIR = 2  # variants, or one and what it was: one alone is compared with nothing


def promise(part: Part) -> Promise:
    """The smallest change that the part's board would see: computed again from the plan, as it was announced."""
    board = unmet(part)
    if len(part.measured) < PAIR or not part.recipe.compare:
        return Promise()
    effect = smallest_effect(part.recipe, part.planned_blocks, part.gated, board)
    known = board.launch_sd
    return Promise(effect, TYPICAL_SD if known is None else known, own=known is not None)
