"""Boards that take no work for a while: in quarantine, drained, given back; and what the last look at them said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, exists, func, insert, or_, select, update

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.events import note_event
from farm_orchestrator.store.losses import end_parts, forget_losses
from farm_orchestrator.store.moments import counts, over
from farm_orchestrator.store.store import Store

QUARANTINED, DRAINED, RELEASED = "quarantined", "drained", "released"
board, event, launch = schema.board.c, schema.event.c, schema.launch.c


@dataclass(frozen=True)
class Health:
    """`quarantined`, `drained`: why it takes no work, and `since` when. `reason`: of the last of its `losses` in a row.

    `checked`: when it was last looked at, 0: never; `facts`: what that look said.
    """

    board: str
    quarantined: str | None = None
    drained: str | None = None
    since: float | None = None
    losses: int = 0
    reason: str | None = None
    checked: float = 0.0
    facts: Mapping[str, Any] | None = None

    @property
    def held(self) -> str | None:
        """`quarantined: no answer`; None where it may be used."""
        return held_reason(self.quarantined, self.drained)


def held_reason(quarantined: str | None, drained: str | None) -> str | None:
    if quarantined is not None:
        return f"{QUARANTINED}: {quarantined}"
    return None if drained is None else f"{DRAINED}: {drained}"


def quarantine(store: Store, name: str, reason: str) -> None:
    """Nothing more is begun there; what open runs want of it is not run, with the reason."""

    def write(connection: Connection) -> None:
        now = store.now(connection)
        _mark(connection, now, name, QUARANTINED, reason)
        end_held(connection, now)

    store.patiently(write, urgent=True)


def drain_board(store: Store, name: str, reason: str) -> None:
    """The block that is being measured is finished, then nothing more is begun there."""

    def write(connection: Connection) -> None:
        now = store.now(connection)
        _mark(connection, now, name, DRAINED, reason)
        end_held(connection, now)

    store.patiently(write, urgent=True)


def release_boards(store: Store, names: Iterable[str]) -> list[str]:
    """Ends quarantine and drain, and forgives losses; the names of those that had any of it."""
    return store.patiently(lambda c: [name for name in names if _release(c, store.now(c), name)], urgent=True)


def healths(store: Store, names: Iterable[str] | None = None) -> dict[str, Health]:
    """By name; a board that no run ever had is well."""
    query = select(schema.board) if names is None else select(schema.board).where(board.board.in_(list(names)))

    def read(connection: Connection) -> dict[str, Health]:
        since = _since(connection)
        return {row.board: _health(row, since) for row in connection.execute(query.order_by(board.board))}

    found = store.read(read)
    return found if names is None else {name: found.get(name, Health(name)) for name in names}


def end_held(connection: Connection, now: float) -> None:
    """Parts on boards that take no work end, so that their runs can: at once in quarantine, else when the block is done.

    What somebody who held the board left running there is lost: nobody will come to sweep it.
    """
    free = over(board.lease_until, now)
    held = or_(board.quarantined.is_not(None), and_(board.drained.is_not(None), free))
    owed = exists().where(launch.board == board.board, launch.state.in_((State.PENDING.value, State.RUNNING.value)))
    query = select(board.board, board.quarantined, board.drained, free.label("free")).where(held, owed)
    for row in connection.execute(query.with_for_update(read=True)).all():  # nobody is given the board meanwhile
        reason = f"{held_reason(row.quarantined, row.drained)}; farm boards release {row.board} ends that"
        end_parts(connection, now, row.board, reason)
        if row.free:
            _lose_orphans(connection, now, row.board)


def _lose_orphans(connection: Connection, now: float, name: str) -> None:
    """Of runs that count; one that is taken up again later has its own sweep."""
    lost = {"state": State.LOST.value, "outcome": "worker_lost", "t1": now}
    counting = select(schema.run.c.run).where(counts(now))
    where = (launch.board == name, launch.state == State.RUNNING.value, launch.run.in_(counting))
    connection.execute(update(schema.launch).where(*where).values(lost))


def _mark(connection: Connection, now: float, name: str, word: str, reason: str) -> None:
    """Of a board that no run ever had, too."""
    values = {word: reason}
    if not connection.execute(update(schema.board).where(board.board == name).values(values)).rowcount:
        connection.execute(insert(schema.board).values(board=name, **values))
    note_event(connection, now, word, board=name, text=reason)


def _release(connection: Connection, now: float, name: str) -> bool:
    """What is still owed there is due at once."""
    row = connection.execute(select(schema.board).where(board.board == name)).one_or_none()
    if row is None or not (row.losses or held_reason(row.quarantined, row.drained)):
        return False
    connection.execute(update(schema.board).where(board.board == name).values(quarantined=None, drained=None))
    forget_losses(connection, now, name, returned=False)
    waiting = (launch.board == name, launch.state == State.PENDING.value)
    connection.execute(update(schema.launch).where(*waiting).values(not_before=now))
    note_event(connection, now, RELEASED, board=name, text=held_reason(row.quarantined, row.drained) or row.reason)
    return True


def _since(connection: Connection) -> dict[tuple[str, str], float]:
    """When each board was last put aside, by (board, word)."""
    query = select(event.board, event.kind, func.max(event.at)).where(event.kind.in_([QUARANTINED, DRAINED]))
    return {(name, kind): at for name, kind, at in connection.execute(query.group_by(event.board, event.kind))}


def _health(row: Any, since: Mapping[tuple[str, str], float]) -> Health:
    word = QUARANTINED if row.quarantined is not None else DRAINED if row.drained is not None else ""
    return Health(
        row.board, row.quarantined, row.drained, since.get((row.board, word)), row.losses, row.reason, row.checked,
        row.facts,
    )  # fmt: skip
