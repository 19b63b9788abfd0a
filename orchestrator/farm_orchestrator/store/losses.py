"""Boards that are lost: each time they wait longer, the fifth time their parts are given up."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, select, update

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.blocks import load_share
from farm_orchestrator.store.ending import end_part
from farm_orchestrator.store.moments import live
from farm_orchestrator.store.store import Store

LOSSES_MAX = 5
BACKOFF_S = 5.0
BACKOFF_MAX_S = 300.0
JITTER = 0.2
launch, board = schema.launch.c, schema.board.c


def board_loss(store: Store, name: str, why: str, *, final: bool = False, fence: int | None = None) -> None:
    """One more loss in a row: its launches wait longer each time; the fifth, or a `final` one, ends its parts.

    With `fence` a lane that no longer holds the board changes nothing.
    """

    def write(connection: Connection) -> None:
        if fence is None or connection.execute(select(board.fence).where(board.board == name)).scalar() == fence:
            count_loss(connection, store.now(), name, why, final=final)

    store.submit(write, urgent=True)


def count_loss(connection: Connection, now: float, name: str, why: str, *, final: bool) -> None:
    where = update(schema.board).where(board.board == name)
    losses = connection.execute(where.values(losses=board.losses + 1, reason=why).returning(board.losses)).scalar_one()
    if final or losses >= LOSSES_MAX:
        reason = why if final else f"lost {losses} times in a row; the last time: {why}"
        _end_parts(connection, now, name, reason)
    else:
        _hold_back(connection, name, now + backoff_s(name, losses, now))


def forget_losses(connection: Connection, name: str) -> None:
    connection.execute(update(schema.board).where(board.board == name).values(losses=0, reason=None))


def backoff_s(name: str, losses: int, now: float) -> float:
    """5, 10, 20 ... 300 s; the jitter comes from the place and the time, so that a fleet does not return in step."""
    digest = hashlib.sha256(f"{name}/{losses}/{now}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 0xFFFFFFFF
    return float(min(BACKOFF_MAX_S, BACKOFF_S * 2 ** (losses - 1)) * (1 + JITTER * (2 * share - 1)))


def _end_parts(connection: Connection, now: float, name: str, reason: str) -> None:
    """Ends the parts that this board's lane would have measured; a run that nobody stands behind stays as it is."""
    query = (
        select(launch.run)
        .distinct()
        .join(schema.run, schema.run.c.run == launch.run)
        .where(
            launch.board == name,
            launch.state == State.PENDING,
            schema.run.c.cancel == 0,
            live(schema.run.c.attached_until, now),
        )
    )
    for run in connection.execute(query).scalars().all():
        end_part(connection, load_share(connection, run, name), "board_lost", reason)


def _hold_back(connection: Connection, name: str, not_before: float) -> None:
    where = (launch.board == name, launch.state == State.PENDING, launch.not_before < not_before)
    connection.execute(update(schema.launch).where(*where).values(not_before=not_before))
