"""Boards looked at because a person asked: each held as a lane would hold it, one that is measured left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm_orchestrator import config
from farm_orchestrator.checkup import Checkup, check_up
from farm_orchestrator.model import Json, Lost
from farm_orchestrator.store import Leases, Store, open_artefacts
from farm_orchestrator.store.checks import meet
from farm_orchestrator.store.identity import identity
from farm_orchestrator.transport import open_channel, resolve
from farm_orchestrator.watchdog import Watchdog
from farm_orchestrator.world import Stopping, World

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings

AT_ONCE = 16
BUSY = "busy"


def check_boards(boards: Sequence[Json], settings: Settings) -> Iterator[Checkup]:
    """In the order given. Boards in quarantine and drained ones too: that is how one knows that they may be released."""
    with _world(settings) as world, ThreadPoolExecutor(min(AT_ONCE, len(boards))) as pool:
        yield from pool.map(lambda board: _check(board, world), boards)


def _check(board: Json, world: World) -> Checkup:
    name = str(board["name"])
    meet(world.store, name)
    lease = world.leases.hold(name, anyway=True)
    if lease is None:
        return Checkup(name, "it is being measured, or looked at by somebody else", {}, Lost(BUSY))
    try:
        return check_up(resolve(board), lease, world)
    finally:
        world.leases.drop(lease)


@contextmanager
def _world(settings: Settings) -> Iterator[World]:
    home, stopping = config.make_home(settings), Stopping()
    watchdog = Watchdog(lambda _: (), stopping)
    with Store.open(settings.store) as store, Leases(store) as leases:
        watchdog.start()
        try:
            yield World(
                store, leases, open_artefacts(store, home / "cas"), settings.runs,
                lambda part: open_channel(part.board, home), watchdog, stopping, identity(store),
            )  # fmt: skip
        finally:
            watchdog.close()
