"""Gates that the planned blocks leave open, and the fresh blocks that decide them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from farm_orchestrator.model import LaunchRow, Part, Phase, Slot, State
from farm_orchestrator.plan.blocks import Series, laid_slots, layout_from
from farm_orchestrator.plan.pasts import latency_budget
from farm_orchestrator.plan.progress import (
    compared,
    confirmed,
    differences,
    failed_cells,
    fits,
    holds,
    last_attempts,
    profiled,
    stopped,
)
from farm_orchestrator.plan.shaping import read_limits, ship_of
from farm_reports.bounds import CONFIRMED, past_metrics

if TYPE_CHECKING:
    from farm_reports.stats.compare import Interval

TIMES = 2  # as many blocks as the comparison had
OWN = (None, "block_lost")  # no word against a block by its readings


def through(part: Part, rows: Sequence[LaunchRow]) -> bool:
    """Whether no block of the comparison is open, in a part whose gates may be confirmed and were not yet."""
    if not part.confirms or confirmed(rows) or profiled(rows) or not compared(rows) or stopped(part, rows):
        return False
    gone = failed_cells(rows)
    return not any(holds(row, gone) for row in last_attempts(_measured(rows)))


def confirming(part: Part, rows: Sequence[LaunchRow], floor: float | None = None) -> tuple[Slot, ...]:
    """Twice the blocks of each comparison whose gate is open: its variants and the baseline, all fresh.

    None where they do not fit into the time on the board. Asked when `through` and nothing else is owed; `floor`: the
    board's own bias, as the report will take it. The same rows give the same slots.
    """
    if not through(part, rows):
        return ()
    arms = undecided(part, rows, floor)
    if not arms:
        return ()
    here = _measured(rows)
    laid = layout_from(part, 1 + max(row.block for row in here), arms)
    counts = [_blocks(part, here, at) for at in laid.series]
    numbers = sorted(laid.number(index, each) for index, count in enumerate(counts) for each in range(TIMES * count))
    slots = tuple(slot for block in numbers for slot in laid_slots(part, laid, block))
    return slots if fits(part, rows, here, len(slots)) else ()


def undecided(part: Part, rows: Sequence[LaunchRow], floor: float | None = None) -> dict[str, list[str]]:
    """By point whose gate on the median the interval at alpha / m leaves open: variants, and what they were beside them."""
    if not part.gated:
        return {}
    gone, here = failed_cells(rows), _measured(rows)
    found = {}
    for point in part.points:
        known = [row for row in here if row.point == point.key]
        left = {name for name, at in gone if at == point.key}
        found[point.key] = _of_limits(part, known, left, floor) + _of_pasts(part, known, left, floor)
    return {point: list(dict.fromkeys(names)) for point, names in found.items() if names}


def _of_limits(part: Part, here: Sequence[LaunchRow], gone: AbstractSet[str], floor: float | None) -> list[str]:
    """Variants whose relative limit is straddled."""
    from farm_reports import verdict

    bound = next((each for each in read_limits(part.limits, part.recipe) if each.confirmed), None)
    if bound is None:
        return []
    told = ((name, _gate(part, here, (name, part.baseline), floor)) for name in ship_of(part) if name not in gone)
    return [
        name
        for name, one in told
        if one and verdict.inside(math.expm1(one.low), math.expm1(one.high), bound.value) == "undecided"
    ]


def _of_pasts(part: Part, here: Sequence[LaunchRow], gone: AbstractSet[str], floor: float | None) -> list[str]:
    """Variants, and what they were, of which nobody can tell yet whether they got worse."""
    from farm_reports import verdict

    if CONFIRMED not in past_metrics(part.limits.budgets):
        return []
    margins = verdict.past_margins(latency_budget(part.limits.budgets))
    pairs = [(arm.of, arm.variant.name) for arm in part.arms]
    told = ((pair, _gate(part, here, pair, floor)) for pair in pairs if not gone & {*pair})
    return [
        name for pair, one in told if one and verdict.against_past(one, *margins) == "inconclusive" for name in pair
    ]


def _gate(part: Part, here: Sequence[LaunchRow], pair: tuple[str, str], floor: float | None) -> Interval | None:
    """The interval that a gate is judged by; None where no comparison is valid."""
    import numpy as np

    from farm_reports import verdict
    from farm_reports.stats.compare import change
    from farm_reports.stats.power import LEVEL

    logs = np.array(differences(here, *pair))
    if verdict.invalid(logs.size, _rejected(here, pair[0])):
        return None
    return change(logs, LEVEL / part.gated, floor)


def _rejected(here: Sequence[LaunchRow], name: str) -> int:
    """Attempts of blocks with this variant that their readings rejected."""
    with_it = {(row.block, row.attempt) for row in here if row.variant == name}
    rejected = {(row.block, row.attempt) for row in here if row.state == State.REJECTED or row.dropped not in OWN}
    return len(with_it & rejected)


def _blocks(part: Part, here: Sequence[LaunchRow], at: Series) -> int:
    """How many blocks the comparison of these variants had; the baseline is in those of others too."""
    others = [name for name in at.names if name != part.baseline]
    return max(len({row.block for row in here if (row.variant, row.point) == (name, at.point)}) for name in others)


def _measured(rows: Sequence[LaunchRow]) -> list[LaunchRow]:
    return [row for row in rows if row.phase == Phase.MEASURE]
