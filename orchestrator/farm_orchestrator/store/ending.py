"""Parts that are given up: what was still owed is skipped, what lacks blocks has no figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select, update

from farm_orchestrator.model import LaunchRow, Part, Phase, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.cells import close_cells

if TYPE_CHECKING:
    from farm_orchestrator.store.blocks import Share

launch, cell = schema.launch.c, schema.cell.c


def end_part(connection: Connection, share: Share, word: str, reason: str) -> None:
    """What is pending becomes skipped; a cell that lacks planned blocks is not_run, the others keep what they have.

    A part of which only profiles are owed keeps all it has: it goes without them.
    """
    from farm_orchestrator import plan

    part, rows = share.part, share.rows(connection)
    skip(connection, share, word)
    if plan.profiled(rows):
        return
    connection.execute(update(schema.part).where(schema.part_of(part.run, part.name)).values(ended=reason))
    full = _full_cells(part, rows)
    query = select(cell.variant, cell.point).where(cell.run == part.run, cell.board == part.name, cell.state.is_(None))
    bare = [tuple(row) for row in connection.execute(query) if tuple(row) not in full]
    close_cells(connection, part, bare, "not_run", reason)


def skip(connection: Connection, share: Share, word: str, cells: Iterable[tuple[str, str]] | None = None) -> None:
    """Pending launches become skipped: all of the part, or those of `cells` (variant, point)."""
    change = update(schema.launch).where(share.where, launch.state == State.PENDING)
    change = change.values(state=State.SKIPPED.value, outcome=word)
    for where in [()] if cells is None else [(launch.variant == v, launch.point == p) for v, p in cells]:
        connection.execute(change.where(*where))


def _full_cells(part: Part, rows: Iterable[LaunchRow]) -> set[tuple[str, str]]:
    done = (row for row in rows if row.state == State.DONE and row.phase == Phase.MEASURE and row.dropped is None)
    counts = Counter((row.variant, row.point) for row in done)
    return {key for key, count in counts.items() if count >= part.planned_blocks}
