"""Which launches a run needs, in which order, and when it has enough: pure, computed again from the plan alone."""

from farm_orchestrator.plan.blocks import (
    MAX_ATTEMPTS,
    Series,
    compared_blocks,
    first_slots,
    measure_start,
    order,
    series,
)
from farm_orchestrator.plan.confirming import confirming, through
from farm_orchestrator.plan.estimate import NO_PAST, Costs, duration, estimate_s, smallest_effect
from farm_orchestrator.plan.fingerprint import fingerprint
from farm_orchestrator.plan.fitting import TRIED, first_fitting, possible, tried
from farm_orchestrator.plan.making import Known, Plan, make_plan, plan_document
from farm_orchestrator.plan.pasts import NO_PASTS, Old, Pasts, one_file, unchanged, without_needed
from farm_orchestrator.plan.profiling import more_s as profile_s
from farm_orchestrator.plan.profiling import profiling
from farm_orchestrator.plan.progress import POISON, failed_cells, next_slots, profiled, requeue, screened, stopped
from farm_orchestrator.plan.promising import promise
from farm_orchestrator.plan.screening import Leaver, leaving
from farm_orchestrator.plan.shaping import Shape, Wish, plan_points, points, shape
from farm_orchestrator.plan.supply import reason as starving
from farm_orchestrator.plan.supply import starved
from farm_orchestrator.plan.sweeping import Ladder, Steps, mhz, stepped, sweeps
from farm_orchestrator.plan.validity import Cause, block_cause

__all__ = [
    "MAX_ATTEMPTS",
    "NO_PAST",
    "NO_PASTS",
    "POISON",
    "TRIED",
    "Cause",
    "Costs",
    "Known",
    "Ladder",
    "Leaver",
    "Old",
    "Pasts",
    "Plan",
    "Series",
    "Shape",
    "Steps",
    "Wish",
    "block_cause",
    "compared_blocks",
    "confirming",
    "duration",
    "estimate_s",
    "failed_cells",
    "fingerprint",
    "first_fitting",
    "first_slots",
    "leaving",
    "make_plan",
    "measure_start",
    "mhz",
    "next_slots",
    "one_file",
    "order",
    "plan_document",
    "plan_points",
    "points",
    "possible",
    "profile_s",
    "profiled",
    "profiling",
    "promise",
    "requeue",
    "screened",
    "series",
    "shape",
    "smallest_effect",
    "starved",
    "starving",
    "stepped",
    "stopped",
    "sweeps",
    "through",
    "tried",
    "unchanged",
    "without_needed",
]
