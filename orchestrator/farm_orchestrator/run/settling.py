"""The judgement of each board as soon as its last result is there, while others are still measured."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import FarmError

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.model import Part
    from farm_orchestrator.store import Store

LOOK_S = 5.0
NICE = 10


@contextmanager
def settling(run: str, store: Store, settings: Settings) -> Iterator[None]:
    """Not beside a board that is this machine: what is judged here would be measured there."""
    if any(_here(part) for part in stored.parts(store, run)):
        yield
        return
    leave = threading.Event()
    thread = threading.Thread(target=_settle, args=(run, store, settings, leave), name="settling")
    thread.start()
    try:
        yield
    finally:
        leave.set()
        thread.join()


def _here(part: Part) -> bool:
    return bool(part.board.get("local") or part.board.get("lab"))


def _settle(run: str, store: Store, settings: Settings, leave: threading.Event) -> None:
    """What goes wrong here goes wrong again where the report is built, and is told there."""
    from farm_orchestrator import reporting

    with suppress(OSError):  # a thread of its own nice value: Linux alone has them
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    done: set[str] = set()
    while not leave.wait(LOOK_S):
        with suppress(FarmError):
            for board in reporting.settled(store, run, settings.runs, settings.home / "cas", done):
                done.add(board)
                if leave.is_set():
                    return
