"""Boards that are switched off and on: by hand, or because they were lost again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from farm_orchestrator.store import schema
from farm_orchestrator.store.events import note_event
from farm_orchestrator.store.losses import lost_together
from farm_orchestrator.store.schedules import take_turn
from farm_orchestrator.store.store import Store

LOSSES = 3  # in a row, before the power is switched
PAUSE_S = 3600.0  # a board that does not come back by it is not switched on and on
board = schema.board.c


def take_power_turn(store: Store, name: str, fence: int) -> bool:
    """Whether whoever holds the board under this fence is to switch its power now."""
    return store.read(lambda c: _is_due(c, store.now(c), name, fence)) and take_turn(store, f"power:{name}", PAUSE_S)


def note_switched(store: Store, name: str, text: str, facts: Mapping[str, Any]) -> None:
    store.patiently(lambda c: note_event(c, store.now(c), "powered", board=name, text=text, facts=facts))


def _is_due(connection: Connection, now: float, name: str, fence: int) -> bool:
    query = select(board.losses).where(board.board == name, board.fence == fence)
    losses = connection.execute(query).scalar_one_or_none() or 0
    return losses >= LOSSES and not lost_together(connection, now)
