"""What the board said beside one slot, taken for what it is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm_reports.tables import STOCK, Calibration

CLOCK, MEMORY = "clock", "memory"  # the parts of the canary
CANARY = {CLOCK: 0.02, MEMORY: 0.04}  # what a part may take longer after a slot than before it
CANARY_SPREADS = 4  # times what it varies by on a board that was measured, where that is more
TICK_S = 0.01  # in which the kernel counts the time of a CPU
POINT_PARTS, PIN = 7, 4  # of the text that names a point, and which of them is the clock


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
    def pin(self) -> str:
        """The clock that was asked for."""
        parts = self.point.split("/")
        return parts[PIN] if len(parts) == POINT_PARTS else STOCK

    @property
    def tight(self) -> bool:
        """The processor works without a pause: what takes it away shows in every counter."""
        return self.point.startswith("CPUExecutionProvider/") and not self.paced


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
