"""Bencher Metric Format: a benchmark for each cell, what was measured of it with its 95 % interval."""

from __future__ import annotations

import json
from collections.abc import Iterator

from farm_reports.exports.settings import measured, settings
from farm_reports.parts import Value
from farm_reports.results import Cell, Results

NS_PER_MS = 1e6
Metric = dict[str, float]


def bmf(results: Results) -> str:
    """`latency` (ns) and `file-size` (bytes) are measures that Bencher has; the others it makes when they come."""
    sizes = {variant.name: variant.bytes for variant in results.variants}
    points = settings(results)
    document = {_name(cell, points): dict(_measures(cell, sizes.get(cell.variant))) for cell in measured(results)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _name(cell: Cell, points: dict[str, dict[str, str]]) -> str:
    setting = ",".join(f"{name}={value}" for name, value in points[cell.point_key].items())
    return "/".join(filter(None, (cell.board, cell.variant, setting)))


def _measures(cell: Cell, size: int | None) -> Iterator[tuple[str, Metric]]:
    found = (
        ("latency", cell.latency_ms.p50, NS_PER_MS),
        ("latency-p99", cell.latency_ms.p99, NS_PER_MS),
        ("peak-memory", cell.peak_rss_bytes, 1.0),
        ("energy-mj", cell.energy_mj, 1.0),
        ("accuracy", _accuracy(cell), 1.0),
        ("file-size", Value(value=size), 1.0),
    )
    return ((name, _metric(value, scale)) for name, value, scale in found if value.value is not None)


def _accuracy(cell: Cell) -> Value:
    """Only where it is a share: an error is better when it is smaller."""
    score = cell.accuracy
    return Value(value=score.value if score.metric == "top1" else None, low=score.low, high=score.high)


def _metric(value: Value, scale: float) -> Metric:
    bounds = {"value": value.value, "lower_value": value.low, "upper_value": value.high}
    return {name: float(f"{bound * scale:.6g}") for name, bound in bounds.items() if bound is not None}
