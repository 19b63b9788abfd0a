"""What the reconciler asks: boards with work and no holder, runs that are finished, reports nobody builds yet."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, exists, or_, select, update

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.interruption import cancel_orphans
from farm_orchestrator.store.moments import due, live, over
from farm_orchestrator.store.store import Store

KICK_AGAIN_S = 3.0
run, launch, board = schema.run.c, schema.launch.c, schema.board.c
UNREPORTED = (run.state == "closed", run.cancel == 0, run.reported == 0, run.word.is_(None))
OPEN = (State.PENDING.value, State.RUNNING.value)


def due_boards(store: Store, tick_s: float) -> list[str]:
    """Boards to kick, marked as kicked: asked again too soon they are left out."""
    return store.patiently(lambda c: _due_boards(c, store.now(), max(3 * tick_s, KICK_AGAIN_S)))


def unkick(store: Store, boards: Iterable[str]) -> None:
    """The kick could not be sent: these boards are due again at once."""
    names = list(boards)
    store.patiently(lambda c: c.execute(update(schema.board).where(board.board.in_(names)).values(kicked=0)) and None)


def close_finished(store: Store) -> list[str]:
    """Closes runs in which no launch is open; their ids."""
    return store.patiently(lambda c: _close_finished(c, store.now()))


def claim_report(store: Store, name: str) -> bool:
    """True for the one caller that is to build the report of a finished run."""
    won = update(schema.run).where(run.run == name, *UNREPORTED).values(reported=1)
    return store.patiently(lambda c: c.execute(won).rowcount > 0)


def left_unreported(store: Store) -> list[str]:
    """Finished runs without a report, behind which no command stands any more; the oldest first."""
    query = select(run.run).where(*UNREPORTED, over(run.attached_until, store.now()))
    return store.read(lambda c: list(c.execute(query.order_by(run.created, run.run)).scalars()))


def _due_boards(connection: Connection, now: float, pause_s: float) -> list[str]:
    work = (
        exists()
        .where(launch.board == board.board, launch.state.in_(OPEN), due(now))
        .where(launch.run == run.run, run.cancel == 0, live(run.attached_until, now))
    )
    silent = or_(board.kicked < now - pause_s, board.kicked > now)
    kicked = update(schema.board).where(over(board.lease_until, now), silent, work).values(kicked=now)
    return sorted(connection.execute(kicked.returning(board.board)).scalars())


def _close_finished(connection: Connection, now: float) -> list[str]:
    cancel_orphans(connection, now)
    unfinished = select(launch.run).where(launch.state.in_(OPEN))
    closed = update(schema.run).where(run.state == "open", run.run.not_in(unfinished))
    return sorted(connection.execute(closed.values(state="closed", finished=now).returning(run.run)).scalars())
