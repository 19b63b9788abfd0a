"""Runs whose end has come: nothing more of them is begun, and what was not measured says why."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, Select, select, update

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.blocks import Share, load_share, void
from farm_orchestrator.store.ending import end_part
from farm_orchestrator.store.moments import counts, over
from farm_orchestrator.store.rows import BlockId

TIMES_UP = "times_up"
launch, run = schema.launch.c, schema.run.c


def stop_late(connection: Connection, now: float) -> None:
    """Ends the parts of runs that are past their end. A launch that runs then is let finish first: it may end a block."""
    late = select(run.run).where(run.state == "open", run.ends_by <= now, counts(now))
    forsaken = _lose_forsaken(connection, now, late)
    owed = select(launch.run, launch.board).where(launch.run.in_(late), launch.state == State.PENDING.value)
    busy = select(launch.run, launch.board).where(launch.run.in_(late), launch.state == State.RUNNING.value)
    at_work = {tuple(row) for row in connection.execute(busy)}
    parts = forsaken | {(row.run, row.board) for row in connection.execute(owed.distinct())}
    for name, board in sorted(parts - at_work):
        _stop(connection, load_share(connection, name, board))


def _lose_forsaken(connection: Connection, now: float, late: Select[tuple[str]]) -> set[tuple[str, str]]:
    """What runs on a board that nobody holds: a next holder would sweep it, but nothing is begun there any more."""
    free = select(schema.board.c.board).where(over(schema.board.c.lease_until, now))
    where = (launch.run.in_(late), launch.state == State.RUNNING.value, launch.board.in_(free))
    lost = update(schema.launch).where(*where).values(state=State.LOST.value, outcome="worker_lost", t1=now)
    return {(row.run, row.board) for row in connection.execute(lost.returning(launch.run, launch.board))}


def _stop(connection: Connection, share: Share) -> None:
    """A block that was begun and not finished compares nothing."""
    rows = share.rows(connection)
    begun = {share.block(row) for row in rows if row.state != State.PENDING}
    torn: set[BlockId] = {share.block(row) for row in rows if row.state == State.PENDING} & begun
    torn |= {share.block(row) for row in rows if row.state == State.LOST}
    for block in sorted(torn):
        void(connection, share, block)
    end_part(connection, share, TIMES_UP, _reason(connection, share.part.run))


def _reason(connection: Connection, name: str) -> str:
    row = connection.execute(select(run.ends_by).where(run.run == name)).one()
    return f"the end of the run came first: nothing is begun after {datetime.fromtimestamp(row.ends_by, UTC):%Y-%m-%d %H:%MZ}"
