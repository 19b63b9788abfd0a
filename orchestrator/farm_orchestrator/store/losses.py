"""Boards that are lost: each time they wait longer, the fifth time their parts are given up.

Where several machines share the fleet, such a board goes into quarantine: somebody has to look at it. But not where most
of the fleet was lost at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update

from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import Lost, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.blocks import load_share
from farm_orchestrator.store.ending import end_part
from farm_orchestrator.store.events import note_event
from farm_orchestrator.store.locks import hold_board, shared
from farm_orchestrator.store.moments import counts
from farm_orchestrator.store.store import Store
from farm_reports.faults import fault_of

LOSSES_MAX = 5
BACKOFF_S = 5.0
BACKOFF_MAX_S = 300.0
JITTER = 0.2
TOGETHER = 4  # boards that are lost together say more of what they hang on than of themselves
TOGETHER_S = 300.0
LINK_LOST = "link_lost"
OPEN = (State.PENDING.value, State.RUNNING.value)
launch, board, event = schema.launch.c, schema.board.c, schema.event.c


def board_loss(store: Store, name: str, why: str, *, outcome: str = LINK_LOST, fence: int | None = None) -> None:
    """One more loss in a row: its launches wait longer each time; the fifth, or a final one, ends its parts.

    With `fence` a lane that no longer holds the board changes nothing.
    """

    def write(connection: Connection) -> None:
        hold_board(connection, name)
        if fence is None or connection.execute(select(board.fence).where(board.board == name)).scalar() == fence:
            count_loss(connection, store.now(connection), name, Lost(outcome, why))

    failpoint("before_board_loss")
    store.submit(write, urgent=True)
    failpoint("after_board_loss")


def board_busy(store: Store, name: str, why: str, wait_s: float, fence: int) -> None:
    """Another farm has the board: no loss, and what is wanted of it waits a while; `why` says for whom."""

    def write(connection: Connection) -> None:
        hold_board(connection, name)
        before = connection.execute(select(board.fence, board.reason).where(board.board == name)).one()
        if before.fence != fence:
            return
        now = store.now(connection)
        connection.execute(update(schema.board).where(board.board == name).values(reason=why))
        if before.reason != why:
            note_event(connection, now, "busy", board=name, text=why)
        _hold_back(connection, name, now + wait_s * _jitter(f"{name}/{now}"))

    store.submit(write, urgent=True)


def count_loss(connection: Connection, now: float, name: str, lost: Lost, of: Mapping[str, Any] | None = None) -> None:
    """`of`: the run and the launch that were lost with the board, where there was one."""
    fault = fault_of(lost.reason)
    why = f"{fault}: {lost.detail}"
    where = update(schema.board).where(board.board == name)
    losses = connection.execute(where.values(losses=board.losses + 1, reason=why).returning(board.losses)).scalar_one()
    facts = {"fault": fault.value, "outcome": lost.reason, "losses": losses}
    note_event(connection, now, "lost", board=name, text=why, facts=facts, **(of or {}))
    spared = LOSSES_MAX <= losses < 2 * LOSSES_MAX and shared(connection) and lost_together(connection, now)
    if not lost.final and (losses < LOSSES_MAX or spared):
        _hold_back(connection, name, now + backoff_s(name, losses, now))
        return
    reason = why if lost.final else f"lost {losses} times in a row; the last time: {why}"
    if not lost.final and shared(connection):
        connection.execute(where.values(quarantined=reason))
        note_event(connection, now, "quarantined", board=name, text=reason)
    end_parts(connection, now, name, reason)


def lost_together(connection: Connection, now: float) -> bool:
    """Whether most of the fleet went at once: then it is a worker or a network, and no board is put aside for it."""
    recent = (event.kind == "lost", event.at > now - TOGETHER_S)
    lost = connection.execute(select(func.count(event.board.distinct())).where(*recent)).scalar_one()
    every = connection.execute(select(func.count()).select_from(schema.board)).scalar_one()
    return bool(lost >= TOGETHER and 2 * lost > every)


def forget_losses(connection: Connection, now: float, name: str, *, returned: bool = True) -> None:
    """It answers, or (`returned` False) it is to be tried as if it had never been lost."""
    connection.execute(update(schema.board).where(board.board == name).values(losses=0, reason=None))
    if returned:
        note_event(connection, now, "returned", board=name)


def backoff_s(name: str, losses: int, now: float) -> float:
    """5, 10, 20 ... 300 s; the jitter comes from the place and the time, so that a fleet does not return in step."""
    return float(min(BACKOFF_MAX_S, BACKOFF_S * 2 ** (losses - 1)) * _jitter(f"{name}/{losses}/{now}"))


def _jitter(what: str) -> float:
    share = int.from_bytes(hashlib.sha256(what.encode()).digest()[:4], "big") / 0xFFFFFFFF
    return 1 + JITTER * (2 * share - 1)


def end_parts(connection: Connection, now: float, name: str, reason: str) -> None:
    """Ends the parts that this board's lane would have measured; a run that nobody stands behind stays as it is.

    One that has ended only waits for the launch that runs there: it is not ended again.
    """
    query = (
        select(launch.run)
        .distinct()
        .join(schema.run, schema.run.c.run == launch.run)
        .join(schema.part, and_(schema.part.c.run == launch.run, schema.part.c.board == launch.board))
        .where(launch.board == name, launch.state.in_(OPEN), counts(now))
        .where(or_(launch.state == State.PENDING.value, schema.part.c.ended.is_(None)))
    )
    for run in connection.execute(query).scalars().all():
        end_part(connection, load_share(connection, run, name), "board_lost", reason)


def _hold_back(connection: Connection, name: str, not_before: float) -> None:
    where = (launch.board == name, launch.state == State.PENDING, launch.not_before < not_before)
    connection.execute(update(schema.launch).where(*where).values(not_before=not_before))
