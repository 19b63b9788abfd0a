"""The process that reads clocks, heat and power beside a launch: raw bytes on absolute deadlines, words afterwards."""

import errno
import gc
import json
import os
import select
import sys
import time
from typing import Any, Callable, Dict, List, Sequence

from farm_agents.ring import Ring

Order = Dict[str, Any]  # the wire's own name for it would be dear: its module takes longer to import than all this
Stopped = Callable[[float], bool]  # waits for at most so many seconds; whether it is time to stop

LOOKED = 20  # ticks from one look at the own cost to the next, and readings of a source that are looked at
SLOW_TICKS = 10  # of the fast lane make one of the slow lane
SECOND_NS = 1_000_000_000
READ_NS = 5_000_000  # 95 of 100 readings of a source of the fast lane are quicker
TICK_SHARE = 0.2  # of the period that 95 of 100 ticks may take
CPU_SHARE = 0.01  # of a core
LONGEST_NS = 8 * SECOND_NS  # a period that is doubled for its cost goes no further


def main() -> int:
    """One line on stdin says what to read; the end of stdin says when to stop. Then everything is told at once."""
    order: Order = json.loads(sys.stdin.buffer.readline().decode())
    gc.disable()
    sampler = Sampler(order)
    sampler.run(_end_of_stdin)
    try:
        _tell(order, sampler)
    except BrokenPipeError:
        os._exit(1)  # nobody is left to hear it
    return 0


def _end_of_stdin(within_s: float) -> bool:
    return bool(select.select([0], [], [], max(0.0, within_s))[0])


class Sampler:
    """From the opened files to the last reading. A tick of `period_ns` reads each source that is due."""

    def __init__(self, order: Order) -> None:
        """`order`: sources [{"name", "path", "ticks", ...}], period_ns, most (readings to keep)."""
        self.sources: List[Order] = order["sources"]
        self.period_ns: int = order["period_ns"]
        self.ring = Ring(order["most"])
        self.due: List[int] = [source["ticks"] for source in self.sources]
        self.files = [opened(source["path"]) for source in self.sources]
        self.gone = [False] * len(self.files)
        self.took_ns = [[0] * LOOKED for _ in self.files]
        self.tick_ns = [0] * LOOKED
        self.ticks = 0
        self.missed = 0
        self.slowed: List[str] = []
        self.looked_ns = time.perf_counter_ns()
        self.began_cpu_ns = self.looked_cpu_ns = time.process_time_ns()

    def run(self, stopped: Stopped) -> None:
        """Everything once, what is due at each tick, everything once more."""
        self._all()
        deadline_ns = time.perf_counter_ns() + self.period_ns
        while not stopped((deadline_ns - time.perf_counter_ns()) / SECOND_NS):
            self.tick()
            deadline_ns = self._next(deadline_ns)
        self._all()

    def tick(self) -> None:
        began_ns = time.perf_counter_ns()
        for source, ticks in enumerate(self.due):
            if (self.ticks + source) % ticks == 0:  # the slow ones take turns
                self._read(source, self.ticks // ticks % LOOKED)
        self.tick_ns[self.ticks % LOOKED] = time.perf_counter_ns() - began_ns
        self.ticks += 1
        if self.ticks % LOOKED == 0:
            self.look()

    def look(self) -> None:
        """The own cost against its limits: a slow source leaves the fast lane before the rate is halved for all."""
        if not self._slow_down() and self._costs_too_much() and self.period_ns < LONGEST_NS:
            self.period_ns *= 2
        self.looked_ns, self.looked_cpu_ns = time.perf_counter_ns(), time.process_time_ns()
        self._open_again()

    @property
    def described(self) -> List[Order]:
        """The sources with the interval that each had at last."""
        return [{**source, "interval_ns": ticks * self.period_ns} for source, ticks in zip(self.sources, self.due)]

    @property
    def cpu_ns(self) -> int:
        return time.process_time_ns() - self.began_cpu_ns

    def _next(self, deadline_ns: int) -> int:
        """The deadlines that have passed already are missed, and counted."""
        deadline_ns += self.period_ns
        late_ns = time.perf_counter_ns() - deadline_ns
        passed = late_ns // self.period_ns + 1 if late_ns > 0 else 0
        self.missed += passed
        return deadline_ns + passed * self.period_ns

    def _all(self) -> None:
        for source in range(len(self.files)):
            self._read(source, 0)

    def _read(self, source: int, place: int) -> None:
        self.ring.read(source, self.files[source])
        self.gone[source] = self.ring.length == -errno.ENODEV
        self.took_ns[source][place] = self.ring.took_ns

    def _slow_down(self) -> bool:
        """Moves the slow sources of the fast lane; at a tick a second there is but one lane."""
        if self.period_ns >= SECOND_NS:
            return False
        found = [at for at, ticks in enumerate(self.due) if ticks < SLOW_TICKS and p95(self.took_ns[at]) > READ_NS]
        for source in found:
            self.due[source] = SLOW_TICKS
            self.slowed.append(self.sources[source]["name"])
        return bool(found)

    def _costs_too_much(self) -> bool:
        passed_ns = time.perf_counter_ns() - self.looked_ns
        cpu_ns = time.process_time_ns() - self.looked_cpu_ns
        return cpu_ns > CPU_SHARE * passed_ns or p95(self.tick_ns) > TICK_SHARE * self.period_ns

    def _open_again(self) -> None:
        """What came back under its name; an open file whose device or name is gone tells old news, or nothing."""
        for source, fd in enumerate(self.files):
            if fd < 0 or self.gone[source] or os.fstat(fd).st_nlink == 0:
                if fd >= 0:
                    os.close(fd)
                self.files[source] = opened(self.sources[source]["path"])


def opened(path: str) -> int:
    """A descriptor, or the -errno of the attempt; a FIFO in the way must not hold anybody up."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return -(error.errno or errno.EIO)


def p95(values: Sequence[int]) -> int:
    """The 95th of a hundred; 0 of nothing."""
    return sorted(values)[(len(values) * 95 - 1) // 100] if values else 0


def _tell(order: Order, sampler: Sampler) -> None:
    """The readings, then the summary; parsing and its imports begin here, where nothing is timed any more."""
    cpu_ns = sampler.cpu_ns
    from farm_agents import sampled  # noqa: PLC0415 - as above

    for chunk in sampled.chunks(order["launch"], sampler.ring, sampler.described):
        sys.stdout.write(json.dumps(chunk) + "\n")
    facts = {**_facts(sampler), "cpu_ms": cpu_ns / 1e6, **sampled.cost(sampler.ring)}
    sys.stdout.write(json.dumps({"msg": "done", "launch": order["launch"], "facts": facts}) + "\n")
    sys.stdout.flush()


def _facts(sampler: Sampler) -> Order:
    """`unopened`: why a source could not be opened at last."""
    return {
        "ticks": sampler.ticks,
        "missed": sampler.missed,
        "period_ms": sampler.period_ns / 1e6,
        "slowed": sampler.slowed,
        "unopened": {
            source["name"]: errno.errorcode.get(-fd, str(-fd))
            for source, fd in zip(sampler.sources, sampler.files)
            if fd < 0
        },
    }
