"""The launches that tell of each operator: of every cell that was compared, after everything that is timed; pure."""

from __future__ import annotations

from collections.abc import Sequence

from farm_orchestrator.model import LaunchRow, Part, Phase, Slot
from farm_orchestrator.plan.blocks import NOBODY, Cells, profile_slot, series
from farm_orchestrator.plan.progress import compared, failed_cells, holds, last_attempts, profiled, stopped

PROFILE_S = 3.0  # of one launch: a process, and some dozen slower calls


def profiling(part: Part, rows: Sequence[LaunchRow], out: Cells = NOBODY) -> tuple[Slot, ...]:
    """One launch of each variant at each point, where it neither failed nor was screened out (`out`).

    Asked when nothing else is owed. The same rows give the same slots.
    """
    if not part.profile or profiled(rows) or not compared(rows) or stopped(part, rows):
        return ()
    gone, timed = failed_cells(rows), [row for row in rows if row.phase >= Phase.SCREEN]
    if any(holds(row, gone) for row in last_attempts(timed)):
        return ()
    first = 1 + max(row.block for row in rows)
    cells = _cells(part)
    left = [cell for cell in cells if cell not in gone and cell not in out]
    return tuple(profile_slot(part, first + index, 0, *cell) for index, cell in enumerate(left))


def more_s(part: Part) -> float:
    """Seconds that it takes at most."""
    return PROFILE_S * len(_cells(part)) if part.profile else 0.0


def _cells(part: Part) -> list[tuple[str, str]]:
    """(variant, point) of all that is measured, what variants were too."""
    there = {
        point.key: {name for at in series(part) if at.point == point.key for name in at.names} for point in part.points
    }
    return [(each.name, key) for key, names in there.items() for each in part.measured if each.name in names]
