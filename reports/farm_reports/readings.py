"""What the board said beside one slot: how much the slot was disturbed, whether its clock was held back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from farm_reports.tables import Calibration

CLOCK, MEMORY = "clock", "memory"  # the parts of the canary
CANARY = {CLOCK: 0.02, MEMORY: 0.04}  # what a part may take longer after a slot than before it
CANARY_SPREADS = 4  # times what it varies by on a board that was measured, where that is more
UNDERVOLTED = 0b1  # bits of a Raspberry Pi's get_throttled: now; 16 higher: since it was switched on
HELD_BACK = 0b1110
STICKY = 16
TICK_S = 0.01  # in which the kernel counts the busy time of a CPU


@dataclass(frozen=True)
class Readings:
    """The facts of one launch; what nobody could see, or what makes no sense, is None."""

    facts: Mapping[str, Any]
    point: str

    def number(self, name: str) -> float | None:
        value = self.facts.get(name)
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if good and value is not None else None

    def amount(self, name: str) -> float | None:
        """A number that cannot be negative, unless a clock went back."""
        value = self.number(name)
        return value if value is not None and value >= 0 else None

    def bits(self, name: str) -> int | None:
        value = self.facts.get(name)
        return value if type(value) is int and value >= 0 else None

    @property
    def wall_s(self) -> float | None:
        return (self.amount("wall_ns") or 0) / 1e9 or None

    @property
    def threads(self) -> float:
        return max(self.amount("threads") or 1.0, 1.0)

    @property
    def paced(self) -> bool:
        return not self.point.endswith("/tight")

    @property
    def tight(self) -> bool:
        """The processor works without a pause: what takes it away shows in every counter."""
        return self.point.startswith("CPUExecutionProvider/") and not self.paced


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


def slowed(readings: Readings, part: str) -> float | None:
    """How much longer this part of the canary took after the slot than before it."""
    before, after = (readings.amount(f"canary_{part}_{when}_ns") for when in ("before", "after"))
    return after / before - 1 if before and after is not None else None


def canary_limit(part: str, calibration: Calibration) -> float:
    own = {CLOCK: calibration.clock_sd, MEMORY: calibration.memory_sd}[part]
    return max(CANARY[part], CANARY_SPREADS * (own or 0.0))


def canary_ns(readings: Readings) -> float | None:
    """The core clock by what the canary took on either side of the slot: the longer, the lower the clock."""
    before, after = (readings.amount(f"canary_{CLOCK}_{when}_ns") for when in ("before", "after"))
    return math.sqrt(before * after) if before and after else None


def devices(readings: Readings) -> set[str]:
    """Memory and accelerators whose clocks were told."""
    told = (readings.facts.get(f"devfreq_hz_{when}") for when in ("start", "end"))
    return {name for each in told if isinstance(each, dict) for name in each}


def device_hz(readings: Readings, name: str) -> float | None:
    """The higher of start and end: the clock of an idle one falls at once."""
    told = (readings.facts.get(f"devfreq_hz_{when}") for when in ("start", "end"))
    found = [Readings(each, readings.point).amount(name) for each in told if isinstance(each, dict)]
    return max((hz for hz in found if hz), default=None)


def governors(readings: Readings) -> set[str]:
    """One word, or two where it was changed during the slot."""
    told = (readings.facts.get(f"governor_{when}") for when in ("start", "end"))
    return {word for word in told if isinstance(word, str)}


def undervolted(readings: Readings) -> str | None:
    return _flagged(readings, UNDERVOLTED)


def throttled(readings: Readings) -> str | None:
    """The evidence in words that the processor was held back, or None."""
    state = readings.amount("cooling_state_max")
    if state:
        return f"cooling state {state:.0f}"
    return _flagged(readings, HELD_BACK)


def suspected(readings: Readings) -> bool:
    """The clock fell while the heat rose."""
    fall = slowed(readings, CLOCK)
    start, end = (readings.number(f"temp_mc_{when}") for when in ("start", "end"))
    return fall is not None and fall > CANARY[CLOCK] and start is not None and end is not None and end > start


def watched(readings: Readings) -> bool:
    """Whether a source was there that would have shown a processor held back."""
    return readings.amount("cooling_state_max") is not None or readings.bits("throttled_bits_end") is not None


def _flagged(readings: Readings, bits: int) -> str | None:
    """Set now, or set since the slot began."""
    start, end = (readings.bits(f"throttled_bits_{when}") for when in ("start", "end"))
    now = ((start or 0) | (end or 0)) & bits
    fresh = 0 if start is None or end is None else end & ~start & bits << STICKY
    if not now | fresh:
        return None
    return f"get_throttled 0x{start or 0:x} before, 0x{end or 0:x} after the slot"
