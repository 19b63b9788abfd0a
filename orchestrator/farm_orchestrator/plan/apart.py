"""How far the launches of a block lie apart in what their board told beside them: pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from farm_reports import clocks, readings
from farm_reports.clocks import mhz
from farm_reports.readings import Readings

CLOCKS_APART = 0.04
Read = Callable[[Readings], float | None]


@dataclass(frozen=True)
class Arm:
    variant: str
    said: Readings


@dataclass(frozen=True)
class Apart:
    """The launches of a block that differ most in something."""

    highest: Arm
    high: float
    lowest: Arm
    low: float

    @property
    def ratio(self) -> float:
        return self.high / self.low - 1 if self.low > 0 else 0.0

    def text(self, what: str, shown: Callable[[float], str]) -> str:
        return f"{what}: {shown(self.high)} for {self.highest.variant}, {shown(self.low)} for {self.lowest.variant}."


@dataclass(frozen=True)
class Speeds:
    """How far the clocks of a block's launches lie apart. `counted`: by their cycles, which no neighbour can steal."""

    ratio: float
    text: str
    counted: bool

    @property
    def differ(self) -> bool:
        return self.ratio > CLOCKS_APART


def apart(arms: Sequence[Arm], read: Read) -> Apart | None:
    """Of those that could be seen; one alone differs from nothing."""
    known = [(arm, value) for arm in arms if (value := read(arm.said)) is not None]
    if len(known) < 2:
        return None
    (highest, high), (lowest, low) = (end(known, key=lambda each: each[1]) for end in (max, min))
    return Apart(highest, high, lowest, low)


def speeds(arms: Sequence[Arm], *, lab: bool = False) -> Speeds | None:
    """By the cycles that were counted, else by the canary.

    `lab`: by what the board's own kernel counted: its cycles are those of the machine, and the canary, which stands at
    the ends of the slot alone, meets neighbours.
    """
    return _counted(arms, clocks.told_khz if lab else clocks.eff_khz) or _timed(arms)


def _counted(arms: Sequence[Arm], read: Read) -> Speeds | None:
    """Where it is known of every launch."""
    found = apart(arms, read)
    if found is None or any(read(arm.said) is None for arm in arms):
        return None
    return Speeds(found.ratio, f"{found.text('The clock', mhz)} {_allowed(found)}", counted=True)


def _timed(arms: Sequence[Arm]) -> Speeds | None:
    found = apart(arms, readings.canary_ns)
    if found is None:
        return None
    slow, fast = found.highest.variant, found.lowest.variant
    took = f"{found.high / 1e6:.2f} ms beside {slow} and {found.low / 1e6:.2f} ms beside {fast}"
    return Speeds(found.ratio, f"The same calculation took {took}, {_allowed(found)}", counted=False)


def _allowed(found: Apart) -> str:
    return f"{found.ratio:.1%} apart. Allowed apart: {CLOCKS_APART:.1%}."
