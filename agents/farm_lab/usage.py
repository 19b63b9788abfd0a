"""What the processes of one board have had of the machine's CPUs, and which of them is at work on a launch."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from farm_lab.physics import Load
from farm_lab.processes import Process

RUNNER = b"runner"  # the agent's role: PYTHON -I AGENT runner
PLENTY = 1 << 16


@dataclass(frozen=True)
class Usage:
    """`tasks`: (ran, waited) of each thread in ns since it began; `runner`: the one that works, `stand_in`: one sleeps."""

    tasks: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    runner: int | None = None
    stand_in: bool = False


def look(listener: Process, stand_in: bytes) -> Usage:
    """Of a listener and all it started; `stand_in`: the path of the runner that only sleeps."""
    tasks: dict[int, tuple[int, int]] = {}
    runner, sleeps = None, False
    for pid in _tree(listener):
        tasks.update(_tasks(pid))
        words = _read(f"/proc/{pid}/cmdline").split(b"\0") if pid != listener.pid else []
        sleeps = sleeps or stand_in in words
        runner = pid if RUNNER in words[3:] else runner
    return Usage(tasks, runner, sleeps)


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


def _tree(listener: Process) -> Iterator[int]:
    """By the kernel's own lists of children: asking all processes of the machine for their parents costs too much."""
    todo = [listener.pid] if listener.alive else []
    while todo:
        pid = todo.pop()
        yield pid
        todo += map(int, _read(f"/proc/{pid}/task/{pid}/children").split())


def _tasks(pid: int) -> Iterator[tuple[int, tuple[int, int]]]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - ten times a second for every process
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
