"""Processes of a lab, told apart from all others by pid and start time, or by the lab's own marks on them."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
STEP_S = 0.02
GRACE_S = 1.0
KILLED_S = 10.0


@dataclass(frozen=True)
class Process:
    """A pid alone may name another process tomorrow; with its start time (clock ticks since boot) it cannot."""

    pid: int
    start: int

    @property
    def alive(self) -> bool:
        return seen(self.pid) == self


def seen(pid: int) -> Process | None:
    """The process with this pid, None where there is none or only its zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else Process(pid, int(fields[19]))


def family(roots: Iterable[Process]) -> list[Process]:
    """The processes and all their descendants, the eldest first."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        if fields := _stat(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found: dict[int, Process] = {}
    todo = [root.pid for root in roots if root.alive]
    while todo:
        process = seen(todo.pop(0))
        if process and process.pid not in found:
            found[process.pid] = process
            todo += children.get(process.pid, [])
    return list(found.values())


def marked(mark: str) -> list[Process]:
    """Processes whose environment holds `mark` (NAME=value)."""
    wanted = mark.encode()
    found = (seen(pid) for pid in _pids() if wanted in _read(pid, "environ").split(b"\0"))
    return [process for process in found if process]


def commanded(pattern: str) -> list[Process]:
    """Processes whose command line, its words joined by spaces, matches as a whole."""
    shape = re.compile(pattern)
    found = []
    for pid in _pids():
        line = _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()
        if line and shape.fullmatch(line) and (process := seen(pid)):
            found.append(process)
    return found


def end(processes: Iterable[Process], grace_s: float = GRACE_S) -> None:
    """Ends them, gently first; returns when none of them runs any more."""
    mine = list(processes)
    _signal(mine, signal.SIGTERM, grace_s)
    kill(mine)


def kill(processes: Iterable[Process]) -> None:
    """Without a farewell; returns when none of them runs any more."""
    _signal(list(processes), signal.SIGKILL, KILLED_S)


def detach(command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Runs it in the background, nobody's child, with nothing to write to."""
    subprocess.run(
        ["setsid", "--fork", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})}, check=True,
    )  # fmt: skip


def words(process: Process) -> list[str]:
    """Of its command line; none where it has ended."""
    return _read(process.pid, "cmdline").decode("utf-8", "replace").split("\0")[:-1]


def _signal(processes: Sequence[Process], number: int, patience_s: float) -> None:
    mine = [process for process in processes if process.pid != os.getpid()]
    for process in mine:
        if process.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)
    deadline = time.monotonic() + patience_s
    while any(process.alive for process in mine) and time.monotonic() < deadline:
        time.sleep(STEP_S)


def _pids() -> Iterator[int]:
    yield from (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on: state, parent ... (the second, the name, may hold anything)."""
    text = _read(pid, "stat").decode("utf-8", "replace")
    return text.rpartition(")")[2].split() or None


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"{PROC}/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - ten times a second for every board
            return file.readall()
    except OSError:  # gone, or not ours
        return b""
