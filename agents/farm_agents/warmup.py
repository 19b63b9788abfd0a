"""Whether a latency has come to rest: drift, halves and spread of the medians of windows; pure functions."""

from dataclasses import dataclass
from math import log
from statistics import median
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

from farm_agents import trend

ITERATIONS = 10  # of a window, at least
COARSE_ITERATIONS = 3  # of a window of a slow model
COARSE_WINDOWS = 6
FEWEST = 5  # windows of a slot that can tell anything
Latencies = Union[Sequence[int], "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class Rule:
    """What a recipe asks for: the least and the most of a warm-up, its windows, the limits of their logarithms."""

    least_ns: int
    most_ns: int
    least_n: int
    window_ns: int
    windows: int
    drift_max: float
    half_max: float
    spread_max: float


@dataclass(frozen=True)
class Shape:
    """The windows that a model's speed allows: the last `windows` decide, each holds `iterations` or more."""

    windows: int
    iterations: int
    coarse: bool


@dataclass(frozen=True)
class Rest:
    """How far the windows are from rest; `broken` names the conditions that fail.

    `heat_mc`: by how much the board heats in ten seconds; `cooling`: the highest state of what slows it down.
    """

    drift: float
    half: float
    spread: float
    heat_mc: Optional[float]
    cooling: Optional[int]
    broken: Tuple[str, ...]

    @property
    def steady(self) -> bool:
        return not self.broken


def shape_of(rule: Rule, step_ns: float) -> Shape:
    """Windows grow to ten iterations; where that would eat half the budget, they are fewer and coarser."""
    width_ns = max(float(rule.window_ns), ITERATIONS * step_ns)
    if 2 * rule.windows * width_ns > rule.most_ns and step_ns > rule.window_ns / ITERATIONS:
        return Shape(min(COARSE_WINDOWS, rule.windows), COARSE_ITERATIONS, coarse=True)
    return Shape(rule.windows, ITERATIONS, coarse=False)


def level(latency_ns: Latencies) -> float:
    """The logarithm of a window's median; a clock that goes back or stands counts as its smallest step."""
    return log(max(1.0, middle_ns(latency_ns)))


def middle_ns(latency_ns: Latencies) -> float:
    """The median of at least one latency."""
    return float(np.median(np.asarray(latency_ns)))


def rest_of(
    levels: Sequence[float], rule: Rule, heat_mc: Optional[float] = None, cooling: Optional[int] = None
) -> Rest:
    """Judges at least two windows, oldest first; where nothing of the board is known, the latencies decide alone."""
    half = len(levels) // 2
    drift = abs(trend.slope([*enumerate(levels)])) * (len(levels) - 1)
    apart = abs(median(levels[-half:]) - median(levels[:half]))
    low, high = np.percentile(levels, [10, 90])
    spread = float(high - low)
    wrong = (
        ("drift", drift > rule.drift_max),
        ("half", apart > rule.half_max),
        ("spread", spread > rule.spread_max),
        ("heat", heat_mc is not None and not trend.stands(heat_mc)),
        ("cooling", cooling is not None and cooling > 0),
    )
    return Rest(drift, apart, spread, heat_mc, cooling, tuple(name for name, broken in wrong if broken))


def slot_levels(latency_ns: Latencies, duration_ns: int, rule: Rule) -> List[float]:
    """A whole slot as windows of as many iterations each, in a long one wider than the rule's. Empty: it is too short."""
    n, wide = len(latency_ns), duration_ns // max(1, rule.window_ns)
    counts = (min(wide, n // least, rule.windows) for least in (ITERATIONS, COARSE_ITERATIONS))
    count = next((count for count in counts if count >= FEWEST), 0)
    cuts = [k * n // count for k in range(count + 1)] if count else []
    return [level(latency_ns[a:b]) for a, b in zip(cuts, cuts[1:])]
