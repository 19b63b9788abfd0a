"""Gateways: one connection per jump host, shared by all boards behind it."""

import json
from collections.abc import Callable
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from farm_orchestrator.errors import Unreachable
from farm_orchestrator.model import Json
from farm_orchestrator.transport import turns
from farm_orchestrator.transport.hostkeys import board_of, label
from farm_orchestrator.transport.road import BROKEN, Road

if TYPE_CHECKING:
    from farm_orchestrator.transport.connect import Link

HANDSHAKES_MAX = 8  # sshd drops connections at random from the 10th unfinished one on
CHANNEL_TIMEOUT_S = 15.0


class Gateway:
    """Opened by the first board that needs it, closed by the last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._link: Link | None = None
        self._users = 0
        self.turns = BoundedSemaphore(HANDSHAKES_MAX)
        self.pushes = BoundedSemaphore(turns.PER_GATEWAY)

    def enter(self, open_link: "Callable[[], Link]") -> "Link":
        with self._lock:
            if self._link is None or not self._link.transport.is_active():
                self._drop()
                self._link = open_link()
            self._users += 1
            return self._link

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._drop()

    def _drop(self) -> None:
        if self._link:
            self._link.close()
        self._link = None


_gateways: dict[str, Gateway] = {}
_lock = Lock()


def through(spec: Json, farm_home: Path | None, open_link: "Callable[[Json, Path | None], Link]") -> Road:
    """A road to `spec` through its gateway, which is verified and logged into like a board."""
    hop = spec["ssh"]["gateway"]
    gate = _gateway(hop, farm_home)
    link = gate.enter(lambda: open_link(hop, farm_home))
    try:
        channel = link.transport.open_channel(
            "direct-tcpip", (str(spec["host"]), int(spec["port"])), ("127.0.0.1", 0), timeout=CHANNEL_TIMEOUT_S
        )
    except BROKEN as error:
        gate.leave()
        raise Unreachable(
            board_of(spec),
            f"{label(spec)} cannot be reached at {spec['host']} port {spec['port']} from gateway "
            f"{hop['name']!r}: {error}",
            mend="can the gateway reach it, and does it allow TCP forwarding?",
        ) from error

    def close() -> None:
        channel.close()
        gate.leave()

    return Road(channel, close, gate.turns, (*link.pushes, gate.pushes))


def _gateway(hop: Json, farm_home: Path | None) -> Gateway:
    """Boards that say the same of a gateway share it."""
    same = {key: value for key, value in hop.items() if key != "for"}
    key = json.dumps([same, str(farm_home)], sort_keys=True, default=str)
    with _lock:
        return _gateways.setdefault(key, Gateway())
