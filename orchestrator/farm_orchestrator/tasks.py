"""The worker: one process, a thread per lane. That of one command is told by its first line what to do, and ended by the
end of its stdin; that of a shared farm is started by `run.serve`.
"""

import functools
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from celery import Celery

from farm_orchestrator import broker, logs
from farm_orchestrator.allocators import share_memory
from farm_orchestrator.descriptors import enough_for
from farm_orchestrator.engine import EngineSettings
from farm_orchestrator.errors import FarmError
from farm_orchestrator.lane import drain
from farm_orchestrator.logs import about
from farm_orchestrator.roster import Roster
from farm_orchestrator.store import Leases, Store, cancelled_runs, open_artefacts
from farm_orchestrator.store.identity import identity, who
from farm_orchestrator.transport import open_channel
from farm_orchestrator.watchdog import Watchdog
from farm_orchestrator.world import Pace, Stopping, World
from farm_reports.stats.launch import summarise

LANES_MAX = 500
LANES_MIN = 16  # threads are started as they are needed; a second command's boards are not known at the start
END_S = 12.0
BROKE = 1
LOG = logging.getLogger(__name__)


class Lanes:
    """How many lanes are at work."""

    def __init__(self) -> None:
        self.count = 0
        self.changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    def wait_for_none(self, timeout_s: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.count == 0, timeout_s)

    def _add(self, step: int) -> None:
        with self.changed:
            self.count += step
            self.changed.notify_all()


def main() -> int:
    logs.set_up(level=logging.WARNING, plain=True)
    settings = EngineSettings.read(sys.stdin.buffer.readline())
    world, lanes = open_world(settings), Lanes()
    app = broker.make_app(settings.broker, Path(settings.home))
    add_lane(app, world, lanes, broker.kicker(app))
    stop_with(world.stopping, sys.stdin.buffer)
    threading.Thread(target=end, args=(world, lanes), name="end", daemon=True).start()
    work(app, min(max(settings.boards, LANES_MIN), LANES_MAX))
    world.stopping.set()
    time.sleep(END_S + 1)  # `end` exits
    return 1


def open_world(settings: EngineSettings, roster: Roster | None = None) -> World:
    """Everything a lane needs, with its threads running. `roster`: of a worker with an inventory of its own."""
    home, stopping = Path(settings.home), Stopping()
    store = Store.open(settings.store)
    watchdog = Watchdog(partial(cancelled_runs, store), stopping)
    watchdog.start()
    own: dict[str, Any] = (
        {} if roster is None else {"refusal": roster.refusal, "own": roster.own, "idle": roster.boards.get}
    )
    return World(
        store=store,
        leases=Leases(store, settings.lease_ttl_s, settings.lease_beat_s),
        artefacts=open_artefacts(store, home / "cas"),
        runs=Path(settings.runs),
        open_channel=lambda part: open_channel(part.board if roster is None else roster.own(part), home),
        watchdog=watchdog,
        stopping=stopping,
        farm=identity(store),
        who=who(store),
        pace=Pace(**settings.pace),
        **own,
    )


def add_lane(app: Celery, world: World, lanes: Lanes, kick: broker.Kick, served: Collection[str] | None = None) -> None:
    """The only task. It never raises to Celery: what a lane cannot mend is in its log, and the reconciler asks again.

    `served`: the boards that this worker serves; None: any. Whoever can write to the broker may ask for anything.
    """

    def lane(*said: object, **more: object) -> None:
        board = said[0] if len(said) == 1 and not more else None
        if not isinstance(board, str) or (served is not None and board not in served):
            LOG.warning("dropped a hint that names no board of this worker: %.100r", (said, more))
            return
        load_libraries()
        with lanes.one(), about(board=board):
            try:
                drain(board, world, kick)
            except FarmError:
                LOG.exception("lane of %s", board)

    app.task(name=broker.LANE, typing=False)(lane)


@functools.cache
def load_libraries() -> None:
    """What the end of the first launch would wait for is loaded while its agent starts."""

    def load() -> None:
        for name in ("pyarrow.parquet", "farm_orchestrator.plan"):
            importlib.import_module(name)
        summarise(np.arange(1, 1000))

    threading.Thread(target=load, name="libraries", daemon=True).start()


def stop_with(stopping: Stopping, stdin: IO[bytes]) -> None:
    """The command died, closed our stdin or sent SIGTERM: all mean stop."""

    def wait_for_end() -> None:
        while stdin.read(4096):
            pass
        stopping.ask()

    signal.signal(signal.SIGTERM, lambda *_: stopping.ask())
    threading.Thread(target=wait_for_end, name="stdin", daemon=True).start()


def end(world: World, lanes: Lanes, last: Callable[[], object] = lambda: None) -> None:
    """Celery looks at its own stop flag every 2 s, and has nothing left to say: the process ends with its last lane.

    Whoever starts it again where it broke goes by its exit code.
    """
    world.stopping.wait()
    if lanes.wait_for_none(END_S):
        last()
        world.store.close()
    logging.shutdown()
    os._exit(0 if world.stopping.asked else BROKE)


def work(app: Celery, lanes: int, queue: str = broker.LANES) -> None:
    """Returns only when Celery gave up."""
    enough_for(lanes)
    share_memory()
    app.WorkController(
        pool="threads",
        concurrency=lanes,
        queues=[queue],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
    ).start()


if __name__ == "__main__":
    sys.exit(main())
