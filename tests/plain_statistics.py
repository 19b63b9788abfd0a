"""The statistics of a run written down once more from their definitions, without speed and without the product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, t

Floats = npt.NDArray[np.float64]
Z = NormalDist().inv_cdf


def quantile(values: Floats, p: float) -> float:
    """Hyndman and Fan's type 8, by its definition."""
    ordered, place = np.sort(values), (values.size + 1 / 3) * p + 1 / 3
    below = math.floor(place)
    one, other = (ordered[min(max(index, 1), values.size) - 1] for index in (below, below + 1))
    return float(one + (place - below) * (other - one))


@cache
def kept(count: int, side: float) -> int:
    """The largest k with P(W+ <= k - 1) <= side, by counting all signs of the ranks."""
    ways = np.zeros(count * (count + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, count + 1):
        ways[rank:] = ways[rank:] + ways[:-rank]
    return int((np.cumsum(ways) / 2.0**count <= side * (1 + 1e-12)).sum())


def hodges_lehmann(values: Sequence[float], side: float = 0.025) -> tuple[float, float, float]:
    """The estimate and its exact limits."""
    averages = sorted((one + other) / 2 for i, one in enumerate(values) for other in values[i:])
    k = kept(len(values), side)
    low, high = (averages[k - 1], averages[-k]) if k else (-math.inf, math.inf)
    return float(np.median(averages)), low, high


def of_launches(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """One value a launch: with few of them their range, with one no limits."""
    if not values:
        return None, None, None
    found = hodges_lehmann(values)
    if len(values) == 1:
        return found[0], None, None
    return found if len(values) >= 6 else (found[0], min(values), max(values))


def bias(logs: Sequence[float]) -> float:
    return max(0.005, 0.5 * 1.4826 * float(np.median(np.abs(np.asarray(logs) - np.median(logs)))))


def with_bias(logs: Sequence[float], side: float = 0.025) -> tuple[float, float, float]:
    """A paired change with the bias of a board that was never measured against itself."""
    middle, low, high = hodges_lehmann(logs, side)
    reach = Z(1 - side) * bias(logs)
    return middle, middle - math.hypot(middle - low, reach), middle + math.hypot(high - middle, reach)


def error(found: tuple[float, float, float]) -> float:
    return (found[2] - found[1]) / (2 * Z(0.975))


def had(logs: Sequence[float]) -> float:
    return math.expm1(0.005 + (Z(0.975) + Z(0.95)) * math.hypot(error(hodges_lehmann(logs)), bias(logs)))


def word_of(low: float, high: float) -> str:
    if low > 0.005 or high < -0.005:
        return "slower" if low > 0 else "faster"
    return "same" if high < 0.02 and low > -0.02 else "undecided"


def effective(values: Floats, p: float) -> float:
    """The size over tau, of being at or below the quantile; Geyer's initial monotone sequence, lag by lag."""
    below = (values <= quantile(values, p)).astype(float)
    centred = below - below.mean()
    power, total, least = float(centred @ centred), 0.0, math.inf
    for lag in range(0, values.size - 1, 2) if power else ():
        pair = sum(float(centred[: values.size - k] @ centred[k:]) for k in (lag, lag + 1)) / power
        if pair <= 0:
            break
        least = min(least, pair)
        total += least
    return values.size / max(1.0, 2 * total - 1)


def alone(values: Floats, p: float, middle: float) -> tuple[float, float | None, float | None]:
    reach = 1.959963984540054 * math.sqrt(p * (1 - p) / effective(values, p))
    return middle, *between(np.sort(values), p, reach)


def between(ordered: Floats, p: float, reach: float) -> tuple[float | None, float | None]:
    low, high = math.floor(ordered.size * (p - reach)), math.ceil(ordered.size * (p + reach))
    return ordered[low - 1] if low >= 1 else None, ordered[high - 1] if high <= ordered.size else None


def tail(launches: Sequence[Floats], p: float) -> tuple[float, float | None, float | None]:
    """The pool's quantile; its limits from the launches' own where each has enough, else from the shares beyond it."""
    pooled = np.concatenate(launches)
    middle, each = quantile(pooled, p), [quantile(samples, p) for samples in launches]
    low: float | None
    high: float | None
    if len(each) == 1:
        _, low, high = alone(pooled, p, middle)
    elif len(each) < 6:
        low, high = min(each), max(each)
    elif min(effective(samples, p) for samples in launches) * (1 - p) >= 5:
        _, low, high = map(math.exp, hodges_lehmann([math.log(own) for own in each]))
    else:
        beyond = [float((samples > middle).mean()) for samples in launches]
        share = float(t.ppf(0.975, len(each) - 1)) * float(np.std(beyond, ddof=1)) / math.sqrt(len(each))
        low, high = between(np.sort(pooled), p, share)
    return middle, None if low is None else min(low, middle), None if high is None else max(high, middle)


def early_stopping(values: Floats, p: float, n_eff: float) -> float | None:
    """The order statistic beyond which MLPerf's rule allows so many iterations at 99 %."""
    known = math.floor(n_eff)
    beyond = max((count for count in range(known) if binom.cdf(count, known, 1 - p) <= 0.01), default=0)
    return None if beyond < 1 else float(np.sort(values)[math.ceil(values.size * (1 - beyond / known)) - 1]) / 1e6
