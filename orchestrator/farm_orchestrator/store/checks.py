"""The looks at boards that nobody measures on: whose turn it is, and what came of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, case, exists, func, insert, select, update

from farm_orchestrator.model import Lost, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.events import note_event
from farm_orchestrator.store.leases import usable
from farm_orchestrator.store.locks import hold_board
from farm_orchestrator.store.losses import BACKOFF_MAX_S, BACKOFF_S, OPEN, count_loss, forget_losses
from farm_orchestrator.store.moments import counts, over
from farm_orchestrator.store.store import Store

NIGHT_S = 86_400.0
board, launch, run, event = schema.board.c, schema.launch.c, schema.run.c, schema.event.c
GOOD = "canary_ok"  # the kind of the event of a good look
SEEN = case((board.kicked > board.checked, board.kicked), else_=board.checked).label("seen")  # measured, or looked at


def due_checks(store: Store) -> list[str]:
    """Boards to look at: lost ones, later each time, and those that nobody has measured for a day.

    Never one that takes no work, or has some.
    """
    work = exists().where(launch.board == board.board, launch.state.in_(OPEN), launch.run == run.run)

    def read(connection: Connection) -> list[str]:
        now = store.now(connection)
        idle = (over(board.lease_until, now), *usable(), ~work.where(counts(now)))
        query = select(board.board, board.losses, SEEN).where(*idle).order_by(board.board)
        return [row.board for row in connection.execute(query) if _is_due(row.losses, now - row.seen)]

    return store.read(read)


def wants_check(store: Store, name: str) -> bool:
    """Of a board whose holder has nothing to measure there."""
    query = select(board.losses, SEEN).where(board.board == name, *usable())

    def read(connection: Connection) -> bool:
        row = connection.execute(query).one_or_none()
        return row is not None and _is_due(row.losses, store.now(connection) - row.seen)

    return store.read(read)


def meet(store: Store, name: str) -> None:
    """A board that no run ever had can be held from now on."""

    def write(connection: Connection) -> None:
        if connection.execute(select(board.board).where(board.board == name)).first() is None:
            connection.execute(insert(schema.board).values(board=name))

    store.patiently(write)


def last_facts(store: Store, name: str) -> Mapping[str, Any]:
    """What the last look at the board said; empty where nobody ever looked."""
    query = select(board.facts).where(board.board == name)
    return store.read(lambda c: c.execute(query).scalar_one_or_none()) or {}


def last_looks(store: Store, names: Iterable[str]) -> dict[str, tuple[str | None, float]]:
    """The fingerprint that the last good look at each of these boards saw, and when that was; one that failed sees none."""
    query = (
        select(board.board, board.facts, func.max(event.at).label("at"))
        .join(schema.event, (event.board == board.board) & (event.kind == GOOD))
        .where(board.board.in_(list(names)), board.facts.is_not(None))
        .group_by(board.board)
    )
    return store.read(lambda c: {row.board: (row.facts.get("fingerprint"), row.at) for row in c.execute(query)})


def check_passed(store: Store, name: str, fence: int, text: str, facts: Mapping[str, Any]) -> None:
    """Its losses are forgiven, and what waits for it waits no longer."""

    def write(connection: Connection) -> None:
        now = store.now(connection)
        losses = _written(connection, now, name, fence, {"facts": dict(facts)})
        if losses is None:
            return
        note_event(connection, now, GOOD, board=name, text=text)
        if losses:
            forget_losses(connection, now, name)
            waiting = (launch.board == name, launch.state == State.PENDING.value)
            connection.execute(update(schema.launch).where(*waiting).values(not_before=now))

    store.submit(write, urgent=True)


def check_failed(store: Store, name: str, fence: int, lost: Lost) -> None:
    """One more loss of the board."""

    def write(connection: Connection) -> None:
        now = store.now(connection)
        if _written(connection, now, name, fence, {}) is not None:
            note_event(connection, now, "canary_failed", board=name, text=lost.detail)
            count_loss(connection, now, name, lost)

    store.submit(write, urgent=True)


def check_kept_out(store: Store, name: str, fence: int) -> None:
    """Another farm measures there: it is looked at again as late as after any look, and nothing is lost."""

    def write(connection: Connection) -> None:
        _written(connection, store.now(connection), name, fence, {})

    store.submit(write, urgent=True)


def _is_due(losses: int, since_s: float) -> bool:
    """A clock that was set back must not keep a board unseen."""
    wait_s = min(BACKOFF_MAX_S, BACKOFF_S * 2 ** (losses - 1)) if losses else NIGHT_S
    return since_s >= wait_s or since_s < 0


def _written(connection: Connection, now: float, name: str, fence: int, values: Mapping[str, Any]) -> int | None:
    """How often it was lost before; None where somebody else has it now: then nothing is true any more."""
    hold_board(connection, name)
    change = update(schema.board).where(board.board == name, board.fence == fence).values(checked=now, **values)
    return connection.execute(change.returning(board.losses)).scalar_one_or_none()
