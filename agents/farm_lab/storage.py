"""Faults of a board's disk."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farm_lab import inside
from farm_lab.journal import Json
from farm_lab.places import LabError
from farm_lab.victim import Fault, Victim, nothing_more

WRITE, OWNER = 0o222, 0o200


def _own(victim: Victim, argument: str | None) -> Json:
    if victim.lab.options.disk is None:
        raise LabError(
            f"{victim.name} has no disk of its own, and the machine's is not filled; farm lab down, then "
            "farm lab up --disk 200MB, where level 1 works"
        )
    return nothing_more(victim, argument)


def _fill(victim: Victim, _: Mapping[str, Any]) -> None:
    inside.enter(victim.board.process, "fill", str(victim.here.base))


def _empty(victim: Victim, _: Mapping[str, Any]) -> None:
    """A board that was started anew has its size again."""
    if victim.runs and victim.lab.options.disk is not None:
        inside.enter(victim.board.process, "resize", str(victim.here.base), victim.lab.options.disk)


def _closable(victim: Victim, argument: str | None) -> Json:
    if victim.lab.options.level == 0 and os.geteuid() == 0:
        raise LabError(
            f"{victim.name}: at level 0 only modes could close its disk, and root writes past them; "
            "use a lab of level 1, or an ordinary user"
        )
    return {**nothing_more(victim, argument), "listener": victim.board.process.pid}


def _close(victim: Victim, _: Mapping[str, Any]) -> None:
    if victim.lab.options.level:
        inside.enter(victim.board.process, "close", str(victim.here.base))
    else:
        for folder in _folders(victim.here.base):
            folder.chmod(folder.stat().st_mode & ~WRITE)


def _reopen(victim: Victim, kept: Mapping[str, Any]) -> None:
    """The mounts of a board went with its listener."""
    if not victim.lab.options.level:
        writable(victim.here.base)
    elif victim.runs and victim.board.process.pid == kept["listener"]:
        inside.enter(victim.board.process, "reopen", str(victim.here.base))


def writable(base: Path) -> None:
    """Its owner may change every folder below."""
    for folder in _folders(base):
        folder.chmod(folder.stat().st_mode | OWNER)


def _folders(base: Path) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk(base)]


FAULTS = {
    "disk-full": Fault("Not a byte more goes onto its disk.", _own, _fill, _empty),
    "read-only": Fault("Nothing in its folder can be written.", _closable, _close, _reopen),
}
