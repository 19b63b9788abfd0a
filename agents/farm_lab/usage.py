"""What the processes of one board have had of the machine's CPUs, and which of them is at work on a launch."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from farm_lab.physics import Load
from farm_lab.processes import Process

RUNNER = b"runner"  # the agent's role: PYTHON -I AGENT runner
PLENTY = 1 << 16
ONE_THREAD = 3  # links of a folder with one folder in it


@dataclass(frozen=True)
class Kin:
    """What a process can change only while it runs: the words of its command line, and whom it has started."""

    words: tuple[bytes, ...]
    children: tuple[int, ...]


@dataclass(frozen=True)
class Usage:
    """`tasks`: (ran, waited) of each thread in ns since it began; `runner`: the one that works, `stand_in`: one sleeps."""

    tasks: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    runner: int | None = None
    stand_in: bool = False
    kin: Mapping[int, Kin] = field(default_factory=dict)


def look(listener: Process, stand_in: bytes, before: Usage | None = None) -> Usage:
    """Of a listener and all it started; `stand_in`: the path of the runner that only sleeps.

    By the kernel's own lists of children: asking all processes of the machine for their parents costs too much. `before`:
    what was seen last; of a process that has not run since, no more is read.
    """
    was = before or Usage()
    tasks: dict[int, tuple[int, int]] = {}
    found: dict[int, Kin] = {}
    runner, sleeps = None, False
    todo = [listener.pid] if listener.alive else []
    while todo:
        pid = todo.pop()
        mine = dict(_tasks(pid))
        rested = pid in mine and was.tasks.get(pid) == mine[pid]
        kin = found[pid] = (was.kin.get(pid) if rested else None) or _kin(pid)
        tasks.update(mine)
        todo += kin.children
        if pid != listener.pid:
            sleeps = sleeps or stand_in in kin.words
            runner = pid if RUNNER in kin.words[3:] else runner
    return Usage(tasks, runner, sleeps, found)


def load(before: Usage, now: Usage, dt_s: float) -> Load:
    """What was had in between; of a thread that ended, what had been seen of it."""
    used = waited = 0
    for task, (ran_ns, waited_ns) in now.tasks.items():
        ran_before, waited_before = before.tasks.get(task, (0, 0))
        used += max(0, ran_ns - ran_before)
        waited += max(0, waited_ns - waited_before)
    return Load(used / 1e9 / dt_s, waited / 1e9 / dt_s)


def had_ns(pid: int) -> tuple[int, int]:
    """How long the threads of a process that are left ran, and how long they waited for a CPU."""
    found = [times for _, times in _tasks(pid)]
    return sum(ran for ran, _ in found), sum(waited for _, waited in found)


def _kin(pid: int) -> Kin:
    words = _read(f"/proc/{pid}/cmdline").split(b"\0")
    return Kin(tuple(words), tuple(map(int, _read(f"/proc/{pid}/task/{pid}/children").split())))


def _tasks(pid: int) -> Iterator[tuple[int, tuple[int, int]]]:
    try:
        alone = os.stat(f"/proc/{pid}/task").st_nlink == ONE_THREAD  # noqa: PTH116 - ten times a second for each process
        threads = [str(pid)] if alone else os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - the same
    except OSError:  # it has ended
        return
    for thread in threads:
        fields = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
        if len(fields) > 1:
            yield int(thread), (int(fields[0]), int(fields[1]))


def _read(path: str) -> bytes:
    """At one go: it is read ten times a second for every process of every board."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(file, PLENTY)
    except OSError:  # it ended meanwhile
        return b""
    finally:
        os.close(file)
