"""Which boards are held for a run, and until when."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.moments import live
from farm_orchestrator.store.store import Store

launch, board = schema.launch.c, schema.board.c
RUNNING = launch.state == State.RUNNING.value


def holdings(store: Store, run: str) -> dict[str, int]:
    """The boards on which the run has a running launch, with its fence."""
    query = select(launch.board, launch.fence).where(launch.run == run, RUNNING)
    return store.read(lambda c: {row.board: row.fence for row in c.execute(query)})


def still_held(store: Store, run: str, held: Mapping[str, int]) -> tuple[str, ...]:
    """Those of them that measure for the run, or that its lane is leaving as they were; a board that is at another run's
    launch by now, or that nobody holds, is free.
    """
    return store.read(lambda c: _still_held(c, run, held, store.now(c)))


def _still_held(connection: Connection, run: str, held: Mapping[str, int], now: float) -> tuple[str, ...]:
    alive = select(board.board, board.fence).where(board.board.in_(list(held)), live(board.lease_until, now))
    fences = {row.board: row.fence for row in connection.execute(alive)}
    busy = select(launch.board, launch.run).where(launch.board.in_(list(held)), RUNNING)
    at_work = {row.board: row.run for row in connection.execute(busy)}
    return tuple(name for name, fence in held.items() if fences.get(name) == fence and at_work.get(name, run) == run)
