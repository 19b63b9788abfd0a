"""The counters that show other work on a board beside a slot, each with the most that an undisturbed slot may have."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from farm_reports.readings import TICK_S, Readings


@dataclass(frozen=True)
class Sign:
    """A counter that shows other work on the board. Beyond `limit` a slot is disturbed; `grain_s`: how coarse it is."""

    what: str
    limit: float
    shown: str
    read: Callable[[Readings], float | None]
    grain_s: float = 0.0

    def bound(self, readings: Readings) -> float:
        return max(self.limit, self.grain_s / (readings.wall_s or math.inf))

    def text(self, value: float) -> str:
        return self.shown.format(value)


def _idle(readings: Readings) -> float | None:
    """Of one thread that never rests."""
    cpu, wall_s = readings.amount("cpu_ns"), readings.wall_s
    if cpu is None or wall_s is None or not readings.tight or readings.number("threads") != 1:
        return None
    return max(0.0, 1 - cpu / 1e9 / wall_s)


def _share(readings: Readings, name: str, unit_s: float, among: float = 1.0) -> float | None:
    spent, wall_s = readings.amount(name), readings.wall_s
    return None if spent is None or wall_s is None else spent * unit_s / wall_s / among


def _waited(readings: Readings) -> float | None:
    return _share(readings, "run_queue_ns", 1e-9, readings.threads)


def _pressed(readings: Readings) -> float | None:
    return None if readings.paced else _share(readings, "psi_cpu_some_us", 1e-6)


def _foreign(readings: Readings) -> float | None:
    cpus = readings.facts.get("cpus")
    if readings.paced or not isinstance(cpus, list) or not cpus:
        return None
    return _share(readings, "foreign_cpu_ns", 1e-9, len(cpus))


def _switched(readings: Readings) -> float | None:
    return _share(readings, "nivcsw", 1.0, readings.threads) if readings.tight else None


def _faulted(readings: Readings) -> float | None:
    return None if readings.paced else readings.amount("majflt")


def _swapped(readings: Readings) -> float | None:
    return None if readings.paced else readings.amount("swap_in_pages")


OF_SLOT, A_SECOND, COUNTED = "{:.1%} of the slot", "{:.0f} a second", "{:.0f}"
SIGNS = (
    Sign("One thread without a processor", 0.05, OF_SLOT, _idle),
    Sign("Waiting for a processor", 0.005, OF_SLOT, _waited),
    Sign("Other programs on the measured CPUs", 0.01, OF_SLOT, _foreign, grain_s=TICK_S),
    Sign("Something waiting for a CPU (pressure)", 0.01, OF_SLOT, _pressed),
    Sign("Involuntary switches", 5.0, A_SECOND, _switched),
    Sign("Pages read from disk", 0.0, COUNTED, _faulted),
    Sign("Pages swapped in on the board", 0.0, COUNTED, _swapped),
)
