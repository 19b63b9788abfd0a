"""What boards said of themselves when they were last reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select

from farm_orchestrator.model import NOT_SUPPORTED, Json
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

part, run, launch = schema.part.c, schema.run.c, schema.launch.c


@dataclass(frozen=True)
class Hello:
    """What the agent of a board greeted with, and the end of its run; its begin where that goes on."""

    told: Json
    at: float


def last_hellos(store: Store, boards: Iterable[str]) -> dict[str, Hello]:
    """The last of each of these boards, over all runs."""
    newest = (
        func.row_number().over(partition_by=part.board, order_by=(run.created.desc(), run.run.desc())).label("newest")
    )
    found = (
        select(part.run, part.board, newest)
        .join(schema.run, run.run == part.run)
        .where(part.board.in_(list(boards)), part.facts.is_not(None))
        .subquery()
    )
    query = (
        select(part.board, part.facts, func.coalesce(run.finished, run.created).label("at"))
        .join(found, (found.c.run == part.run) & (found.c.board == part.board))
        .join(schema.run, run.run == part.run)
        .where(found.c.newest == 1)
    )
    return store.read(lambda c: {row.board: Hello(row.facts, row.at) for row in c.execute(query)})


def unsupported(store: Store, name: str) -> set[tuple[str, str]]:
    """(board, variant) of a run where the board's runtime could not load the file."""
    query = select(launch.board, launch.variant).distinct().where(launch.run == name, launch.outcome == NOT_SUPPORTED)
    return store.read(lambda c: {(row.board, row.variant) for row in c.execute(query)})
