"""The boards that a worker of a shared farm serves, as its own inventory and its own ssh see them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from farm_orchestrator.errors import FarmError, Unreachable
from farm_orchestrator.model import Json, Part
from farm_orchestrator.transport import resolve

HERE = {
    "key",
    "agent",
    "labels",
    "groups",
    "address",
    "pin",
    "power",
    "ssh",
}  # of this machine, or of no board; runs have clocks
ROAD = ("alias", "proxy_command")  # of what ssh adds; the rest are files and habits of this machine
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Roster:
    """`boards`: resolved, by name; `worker` names whose they are."""

    worker: str
    boards: Mapping[str, Json]

    @property
    def pool(self) -> str:
        """The queue of all workers that serve the same boards."""
        return f"lanes-{hashlib.sha256(' '.join(sorted(self.boards)).encode()).hexdigest()[:12]}"

    def own(self, part: Part) -> Json:
        """How this machine reaches the board, with its own keys."""
        if part.name not in self.boards:
            raise Unreachable(part.name, f"the worker {self.worker} does not serve {part.name}")
        return self.boards[part.name]

    def refusal(self, part: Part) -> str | None:
        """Why this worker must not touch the board for that part: its inventory means another board, or another way."""
        mine, theirs = compared(self.own(part)), compared(part.board)
        fields = sorted(name for name in mine | theirs if mine.get(name) != theirs.get(name))
        if not fields:
            return None
        for name in fields:
            LOG.warning("%s: %s is %r here, %r in run %s", part.name, name, mine.get(name), theirs.get(name), part.run)
        told = ", ".join(fields)
        return f"the inventory of the worker {self.worker} differs from that of the run in {told}: it did not connect"


def make_roster(worker: str, boards: Iterable[Json]) -> Roster:
    """One board that ssh cannot resolve is left out, and told; the others are served."""
    found = {}
    for board in boards:
        try:
            found[str(board["name"])] = resolve(board)
        except FarmError as error:
            LOG.warning("%s is not served: %s", board["name"], error.line)
    return Roster(worker, found)


def compared(board: Json) -> Json:
    """The fields by which two machines know that they mean one board, measured in one way."""
    told = {name: value for name, value in board.items() if name not in HERE}
    return {**told, **{f"ssh.{name}": value for name, value in _road(board.get("ssh")).items()}}


def _road(ssh: Json | None) -> Json:
    if not ssh:
        return {}
    gateway = ssh.get("gateway")
    return {**{name: ssh.get(name) for name in ROAD}, "gateway": compared(gateway) if gateway else None}
