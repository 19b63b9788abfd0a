"""How fast a launch was when its soak began and after ten minutes of it, and since when heat held it back; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PLAIN_S = 2.0  # caches, arenas and lazy pages come to rest within it: twice the longest warm-up of `quick`
COOL = 5  # windows after it: the median of fewer is noise, more of them miss a board that heats within seconds
LASTING = 12  # windows: as many as decide whether a latency rests
KEPT_S = 600.0
SLOWER = 0.04  # as far apart as the clocks of two launches may not be; a window of a board at rest stays within 2.5 %
SPREADS = 3.0  # times what a window differs from the next, where that is more
MAD = 1.4826
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Soak:
    """Windows: seconds from the start to the end of each, and its median in ns; `held_s`: since when heat takes clock
    away as the board tells it, `held_by`: by what, None where nothing told that.
    """

    t_s: Floats
    median_ns: Floats
    held_s: float | None = None
    held_by: str | None = None

    @property
    def length_s(self) -> float:
        return float(self.t_s[-1])


@dataclass(frozen=True)
class Throttled:
    """`s` None: never; `by` None: nothing but the latency told it."""

    s: float | None
    by: str | None = None


@dataclass(frozen=True)
class Kept:
    """The share of its cool speed that a launch has left; the medians of both levels are in ns."""

    share: float
    after_s: float
    cool_ns: float
    warm_ns: float


def read(told: object) -> Soak | None:
    """The fact `soak` of a launch; None where it is no such thing."""
    if not isinstance(told, dict):
        return None
    t_ns, median_ns = (_whole(told.get(name)) for name in ("t_ns", "median_ns"))
    t0_ns, held_ns, held_by = told.get("t0_ns"), told.get("held_ns"), told.get("held_by")
    if t_ns is None or median_ns is None or t_ns.size != median_ns.size or type(t0_ns) is not int:
        return None
    t_s = (t_ns - t0_ns) / 1e9
    if t_s.size == 0 or t_s[0] <= 0 or np.any(np.diff(t_s) <= 0) or np.any(median_ns <= 0):
        return None
    held_s = (held_ns - t0_ns) / 1e9 if type(held_ns) is int else None
    return Soak(t_s, median_ns, held_s, held_by if isinstance(held_by, str) else None)


def throttled(soak: Soak) -> Throttled:
    """As the board tells it, else by the latency alone."""
    if soak.held_s is not None:
        return Throttled(max(0.0, soak.held_s), soak.held_by)
    return Throttled(_slower_since(soak))


def kept(soak: Soak) -> Kept | None:
    """After ten minutes, or at the end of the soak; None where it was never seen cool."""
    cool_ns, until_s = _cool_ns(soak), min(KEPT_S, soak.length_s)
    if cool_ns is None:
        return None
    late = soak.median_ns[soak.t_s <= until_s][-LASTING:]
    if late.size == 0:
        return None
    warm_ns = float(np.median(late))
    return Kept(cool_ns / warm_ns, until_s, cool_ns, warm_ns)


def _cool_ns(soak: Soak) -> float | None:
    """Of the first windows after the plain warm-up in which heat did not hold it back."""
    begins_s = np.concatenate(([0.0], soak.t_s[:-1]))
    free = soak.t_s < (math.inf if soak.held_s is None else soak.held_s)
    first = soak.median_ns[(begins_s >= PLAIN_S) & free][:COOL]
    return float(np.median(first)) if first.size else None


def _slower_since(soak: Soak) -> float | None:
    """The first window from which the latency lies above the cool level to the end, and long enough to be no accident.

    A governor that hunts comes back to the full clock for moments, so it is the medians that must stay above.
    """
    cool_ns = _cool_ns(soak)
    if cool_ns is None:
        return None
    logs = np.log(soak.median_ns / cool_ns)
    above = logs > max(SLOWER, SPREADS * _noise(logs))
    for k in np.flatnonzero(above[: max(0, logs.size - LASTING + 1)]):
        if np.median(above[k : k + LASTING]) == 1 and np.median(above[k:]) == 1:
            return float(soak.t_s[k])
    return None


def _noise(logs: Floats) -> float:
    """Of one window, from the steps between neighbours: a drift does not count."""
    return MAD * float(np.median(np.abs(np.diff(logs)))) / math.sqrt(2) if logs.size > 1 else 0.0


def _whole(told: object) -> Floats | None:
    good = isinstance(told, list) and all(type(each) is int for each in told)
    return np.asarray(told, dtype=np.float64) if good else None


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """The median of at least one value, the least and the most."""
    return float(np.median(values)), min(values), max(values)
