"""How something moves over time: the slope of Theil and Sen, and the rate of a temperature; pure functions."""

from math import erfc, sqrt
from statistics import median
from typing import Dict, Optional, Sequence, Tuple

SPAN_NS = 10_000_000_000
RATE_MAX_MC = 500  # in SPAN_NS: a board whose temperature moves faster is not at rest
KNOWN_SHARE = 0.75  # of the time from the first reading to the last that those with a value must cover
Point = Tuple[int, Optional[int]]  # when in ns, m°C; None where the sensor did not answer


def slope(points: Sequence[Tuple[float, float]]) -> float:
    """The median of the slopes of all pairs; no two points lie above each other."""
    count = range(len(points))
    return median((points[j][1] - points[i][1]) / (points[j][0] - points[i][0]) for i in count for j in count if i < j)


def rate_mc(points: Sequence[Point]) -> Optional[float]:
    """By how many m°C a temperature rises in ten seconds; None where too little of it is known."""
    known = [(t_ns, temp) for t_ns, temp in points if temp is not None]
    if len(known) < 2 or any(later <= earlier for (earlier, _), (later, _) in zip(known, known[1:])):
        return None
    covered_ns, whole_ns = known[-1][0] - known[0][0], points[-1][0] - points[0][0]
    return slope(known) * SPAN_NS if covered_ns >= KNOWN_SHARE * whole_ns else None


def stands(rate: float) -> bool:
    return abs(rate) <= RATE_MAX_MC


def rise_p(values: Sequence[float]) -> float:
    """The chance of rising so steadily where nothing rises, by Mann and Kendall."""
    n = len(values)
    count = range(n)
    pairs = sum((values[j] > values[i]) - (values[j] < values[i]) for i in count for j in count if i < j)
    alike: Dict[float, int] = {}
    for value in values:
        alike[value] = alike.get(value, 0) + 1
    ties = sum(t * (t - 1) * (2 * t + 5) for t in alike.values())
    spread = (n * (n - 1) * (2 * n + 5) - ties) / 18
    return 0.5 * erfc((pairs - 1) / sqrt(2 * spread)) if spread > 0 and pairs > 0 else 1.0
