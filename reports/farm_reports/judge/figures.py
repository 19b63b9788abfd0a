"""The figures of a cell: values with intervals from launches, never from pooled iterations."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from farm_reports.judge.evidence import Evidence
from farm_reports.results import Latency, Value
from farm_reports.stats.compare import interval
from farm_reports.stats.launch import floor, quantile_interval
from farm_reports.stats.tails import FEW

NS_PER_MS = 1e6
NO_SENSOR = "no power sensor"


def latency(evidence: Evidence, absent: str) -> Latency:
    """Median and tails in ms; `absent` is the reason where there is no valid launch."""
    if not evidence.valid:
        none = Value(value=None, reason=absent)
        return Latency(p50=none, p90=none, p95=none, p99=none)
    return Latency(
        p50=_median(evidence), p90=_tail(evidence, 0.9), p95=_tail(evidence, 0.95), p99=_tail(evidence, 0.99)
    )


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


def cpu_ms(evidence: Evidence, absent: str) -> Value:
    """CPU time of one inference, all threads."""
    times = evidence.fact("cpu_ns")
    return of_launches((ns / (evidence.blocks[block].n or 1) / NS_PER_MS for block, ns in times.items()), absent)


def energy() -> Value:
    return Value(value=None, reason=NO_SENSOR)


def _median(evidence: Evidence) -> Value:
    logs = of_launches(evidence.logs().values(), "")
    if evidence.valid == 1 and evidence.samples:
        own = quantile_interval(evidence.samples[0], 0.5)
        reason = "one launch: the interval is that of its iterations"
        return Value(value=_ms(logs.value), low=_scaled(own.low), high=_scaled(own.high), reason=reason)
    return Value(value=_ms(logs.value), low=_ms(logs.low), high=_ms(logs.high), reason=logs.reason)


def _tail(evidence: Evidence, p: float) -> Value:
    found = evidence.tails.get(p)
    if found is None:
        return Value(value=None, reason="the iterations are not at hand")
    if found.value is None:
        return Value(value=None, reason=f"n_eff {found.n_eff:.0f} < {floor(p)}")
    few = f"range of {evidence.valid} launches" if 1 < evidence.valid < FEW else None
    return Value(value=_scaled(found.value), low=_scaled(found.low), high=_scaled(found.high), reason=few)


def _ms(log_ns: float | None) -> float | None:
    return None if log_ns is None else math.exp(log_ns) / NS_PER_MS


def _scaled(ns: float | None) -> float | None:
    return None if ns is None else ns / NS_PER_MS
