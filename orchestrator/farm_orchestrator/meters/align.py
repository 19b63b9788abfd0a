"""The board's clock and the meter's delay against this machine's clock; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TRIPS = 20
LAG_MOST_NS = 3_000_000_000
LAG_STEPS = 40  # of a reading
ALIKE = 0.8  # correlation from which on a series shows the chirp
FEWEST = 8
SWING_LSB = 3.0
Window = tuple[int, int]
Series = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trip:
    """One question about the time: sent and answered by this machine's clock, in between by the board's."""

    sent_ns: int
    board_ns: int
    back_ns: int

    @property
    def took_ns(self) -> int:
        return self.back_ns - self.sent_ns


@dataclass(frozen=True)
class Sync:
    """At `at_ns` (ours) the board's clock was `offset_ns` ahead of ours, give or take `error_ns`."""

    at_ns: int
    offset_ns: int
    error_ns: int


@dataclass(frozen=True)
class Lag:
    """How much later than the board's clock the meter shows what the board did, or why that is not known."""

    ns: int | None
    reason: str


def sync(trips: Sequence[Trip]) -> Sync:
    """Cristian: of the quickest trip the answer was given in the middle, give or take half its length."""
    best = min(trips, key=lambda trip: trip.took_ns)
    half, odd = divmod(best.took_ns, 2)
    return Sync(best.back_ns, best.board_ns - best.sent_ns - half, half + odd)


def over(before: Sync, after: Sync) -> Sync:
    """What holds from `before` to `after`: the middle of all that both allow, so that a drift between them is inside."""
    low = min(one.offset_ns - one.error_ns for one in (before, after))
    high = max(one.offset_ns + one.error_ns for one in (before, after))
    return Sync(after.at_ns, (low + high) // 2, -(-(high - low) // 2))


def lag(
    burns: Sequence[Window], t_ns: Sequence[int], power_w: Sequence[float], *, interval_ns: int, lsb_w: float
) -> Lag:
    """The delay at which the meter's series looks most like the burns, both by the board's clock.

    Verified where it is under one reading; else the reason says what was seen.
    """
    low, high = burns[0][0] - LAG_MOST_NS, burns[-1][1] + LAG_MOST_NS
    seen = [(t, p) for t, p in zip(t_ns, power_w, strict=True) if low <= t <= high]
    if len(seen) < FEWEST:
        return Lag(None, f"{len(seen)} readings beside the load chirp, {FEWEST} are needed")
    at, power = np.array([t for t, _ in seen]), np.array([p for _, p in seen], dtype=np.float64)
    if float(np.ptp(power)) < SWING_LSB * lsb_w:
        return Lag(None, f"the load chirp moved the meter by {float(np.ptp(power)):g} W, a step of it is {lsb_w:g} W")
    found, alike = _best(burns, at, power, interval_ns)
    if alike < ALIKE:
        return Lag(None, f"the meter does not show the load chirp (correlation {alike:.2f}, {ALIKE} is needed)")
    if abs(found) >= interval_ns:
        return Lag(
            None,
            f"the meter shows the load chirp {found / 1e6:.0f} ms late, more than a reading of {interval_ns / 1e6:.0f} ms",
        )
    return Lag(found, "")


def _best(burns: Sequence[Window], at: npt.NDArray[np.int64], power: Series, interval_ns: int) -> tuple[int, float]:
    """Many delays look alike between two readings: the middle of them."""
    step = max(1, interval_ns // LAG_STEPS)
    delays = np.arange(-LAG_MOST_NS, LAG_MOST_NS + 1, step)
    alike = np.array([_correlation(_wave(burns, at - delay), power) for delay in delays])
    top = float(alike.max())
    first = int(np.argmax(alike >= top - 1e-9))
    last = first
    while last + 1 < len(alike) and alike[last + 1] >= top - 1e-9:
        last += 1
    return int(delays[first] + delays[last]) // 2, top


def _wave(burns: Sequence[Window], at: npt.NDArray[np.int64]) -> Series:
    inside = np.zeros(len(at), dtype=np.float64)
    for begin, end in burns:
        inside[(at >= begin) & (at < end)] = 1.0
    return inside


def _correlation(wave: Series, power: Series) -> float:
    a, b = wave - wave.mean(), power - power.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
