"""A cell that the screening sent home: the figures of its short blocks, and the limits it certainly misses."""

from __future__ import annotations

import math

import numpy as np

from farm_reports.judge.case import Case
from farm_reports.judge.evidence import Evidence, Floats, pairs
from farm_reports.judge.figures import NS_PER_MS
from farm_reports.parts import Value
from farm_reports.readings import Readings
from farm_reports.results import Cell, Latency, Quantile, VersusBaseline
from farm_reports.stats.compare import Interval
from farm_reports.stats.short import short

STATE = "screened_out"


def shown(case: Case, evidence: Evidence, cell: Cell) -> Cell:
    """The cell with its screening figures, where it was screened out; else as it is."""
    if cell.state != STATE:
        return cell
    found = own(evidence, "latency_p50")
    return cell.model_copy(
        update={
            "latency_ms": _latency(found, _blocks(evidence)) if found else cell.latency_ms,
            "versus_baseline": _versus(ratio(case, evidence, "latency_p50"), _blocks(evidence)),
        }
    )


def ratio(case: Case, evidence: Evidence, metric: str) -> Interval | None:
    """Of the cell to the baseline in the short blocks that both have, in logs."""
    reference = case.reference(evidence)
    return _interval(pairs(_logs(evidence, metric), _logs(reference, metric))) if reference else None


def own(evidence: Evidence, metric: str) -> Interval | None:
    """Of the cell's own short blocks, in logs of ns or bytes."""
    return _interval(np.array(list(_logs(evidence, metric).values())))


def _logs(evidence: Evidence, metric: str) -> dict[int, float]:
    """Log of a metric by short block, where it was measured."""
    known = {
        block: launch.p50_ns if metric == "latency_p50" else Readings(launch.facts, launch.point).amount(metric)
        for block, launch in evidence.short.items()
    }
    return {block: math.log(value) for block, value in known.items() if value}


def _interval(logs: Floats) -> Interval | None:
    return short(logs) if logs.size else None


def _blocks(evidence: Evidence) -> str:
    return f"{len(evidence.short)} short blocks"


def _latency(found: Interval, blocks: str) -> Latency:
    low, value, high = (math.exp(log) / NS_PER_MS for log in (found.low, found.estimate, found.high))
    gone = Quantile(value=None, reason=f"screened out after {blocks}")
    p50 = Value(value=value, low=low, high=high, reason=blocks) if found.known else Value(value=value, reason=blocks)
    return Latency(p50=p50, p90=gone, p95=gone, p99=gone)


def _versus(found: Interval | None, blocks: str) -> VersusBaseline | None:
    if found is None:
        return None
    low, high = (math.exp(found.low), math.exp(found.high)) if found.known else (None, None)
    return VersusBaseline(
        ratio=math.exp(found.estimate), low=low, high=high, verdict="undecided", provisional=True, reason=blocks
    )
