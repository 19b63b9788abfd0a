"""OpenMetrics: for merge requests of GitLab, which compares values as text, and for the textfile collector of Prometheus.

Only summaries and gauges: the collector's own format knows no other kind that would fit. What was not measured is absent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from farm_reports.exports.settings import measured, settings
from farm_reports.parts import Value
from farm_reports.results import Cell, Results
from farm_reports.stats.power import BIAS

QUANTILES = {"0.5": "p50", "0.9": "p90", "0.95": "p95", "0.99": "p99"}
VALUES = {  # of a cell: name, unit, help, what makes the unit of it
    "load_ms": ("farm_load_seconds", "seconds", "Time to load the model.", 1e-3),
    "peak_rss_bytes": ("farm_peak_memory_bytes", "bytes", "Peak memory of a launch.", 1.0),
    "energy_mj": ("farm_energy_joules", "joules", "Energy of an inference.", 1e-3),
}
STEPS = (1, 2, 5, 10)
Labels = dict[str, str]
Samples = Iterable[tuple[Labels, str]]


@dataclass(frozen=True)
class Family:
    """A metric. `unit` ends its name; empty: it has none."""

    name: str
    type: str
    unit: str
    help: str
    samples: tuple[tuple[Labels, str], ...]

    def lines(self) -> Iterator[str]:
        yield f"# HELP {self.name} {escaped(self.help)}"
        yield f"# TYPE {self.name} {self.type}"
        if self.unit:
            yield f"# UNIT {self.name} {self.unit}"
        for labels, value in self.samples:
            told = ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{told}}} {value}"


@dataclass(frozen=True)
class _Measured:
    """The cells with final figures, and how they and their noise are told."""

    results: Results
    cells: list[Cell]
    points: dict[str, Labels]
    floors: dict[str, float]

    def labels(self, cell: Cell, **more: str) -> Labels:
        return {"board": cell.board, "variant": cell.variant, **self.points[cell.point_key], **more}

    def rounded(self, cell: Cell, value: Value, scale: float = 1.0) -> str:
        return rounded(value, scale, self.floors[cell.board])


def openmetrics(results: Results) -> str:
    floors = {b.name: (b.calibration.floor if b.calibration else None) or BIAS for b in results.boards}
    found = _Measured(results, measured(results), settings(results), floors)
    lines = [line for family in _families(found) if family.samples for line in family.lines()]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _families(found: _Measured) -> Iterator[Family]:
    yield Family("farm_latency_seconds", "summary", "seconds", "Time of an inference.", tuple(_latency(found)))
    for field, (name, unit, text, scale) in VALUES.items():
        yield Family(name, "gauge", unit, text, tuple(_values(found, field, scale)))
    yield Family("farm_size_bytes", "gauge", "bytes", "Size of the model's files.", tuple(_sizes(found.results)))
    yield Family("farm_accuracy", "gauge", "", "Score on the labelled rows, by its metric.", tuple(_scores(found)))
    yield Family("farm_latency_to_baseline_ratio", "gauge", "ratio", "Time over that of the baseline on the same board.",
                 tuple(_ratios(found)))  # fmt: skip
    yield Family("farm_gates", "gauge", "", "Gates of the run, by their verdict.", tuple(_gates(found.results)))


def _values(found: _Measured, field: str, scale: float) -> Samples:
    values: Iterable[tuple[Cell, Value]] = ((cell, getattr(cell, field)) for cell in found.cells)
    return ((found.labels(c), found.rounded(c, v, scale)) for c, v in values if v.value is not None)


def _latency(found: _Measured) -> Samples:
    for cell in found.cells:
        for quantile, name in QUANTILES.items():
            value: Value = getattr(cell.latency_ms, name)
            if value.value is not None:
                yield found.labels(cell, quantile=quantile), found.rounded(cell, value, 1e-3)


def _sizes(results: Results) -> Samples:
    return (({"variant": one.name}, str(one.bytes)) for one in results.variants if one.bytes is not None)


def _scores(found: _Measured) -> Samples:
    for cell in found.cells:
        score = cell.accuracy
        if score.metric is not None and score.value is not None:
            yield found.labels(cell, metric=score.metric), _plain(Decimal(repr(round(score.value, 4))))


def _ratios(found: _Measured) -> Samples:
    for cell in found.cells:
        versus = cell.versus_baseline
        if versus is not None and versus.ratio is not None:
            value = Value(value=versus.ratio, low=versus.low, high=versus.high)
            yield found.labels(cell), found.rounded(cell, value)


def _gates(results: Results) -> Samples:
    words = [gate.verdict for gate in results.gates]
    return (({"verdict": word}, str(words.count(word))) for word in sorted(set(words)))


def rounded(value: Value, scale: float, floor: float) -> str:
    """To a step of 1, 2 or 5 that is no finer than its interval and the floor, so that noise alone changes few texts."""
    at = value.value or 0.0
    known = (abs(at - bound) for bound in (value.low, value.high) if bound is not None)
    noise = min(max(abs(at) * floor, *known, 0.0), abs(at) / 2) * scale
    if noise == 0.0:
        return _plain(Decimal(repr(at * scale)))
    power = math.floor(math.log10(noise))
    step = Decimal(next(each for each in STEPS if each * 10.0**power >= noise * (1 - 1e-9))).scaleb(power)
    return _plain((Decimal(repr(at * scale)) / step).to_integral_value() * step)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _plain(number: Decimal) -> str:
    """Without an exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
