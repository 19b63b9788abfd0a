"""Which launches a run needs, in which order, and when it has enough: pure, computed again from the plan alone."""

from farm_orchestrator.plan.blocks import MAX_ATTEMPTS, Series, first_slots, measure_start, order, series
from farm_orchestrator.plan.estimate import estimate_s, smallest_effect
from farm_orchestrator.plan.making import Plan, make_plan, plan_document
from farm_orchestrator.plan.progress import POISON, failed_cells, next_slots, rejected_block, requeue, stopped
from farm_orchestrator.plan.shaping import Shape, Wish, points, shape

__all__ = [
    "MAX_ATTEMPTS",
    "POISON",
    "Plan",
    "Series",
    "Shape",
    "Wish",
    "estimate_s",
    "failed_cells",
    "first_slots",
    "make_plan",
    "measure_start",
    "next_slots",
    "order",
    "plan_document",
    "points",
    "rejected_block",
    "requeue",
    "series",
    "shape",
    "smallest_effect",
    "stopped",
]
