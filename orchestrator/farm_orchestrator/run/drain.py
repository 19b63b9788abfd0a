"""From a stored run to its last launch: own or watch the engine, hint, look, and stop when asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.model import State
from farm_orchestrator.reconcile import TICK_S, reconcile
from farm_orchestrator.run.forecast import looking

if TYPE_CHECKING:
    from farm_orchestrator.run.desk import Desk
    from farm_orchestrator.store import Snapshot, Store

LOOK_S = 0.25
CANCEL_S = 15.0


def drain(run: str, desk: Desk) -> bool:
    """Returns when the run is closed, or was cancelled and stands still. True: it was interrupted."""
    asked_at: float | None = None
    next_tick = 0.0
    with looking(desk.store, run) as look:
        while True:
            now = time.monotonic()
            if now >= next_tick:
                desk.store.wait_out(lambda: _tick(run, desk))
                next_tick = now + TICK_S
            seen = desk.store.wait_out(look)
            desk.view.update(seen)
            if desk.interrupts.asked and asked_at is None:
                asked_at = now
                _cancel(seen, desk)
            elif seen.cancel and asked_at is None:
                asked_at = now
                desk.view.message("another command cancelled this run; leaving its boards as they were")
            if _settled(seen, asked_at, now):
                desk.store.wait_out(lambda: reconcile(desk.store, desk.kick))
                return asked_at is not None
            time.sleep(LOOK_S)


def stay_for_others(run: str, desk: Desk) -> None:
    """The engine is ours: commands that only watch need it until their runs end."""
    while desk.held.engine is not None and not desk.interrupts.asked and _others(desk.store, run):
        desk.held.tick()
        reconcile(desk.store, desk.kick)
        time.sleep(TICK_S)


def _tick(run: str, desk: Desk) -> None:
    stored.attach(desk.store, run)
    desk.held.tick()
    reconcile(desk.store, desk.kick)


def _cancel(seen: Snapshot, desk: Desk) -> None:
    count = sum(board.counts.get(State.RUNNING, 0) for board in seen.boards)
    desk.view.message(f"stopping {count} launches and leaving the boards as they were; Ctrl-C again: at once")
    stored.cancel(desk.store, seen.run)


def _settled(seen: Snapshot, asked_at: float | None, now: float) -> bool:
    running = any(board.counts.get(State.RUNNING) for board in seen.boards)
    owed = any(board.counts.get(State.PENDING) for board in seen.boards)
    if asked_at is not None:
        return not running or now - asked_at > CANCEL_S
    return seen.state == "closed" or not (running or owed)


def _others(store: Store, run: str) -> bool:
    return any(row.id != run and row.attached and row.state == "open" for row in stored.list_runs(store))
