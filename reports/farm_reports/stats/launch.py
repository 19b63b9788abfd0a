"""Figures of one launch: quantiles of autocorrelated iterations, with their effective sample size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from farm_reports.stats.power import READING, z
from farm_reports.tables import Summary

TYPE_8: Literal["median_unbiased"] = "median_unbiased"  # Hyndman and Fan's, as numpy calls it
TAIL = 20  # effective iterations beyond a quantile, before it is told
NEAR = 1024  # lags in which the autocorrelation of nearly every slot has died out
PIECE = 7 * NEAR  # iterations whose lags are found at once
STOPPING = 0.01  # MLPerf's early stopping: how often the bound may lie below the quantile
Floats = NDArray[np.float64]
Values = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True)
class Quantile:
    """An empirical quantile, the effective number of iterations behind it, and their 95 % interval (None: undefined)."""

    value: float
    n_eff: float
    low: float | None
    high: float | None


def summarise(latency_ns: Values) -> Summary:
    """The figures of a slot of at least one iteration."""
    p50, p90, p95, p99 = np.quantile(latency_ns, (0.5, 0.9, 0.95, 0.99), method=TYPE_8)
    return Summary(
        n=latency_ns.size,
        n_eff=_effective(latency_ns, p50),
        p50_ns=round(p50),
        p90_ns=_told(latency_ns, 0.90, p90),
        p95_ns=_told(latency_ns, 0.95, p95),
        p99_ns=_told(latency_ns, 0.99, p99),
        mean_ns=round(float(latency_ns.mean())),
        min_ns=int(latency_ns.min()),
        max_ns=int(latency_ns.max()),
    )


def quantile(values: Values, p: float) -> float:
    """The empirical quantile, Hyndman-Fan type 8."""
    return float(np.quantile(values, p, method=TYPE_8))


def floor(p: float) -> int:
    """The effective iterations below which the quantile is not told."""
    return round(TAIL / (1 - p))


def effective(values: Values, p: float) -> float:
    """The size over tau, of the indicator of being at or below the quantile; tau by Geyer's initial monotone sequence."""
    return _effective(values, quantile(values, p))


def tau(series: Floats) -> float:
    """The integrated autocorrelation time of a series, at least 1."""
    centred = series - series.mean()
    power = float(centred @ centred)
    if power == 0.0:
        return 1.0
    near = _initial_monotone(_autocovariances(centred, min(NEAR, centred.size)) / power)
    if 2 * near.size == NEAR:
        near = _initial_monotone(_autocovariances(centred, centred.size) / power)
    return max(1.0, 2 * float(near.sum()) - 1)


def quantile_interval(values: Values, p: float, side: float = READING) -> Quantile:
    """A quantile with its order-statistic interval at the effective sample size."""
    n, n_eff = values.size, effective(values, p)
    reach = z(side) * math.sqrt(p * (1 - p) / n_eff)
    low, high = math.floor(n * (p - reach)), math.ceil(n * (p + reach))
    ordered = np.sort(values)
    return Quantile(
        value=quantile(values, p),
        n_eff=n_eff,
        low=float(ordered[low - 1]) if low >= 1 else None,
        high=float(ordered[high - 1]) if high <= n else None,
    )


def upper_bound(values: Values, p: float, n_eff: float) -> float | None:
    """The one-sided 99 % upper bound of a quantile that MLPerf's early stopping gives; None below its floor."""
    from scipy.stats import binom  # slow to import, and the lane only summarises

    known = math.floor(n_eff)
    beyond = int(binom.ppf(STOPPING, known, 1 - p))
    if binom.cdf(beyond, known, 1 - p) > STOPPING:
        beyond -= 1
    if beyond < 1:
        return None
    place = math.ceil(values.size * (1 - beyond / known))
    return float(np.sort(values)[place - 1])


def _told(values: Values, p: float, at: float) -> int | None:
    told = values.size >= floor(p) and _effective(values, at) >= floor(p)
    return round(at) if told else None


def _effective(values: Values, at: float) -> float:
    return values.size / tau((values <= at).astype(np.float64))


def _autocovariances(centred: Floats, lags: int) -> Floats:
    """The sums behind the first `lags` autocovariances; a long series piece by piece, which is faster and as exact."""
    wide = min(PIECE, centred.size) if lags <= NEAR else centred.size
    count = -(-centred.size // wide)
    padded = np.pad(centred, (0, count * wide + lags - centred.size))
    reached = np.lib.stride_tricks.sliding_window_view(padded, wide + lags)[::wide]
    size = 1 << (wide + lags - 1).bit_length()
    spectrum = np.fft.rfft(padded[: count * wide].reshape(count, wide), size).conj() * np.fft.rfft(reached, size)
    return np.fft.irfft(spectrum.sum(axis=0), size)[:lags]


def _initial_monotone(lags: Floats) -> Floats:
    pairs = lags[: lags.size // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    kept: Floats = np.minimum.accumulate(pairs[: negative[0]] if negative.size else pairs)
    return kept
