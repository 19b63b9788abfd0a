"""What the reconciler asks: boards with work and no holder, runs that are finished, reports nobody builds yet."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, exists, or_, select, update

from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.health import end_held
from farm_orchestrator.store.interruption import cancel_orphans
from farm_orchestrator.store.leases import usable
from farm_orchestrator.store.locks import one_at_a_time
from farm_orchestrator.store.moments import counts, due, over
from farm_orchestrator.store.store import Store
from farm_orchestrator.store.times_up import stop_late

KICK_AGAIN_S = 3.0
ABANDONED_S = 86_400.0  # a report that could not be built for a day is left to a person
run, launch, board = schema.run.c, schema.launch.c, schema.board.c
UNREPORTED = (run.state == "closed", run.cancel == 0, run.reported == 0, run.word.is_(None))
OPEN = (State.PENDING.value, State.RUNNING.value)


def due_boards(store: Store, tick_s: float) -> list[str]:
    """Boards to kick, marked as kicked: asked again too soon they are left out."""
    due = store.patiently(lambda c: _due_boards(c, store.now(c), max(3 * tick_s, KICK_AGAIN_S)))
    failpoint("after_due")
    return due


def unkick(store: Store, boards: Iterable[str]) -> None:
    """The kick could not be sent: these boards are due again at once."""
    names = list(boards)
    store.patiently(lambda c: c.execute(update(schema.board).where(board.board.in_(names)).values(kicked=0)) and None)


def close_finished(store: Store) -> list[str]:
    """Closes runs in which no launch is open; their ids."""
    failpoint("before_close")
    closed = store.patiently(lambda c: _close_finished(c, store.now(c)))
    failpoint("after_close")
    return closed


def claim_report(store: Store, name: str) -> bool:
    """True for the one caller that is to build the report of a finished run."""
    won = update(schema.run).where(run.run == name, *UNREPORTED).values(reported=1)
    taken = store.patiently(lambda c: c.execute(won).rowcount > 0)
    failpoint("report_taken")
    return taken


def left_unreported(store: Store) -> list[str]:
    """Finished runs without a report, behind which no command stands any more; the oldest first."""
    query = select(run.run).where(*UNREPORTED).order_by(run.created, run.run)
    return store.read(lambda c: list(c.execute(query.where(over(run.attached_until, store.now(c)))).scalars()))


def abandoned(store: Store, after_s: float) -> list[str]:
    """Finished runs whose report somebody began so long ago, at most a day, that they have died over it."""

    def read(connection: Connection) -> list[str]:
        now = store.now(connection)
        ended = run.finished.between(now - ABANDONED_S, now - after_s)
        where = (run.state == "closed", run.cancel == 0, run.reported == 1, run.word.is_(None), ended)
        return list(connection.execute(select(run.run).where(*where, over(run.attached_until, now))).scalars())

    return store.read(read)


def _due_boards(connection: Connection, now: float, pause_s: float) -> list[str]:
    work = (
        exists()
        .where(launch.board == board.board, launch.state.in_(OPEN), due(now))
        .where(launch.run == run.run, counts(now))
    )
    silent = or_(board.kicked < now - pause_s, board.kicked > now)
    free = (
        select(board.board)
        .where(over(board.lease_until, now), *usable(), silent, work)
        .with_for_update(skip_locked=True, of=schema.board)  # one board that somebody holds up holds up no other
        .correlate(None)
    )
    kicked = update(schema.board).where(board.board.in_(free)).values(kicked=now)
    return sorted(connection.execute(kicked.returning(board.board)).scalars())


def _close_finished(connection: Connection, now: float) -> list[str]:
    one_at_a_time(connection)
    cancel_orphans(connection, now)
    stop_late(connection, now)
    end_held(connection, now)
    unfinished = exists().where(launch.run == run.run, launch.state.in_(OPEN))
    closed = update(schema.run).where(run.state == "open", ~unfinished)
    return sorted(connection.execute(closed.values(state="closed", finished=now).returning(run.run)).scalars())
