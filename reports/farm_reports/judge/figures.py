"""The figures of a cell: values with intervals from launches, never from pooled iterations."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from farm_reports.judge.evidence import Evidence
from farm_reports.parts import Value
from farm_reports.results import Latency, Quantile
from farm_reports.stats.compare import interval
from farm_reports.stats.launch import floor, quantile_interval, upper_bound
from farm_reports.stats.tails import FEW

NS_PER_MS = 1e6


def latency(evidence: Evidence, absent: str, *, absolute: bool) -> Latency:
    """Median and tails in ms; `absent` is the reason where there is no valid launch.

    `absolute`: the figures stand alone, so the tails get the bounds by which MLPerf publishes them.
    """
    if not evidence.valid:
        none = Quantile(value=None, reason=absent)
        return Latency(p50=Value(value=None, reason=absent), p90=none, p95=none, p99=none)
    p90, p95, p99 = (_tail(evidence, p, absolute=absolute) for p in (0.9, 0.95, 0.99))
    return Latency(p50=_median(evidence), p90=p90, p95=p95, p99=p99)


def of_launches(values: Iterable[float], absent: str) -> Value:
    """Hodges-Lehmann of one value a launch, with its 95 % interval; the range where launches are few."""
    sample = np.array(list(values), dtype=np.float64)
    if not sample.size:
        return Value(value=None, reason=absent)
    found = interval(sample)
    if sample.size == 1:
        return Value(value=found.estimate, reason="one launch")
    if sample.size < FEW:
        low, high = float(sample.min()), float(sample.max())
        return Value(value=found.estimate, low=low, high=high, reason=f"range of {sample.size} launches")
    return Value(value=found.estimate, low=found.low, high=found.high)


def median_ms(p50_ns: Iterable[int]) -> Value:
    """Of the medians of at least one launch, each above 0: on their logarithms, as comparisons are."""
    logs = of_launches(map(math.log, p50_ns), "")
    return Value(value=_ms(logs.value), low=_ms(logs.low), high=_ms(logs.high), reason=logs.reason)


def cpu_ms(evidence: Evidence, absent: str) -> Value:
    """CPU time of one inference, all threads."""
    times = evidence.fact("cpu_ns")
    return of_launches((ns / (evidence.blocks[block].n or 1) / NS_PER_MS for block, ns in times.items()), absent)


def _median(evidence: Evidence) -> Value:
    found = median_ms(launch.p50_ns for launch in evidence.used if launch.p50_ns)
    if evidence.valid == 1 and evidence.samples:
        own = quantile_interval(evidence.samples[0], 0.5)
        reason = "one launch: the interval is that of its iterations"
        return found.model_copy(update={"low": _scaled(own.low), "high": _scaled(own.high), "reason": reason})
    return found


def _tail(evidence: Evidence, p: float, *, absolute: bool) -> Quantile:
    found = evidence.tails.get(p)
    if found is None:
        return Quantile(value=None, reason="the iterations are not at hand")
    upper = _scaled(upper_bound(np.concatenate(evidence.samples), p, found.n_eff)) if absolute else None
    if found.value is None:
        return Quantile(value=None, reason=f"n_eff {found.n_eff:.0f} < {floor(p)}", upper=upper)
    few = f"range of {evidence.valid} launches" if 1 < evidence.valid < FEW else None
    low, high = _scaled(found.low), _scaled(found.high)
    return Quantile(value=_scaled(found.value), low=low, high=high, reason=few, upper=upper)


def _ms(log_ns: float | None) -> float | None:
    return None if log_ns is None else math.exp(log_ns) / NS_PER_MS


def _scaled(ns: float | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS
