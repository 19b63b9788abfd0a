"""Cells that are closed before the report: they failed, could not run, or were screened out."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select, update

from farm_orchestrator.model import Part
from farm_orchestrator.store import schema

SCREENED_OUT = "screened_out"
cell = schema.cell.c


def close_cells(connection: Connection, part: Part, cells: Iterable[tuple[str, str]], state: str, reason: str) -> None:
    """Closes those of the cells (variant, point) that are still open."""
    of = (cell.run == part.run, cell.board == part.name, cell.state.is_(None))
    for variant, point in cells:
        where = update(schema.cell).where(*of, cell.variant == variant, cell.point == point)
        connection.execute(where.values(state=state, reason=reason))


def screened_out(connection: Connection, part: Part) -> frozenset[tuple[str, str]]:
    """The cells (variant, point) that the screening of the part sent home."""
    if not part.screen_blocks:
        return frozenset()
    query = select(cell.variant, cell.point).where(cell.run == part.run, cell.board == part.name)
    return frozenset((row.variant, row.point) for row in connection.execute(query.where(cell.state == SCREENED_OUT)))
