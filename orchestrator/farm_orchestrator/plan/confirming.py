"""Gates that the planned blocks leave open, and the fresh blocks that decide them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from farm_orchestrator.model import LaunchRow, Part, Phase, Slot, State
from farm_orchestrator.plan.blocks import Series, laid_slots, layout_from
from farm_orchestrator.plan.progress import (
    compared,
    confirmed,
    differences,
    failed_cells,
    fits,
    holds,
    last_attempts,
    stopped,
)
from farm_orchestrator.plan.shaping import read_limits, ship_of

TIMES = 2  # as many blocks as the comparison had
OWN = (None, "block_lost")  # no word against a block by its readings


def through(part: Part, rows: Sequence[LaunchRow]) -> bool:
    """Whether no block of the comparison is open, in a part whose gates may be confirmed and were not yet."""
    if not part.confirms or confirmed(rows) or not compared(rows) or stopped(part, rows):
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
    """By point the variants whose relative limit on the median the interval at alpha / m straddles."""
    bound = next((each for each in read_limits(part.limits, part.recipe) if each.confirmed), None)
    if bound is None or not part.gated:
        return {}
    gone, here = failed_cells(rows), _measured(rows)
    found = {
        point.key: [
            name
            for name in ship_of(part)
            if (name, point.key) not in gone
            and _straddles(part, [row for row in here if row.point == point.key], name, floor, bound.value)
        ]
        for point in part.points
    }
    return {point: names for point, names in found.items() if names}


def _straddles(part: Part, here: Sequence[LaunchRow], name: str, floor: float | None, most: float) -> bool:
    import numpy as np

    from farm_reports import verdict
    from farm_reports.stats.compare import change
    from farm_reports.stats.power import LEVEL

    logs = np.array(differences(here, name, part.baseline))
    if verdict.invalid(logs.size, _rejected(here, name)):
        return False
    found = change(logs, LEVEL / part.gated, floor)
    return verdict.inside(math.expm1(found.low), math.expm1(found.high), most) == "undecided"


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
