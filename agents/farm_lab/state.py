"""What a lab knows of itself between two commands."""

import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from farm_lab import profiles
from farm_lab.places import LabError, Places
from farm_lab.processes import STEP_S, Process

FORMAT = "farm.lab/1"


@dataclass(frozen=True)
class Options:
    """What all boards of a lab have in common.

    `python`: the interpreter behind each board's own wrapper. `disk`: bytes of each board's own disk, at level 1 only.
    `profile`: whose hardware the boards show: a name, the absolute path of a record or tree, or `mix`.
    `physics`: it heats and slows down, `time_scale` times as fast as real ones, with `cores` CPUs of the machine at its
    highest clock; `exact`: without noise. `drift`: °C an hour in which the room warms; `critical`: boards switch themselves
    off when it is too hot. `slow_down`: `quota`, `stops`, or `auto` for the better one that works.
    """

    python: str
    load: str = "real"
    seed: int = 1
    level: int = 0
    proxy: bool = False
    heartbeat: bool = True
    disk: int | None = None
    profile: str = profiles.GENERIC
    physics: bool = False
    time_scale: float = 1.0
    cores: float = 1.0
    exact: bool = False
    drift: float = 0.0
    critical: bool = False
    slow_down: str = "auto"


@dataclass(frozen=True)
class VirtualBoard:
    """`port`: sshd's own; `entrance`: the proxy's port in front of it, or None; `profile`: by name, a file's by its stem."""

    name: str
    port: int
    process: Process
    cpu: int
    profile: str
    entrance: int | None = None

    @property
    def address(self) -> int:
        return self.entrance or self.port


@dataclass(frozen=True)
class State:
    """`ready` False: an `up` was at work; if none is, it died."""

    options: Options
    boards: tuple[VirtualBoard, ...] = ()
    proxy: Process | None = None
    ready: bool = False
    format: str = field(default=FORMAT)


def read(places: Places) -> State | None:
    """None where there is no lab, or a file that says nothing sensible (a torn one, one of another version)."""
    try:
        body = json.loads(places.state.read_text())
        return _state(body) if body["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(places: Places, state: State) -> None:
    """Whole or not at all."""
    fresh = places.state.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump(dataclasses.asdict(state), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(places.state)


def exchanged(known: State, board: VirtualBoard) -> State:
    """With this board in the place of the one of its name."""
    boards = tuple(board if each.name == board.name else each for each in known.boards)
    return dataclasses.replace(known, boards=boards)


@contextmanager
def alone(places: Places, patience_s: float = 0.0) -> Iterator[None]:
    """One command that changes a lab at a time. Raises LabError where another one is still at work after `patience_s`."""
    places.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    places.root.chmod(0o700)
    with places.lock.open("w") as file:
        deadline = time.monotonic() + patience_s
        while not _locked(file.fileno()):
            if time.monotonic() >= deadline:
                raise LabError(f"another `farm lab` command is at work on {places.root}; wait for it")
            time.sleep(STEP_S)
        yield


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _state(body: dict[str, Any]) -> State:
    boards = tuple(VirtualBoard(**{**board, "process": Process(**board["process"])}) for board in body["boards"])
    proxy = None if body["proxy"] is None else Process(**body["proxy"])
    return State(Options(**body["options"]), boards, proxy, bool(body["ready"]))
