"""Energy of a window from what power sensors said beside it: the integral, its baseline, whether the sensor could tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from farm_reports.stats.flow import Floats, Flow, Rail, Times, Untold, columns_of, flow, joules

Window = tuple[int, int]  # begin and end in ns of the board's monotonic clock
SensorClass = Literal["A", "B", "C"]  # a counter or a bench instrument; a shunt on the board; a plug

READINGS = 10  # of a sensor that a window must hold
STEPS = 1000  # of its smallest energy that a window must hold
PARTS = 10  # of a window, which stand for it in the bootstrap
DRAWS = 2000
SEED = 4
DRIFT = 0.02  # of the idle power, before against after
DRIFT_STEPS = 2  # of the sensor, where that is more


@dataclass(frozen=True)
class Source:
    """Rails of one scope whose sum is the power of that scope; `least_s`: the shortest window of its class."""

    name: str
    scope: str
    sensor_class: SensorClass
    least_s: float
    rails: tuple[Rail, ...]


@dataclass(frozen=True)
class Energy:
    """Of one window, in J and W; low and high: 95 %, by a bootstrap over its parts. `net_j`: without the idle power.

    `interval_ms`: from one new value to the next, the longest of the rails; `lsb_w`: the sum of their steps.
    """

    gross_j: float
    low_j: float
    high_j: float
    interval_ms: float
    lsb_w: float | None
    idle_w: float | None = None
    net_j: float | None = None
    net_reason: str | None = None


def of_window(
    source: Source, readings: Iterable[Mapping[str, Any]], window: Window, idle: Sequence[Window] = ()
) -> Energy:
    """Raises Untold. `readings`: rows with t_ns, source, value, unit, error; `idle`: right before and after the window.

    The method is that of MLPerf's power rules on a board's own sensors: a trapezoid over the readings inside, edges by
    linear interpolation, nothing from a window that the sensor cannot resolve.
    """
    columns = columns_of(readings)
    flows = [flow(rail, columns) for rail in source.rails]
    parts = sum((joules(each, _cuts(window)) for each in flows), np.zeros(PARTS))
    gross_j, seconds = float(parts.sum()), (window[1] - window[0]) / 1e9
    interval_ms = max(_interval_ms(each) for each in flows)
    resolved(source, flows, gross_j / seconds, seconds)
    low_j, high_j = bootstrap(parts)
    lsb_w = _sum([rail.lsb_w for rail in source.rails])
    idle_w, reason = baseline(flows, idle, lsb_w)
    net_j = None if idle_w is None or reason else gross_j - idle_w * seconds
    if net_j is not None and net_j < 0:
        net_j, reason = None, "it took no more than the idle board"
    return Energy(gross_j, low_j, high_j, interval_ms, lsb_w, idle_w, net_j, reason)


def resolved(source: Source, flows: Sequence[Flow], watt: float, seconds: float) -> None:
    """Raises Untold for a window that its sensors cannot resolve, with the length of the slot that would do."""
    need_s = max(source.least_s, *(needed_s(each, watt) for each in flows))
    if math.isinf(need_s):
        raise Untold("its sensor reads 0 W")
    if seconds < need_s:
        raise Untold(f"below the sensor's resolution: a slot of {math.ceil(need_s)} s would do")


def needed_s(found: Flow, watt: float) -> float:
    """Seconds in which a sensor has ten new values, and a thousand of its smallest steps at so much power."""
    interval_s = _interval_ms(found) / 1e3
    step_j = found.rail.lsb_j if found.watt is None else (found.rail.lsb_w or 0.0) * interval_s
    return max(READINGS * interval_s, STEPS * (step_j or 0.0) / watt if watt > 0 else math.inf)


def _interval_ms(found: Flow) -> float:
    """What it was asked for more often than it had something new to say was no news."""
    return max(found.rail.interval_ms or 0.0, found.period_ns / 1e6)


def bootstrap(parts: Floats) -> tuple[float, float]:
    """95 % of what a window of such parts, (k,) J, comes to: each part is a block, so what follows each other stays together."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    sums = parts[rng.integers(0, parts.size, size=(DRAWS, parts.size))].sum(axis=1)
    low, high = np.quantile(sums, (0.025, 0.975))
    return float(low), float(high)


def baseline(flows: Sequence[Flow], idle: Sequence[Window], lsb_w: float | None) -> tuple[float | None, str | None]:
    """The idle power on either side of the window in W, and why nothing can be compared with it."""
    if not idle:
        return None, "its launch had no idle window"
    try:
        before, after = (mean_w(flows, window) for window in idle)
    except Untold as untold:
        return None, f"idle: {untold}"
    middle = (before + after) / 2
    if abs(before - after) > max(DRIFT * middle, DRIFT_STEPS * (lsb_w or 0.0)):
        return middle, f"the idle board took {before:.2f} W before the slot and {after:.2f} W after it"
    return middle, None


def mean_w(flows: Sequence[Flow], window: Window) -> float:
    """The mean power of a window. Raises Untold."""
    cuts = np.array(window, dtype=np.int64)
    parts = sum((joules(each, cuts) for each in flows), np.zeros(1))
    return float(parts[0]) / ((window[1] - window[0]) / 1e9)


def _cuts(window: Window) -> Times:
    if window[1] <= window[0]:
        raise Untold("the clock went back")
    return np.linspace(window[0], window[1], PARTS + 1).astype(np.int64)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
