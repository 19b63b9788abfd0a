"""Slowing a runner down without privileges: it is stopped for a part of every few milliseconds, and never left stopped."""

import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from farm_lab import quota, usage
from farm_lab.processes import Process, seen

PERIOD_NS = 8_000_000
REVIEW_NS = 500_000_000
GAIN = 0.5
FULL = 0.995  # a share from which on nothing is stopped
BUSY = 0.8  # of the time it may run; below it waits for something else, and tells nothing about the brake
LEAST = 0.5  # of the share: so much the correction may take


class Guard:
    """A process of its own that lets everything run again once this one has ended, however it ended."""

    def __init__(self) -> None:
        there, self.pipe = os.pipe()
        if os.fork() == 0:
            try:
                os.close(self.pipe)
                _guard(there)
            finally:
                os._exit(0)
        os.close(there)

    def watch(self, process: Process) -> None:
        os.write(self.pipe, f"{process.pid} {process.start}\n".encode())

    def keep(self, group: Path, own: Path) -> None:
        """A control group that is to be dissolved."""
        os.write(self.pipe, f"{group} {own}\n".encode())


def _guard(pipe: int) -> None:
    """Asked to end, it waits for the end of the pipe: the other one is asked at the same time."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    watched: set[Process] = set()
    groups: set[tuple[Path, Path]] = set()
    with os.fdopen(pipe, "rb", buffering=0) as lines:
        while line := lines.readline():
            one, other = line.decode().split()
            if one.startswith("/"):
                groups.add((Path(one), Path(other)))
            else:
                watched = {process for process in watched if process.alive} | {Process(int(one), int(other))}
    for group, own in groups:
        quota.dissolve(group, own)
    for process in watched:
        if process.alive:
            with suppress(OSError):
                os.kill(process.pid, signal.SIGCONT)


class Brake:
    """One runner, stopped and let go by turns; `share`: of the time it may run, by the physics."""

    name = "stops"

    def __init__(self, pid: int, guard: Guard) -> None:
        """Raises ProcessLookupError where it has ended."""
        process = seen(pid)
        if process is None:
            raise ProcessLookupError(pid)
        self.pid = pid
        self.handle = os.pidfd_open(pid)  # a pid may be another process tomorrow
        guard.watch(process)
        self.share = 1.0
        self.at_work = False
        self.stopped = False
        self.correction = 0.0
        self.begun_ns = self.reviewed_ns = self.free_ns = 0
        self.had = (0, 0)

    def hold(self, share: float) -> None:
        self.share = share

    @property
    def idle(self) -> bool:
        """It is to be slowed and has no turns yet."""
        return self.share < FULL and not self.at_work

    def begin(self, now_ns: int) -> None:
        """From now on it needs its turns."""
        self.at_work = True
        self.begun_ns = self.reviewed_ns = now_ns
        self.free_ns, self.had = 0, usage.had_ns(self.pid)

    def turn(self, now_ns: int) -> int | None:
        """Stops it or lets it go; when the next turn is due, None for never."""
        if self.share >= FULL or self.ended:
            self.release()
            self.at_work = False
            return None
        if now_ns - self.reviewed_ns >= REVIEW_NS:
            self._review(now_ns)
        on_ns = round(PERIOD_NS * self.duty)
        if not self.stopped:
            self.free_ns += now_ns - self.begun_ns
        if self.stopped or on_ns >= PERIOD_NS:
            self.release()
            self.begun_ns = now_ns
            return now_ns + on_ns
        self._signal(signal.SIGSTOP)
        self.stopped = True
        return max(now_ns, self.begun_ns + PERIOD_NS)

    @property
    def duty(self) -> float:
        return max(LEAST * self.share, min(self.share + self.correction, 1.0))

    @property
    def ended(self) -> bool:
        return bool(select.select([self.handle], [], [], 0)[0])

    def release(self) -> None:
        if self.stopped:
            self._signal(signal.SIGCONT)
            self.stopped = False

    def close(self) -> None:
        self.release()
        self.share = 1.0
        self.at_work = False
        os.close(self.handle)

    def _review(self, now_ns: int) -> None:
        """The CPU time of a thread must be its share of the time: a stop comes late, above all on a busy machine."""
        had, (ran_ns, waited_ns) = self.had, usage.had_ns(self.pid)
        got_ns, wall_ns = ran_ns - had[0], now_ns - self.reviewed_ns
        wanted_ns = got_ns + waited_ns - had[1]
        if self.free_ns and wanted_ns > BUSY * self.free_ns:
            threads = max(1, round(wanted_ns / self.free_ns))
            self.correction += GAIN * (self.share - got_ns / threads / wall_ns)
            self.correction = max(-LEAST * self.share, min(self.correction, 1.0 - self.share))
        self.reviewed_ns, self.free_ns, self.had = now_ns, 0, (ran_ns, waited_ns)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, number)
