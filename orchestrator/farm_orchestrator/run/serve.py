"""The worker of a shared farm: serves boards of its own inventory until it is told to stop; with a beat, ticks."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from types import FrameType
from typing import TYPE_CHECKING

from farm_orchestrator import broker, config, metrics, tasks
from farm_orchestrator import store as stored
from farm_orchestrator.engine import EngineSettings
from farm_orchestrator.errors import FarmError, UsageError
from farm_orchestrator.reconcile import Pools
from farm_orchestrator.roster import Roster, make_roster
from farm_orchestrator.run.beat import Beat, beat
from farm_orchestrator.run.tidying import tidied
from farm_orchestrator.store.identity import identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import Crew, Store
    from farm_orchestrator.world import Stopping, World

LEASE_S = 15.0
SEEN_S = 15.0
GREET_S = 5.0
AT_ONCE = 130
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """`boards` selects of the inventory, None: all, but for a beat, which then serves none. `lanes`: at once, None: all.

    `metrics`: where figures are served; None: nowhere.
    """

    boards: str | None = None
    lanes: int | None = None
    beat: bool = False
    lease_s: float = LEASE_S
    metrics: str | None = None


def serve(order: Order, settings: Settings) -> int:
    """Returns only where the carrier of hints gave up; a stop ends the process. Raises UsageError, StoreError."""
    _check(settings)
    config.make_home(settings)
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"
    idle = order.beat and order.boards is None
    roster = make_roster(name, () if idle else (board.to_json() for board in config.boards(settings, order.boards)))
    lanes = min(order.lanes or len(roster.boards), tasks.LANES_MAX)
    world = tasks.open_world(_engine(order, settings, lanes), roster)
    stored.check_version(world.store, version("benchfarm"))
    crew = stored.Crew(name, socket.gethostname(), os.getpid(), roster.pool, tuple(sorted(roster.boards)),
                       version("benchfarm"), lanes, order.beat)  # fmt: skip
    _stop_by_signal(world.stopping)
    app = broker.make_app(settings.broker, settings.home, identity(world.store))
    kick = Pools(world.store, broker.sender(app)).kick
    stored.greet(world.store, crew, SEEN_S)
    _start(_present, world, crew)
    _start(tidied, settings, world.stopping)
    if order.beat:
        _start(beat, Beat(settings, world.store, kick), world.stopping)
    counted = tasks.Lanes()
    if order.metrics is not None:
        metrics.serve(order.metrics, world, lambda: counted.count)
    _start(tasks.end, world, counted, partial(_leave, world.store, crew))
    LOG.info("worker %s serves %s%s", name, _told(roster), ", beats" if order.beat else "")
    if roster.boards:
        tasks.add_lane(app, world, counted, kick, roster.boards)
        tasks.work(app, lanes, roster.pool)
        world.stopping.set()
    threading.Event().wait()  # `end` exits
    return 1


def _check(settings: Settings) -> None:
    if not settings.shared:
        raise UsageError(
            "the farm of one machine starts its worker by itself: there is nothing to serve",
            mend="a farm of several machines has its runs in a database: set `store` in farm.yaml, or FARM_STORE, to "
            "postgresql+psycopg://USER@HOST/NAME, and `broker` to its Redis",
        )
    config.check_client(settings)


def _engine(order: Order, settings: Settings, lanes: int) -> EngineSettings:
    return EngineSettings(
        str(settings.home), settings.store, str(settings.runs), settings.broker, lanes, order.lease_s, order.lease_s / 3
    )


def _stop_by_signal(stopping: Stopping) -> None:
    """The first asks: lanes end their launches, boards are left as they were. The second means now."""

    def take(number: int, frame: FrameType | None) -> None:
        del frame
        if stopping.is_set():
            os._exit(AT_ONCE)
        sys.stderr.write(f"{signal.Signals(number).name}: boards are left as they were; once more: at once\n")
        stopping.ask()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, take)


def _present(world: World, crew: Crew) -> None:
    """Says that this worker lives, until it stops: hints go to the living."""
    while not world.stopping.wait(GREET_S):
        try:
            stored.greet(world.store, crew, SEEN_S)
        except FarmError as error:
            LOG.warning("the store does not hear of this worker: %s", error.line)


def _leave(store: Store, crew: Crew) -> None:
    try:
        stored.part_with(store, crew.worker)
    except FarmError as error:
        LOG.warning("the store does not hear that this worker ends: %s", error.line)


def _start(target: Callable[..., object], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, name=target.__name__, daemon=True).start()


def _told(roster: Roster) -> str:
    names = sorted(roster.boards)
    return f"{len(names)} boards ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})" if names else "no board"
