"""What the figures of a board in a run rest on, by digest: those that were kept hold as long as it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Text, func, select, type_coerce

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

OPEN = (State.PENDING, State.RUNNING, State.CANCELLED)
CONCLUDED = (None, "measured", "invalid")  # of a cell: open, or what a report found and finds again
launch, cell = schema.launch.c, schema.cell.c
LAUNCH = (launch.id, launch.state, launch.fence, launch.dropped, launch.attempt, launch.t1, launch.p50_ns,
          launch.file_sha256, launch.transcript_sha256)  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """`launches`: digest of the launches; `digest`: of all that a board's figures come from. `open`: some are still owed."""

    board: str
    launches: str
    digest: str
    open: bool


def marks(store: Store, run: str) -> dict[str, Mark]:
    """Of every board of the run; what an agent told of a launch is never changed without one of these columns."""
    return store.read(lambda connection: _marks(connection, run))


def span(store: Store, run: str) -> tuple[float | None, float | None]:
    """When the first launch began and the last one ended, in seconds since the epoch."""
    query = select(func.min(launch.t0), func.max(launch.t1)).where(launch.run == run)
    first, last = store.read(lambda connection: connection.execute(query).one())
    return first, last


def _marks(connection: Connection, run: str) -> dict[str, Mark]:
    asked = _digest(connection.execute(_asked(run)))
    parts = {row.board: tuple(row) for row in connection.execute(_parts(run))}
    cells, told = _by_board(connection, _cells(run)), _by_board(connection, _launches(run))
    return {
        board: _mark(board, asked, part, cells.get(board, []), told.get(board, [])) for board, part in parts.items()
    }


def _mark(board: str, asked: str, part: Any, cells: list[Any], told: list[Any]) -> Mark:
    launches = _digest(told)
    is_open = any(row[1] in OPEN for row in told)
    return Mark(board, launches, _digest([asked, part, *map(_fact, cells), launches]), is_open)


def _fact(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A cell without what a report concluded."""
    return row[:2] if row[2] in CONCLUDED else row


def _by_board(connection: Connection, query: Any) -> dict[str, list[Any]]:
    """The rows without their first column."""
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row[0], []).append(tuple(row[1:]))
    return found


def _digest(rows: Iterable[Any]) -> str:
    found = hashlib.sha256()
    for row in rows:
        found.update(repr(row).encode())
    return found.hexdigest()


def _asked(run: str) -> Any:
    c = schema.run.c
    return select(c.seed, type_coerce(c.recipe, Text), type_coerce(c.facts, Text)).where(c.run == run)


def _parts(run: str) -> Any:
    c = schema.part.c
    documents = (type_coerce(c.spec, Text), type_coerce(c.facts, Text))
    return select(c.board, c.ended, *documents).where(c.run == run).order_by(c.board)


def _cells(run: str) -> Any:
    columns = (cell.board, cell.variant, cell.point, cell.state, cell.reason)
    return select(*columns).where(cell.run == run).order_by(cell.board, cell.variant, cell.point)


def _launches(run: str) -> Any:
    return select(launch.board, *LAUNCH).where(launch.run == run).order_by(launch.id)
