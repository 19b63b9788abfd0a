"""A table of all cells as CSV (RFC 4180): a row each, with its state, so that nothing unmeasured looks measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

from farm_reports.parts import Value
from farm_reports.past import VersusPast
from farm_reports.results import Cell, Results, VersusBaseline

OBEYED = ("=", "+", "-", "@", "\t", "\r", "\n")  # how a text begins that a spreadsheet would calculate
FIGURES: dict[str, Callable[[Cell], Value]] = {
    "p50_ms": lambda cell: cell.latency_ms.p50,
    "p90_ms": lambda cell: cell.latency_ms.p90,
    "p95_ms": lambda cell: cell.latency_ms.p95,
    "p99_ms": lambda cell: cell.latency_ms.p99,
    "load_ms": lambda cell: cell.load_ms,
    "first_ms": lambda cell: cell.first_ms,
    "cpu_ms": lambda cell: cell.cpu_ms_per_inference,
    "peak_rss_bytes": lambda cell: cell.peak_rss_bytes,
    "energy_mj": lambda cell: cell.energy_mj,
}
SCORES = ("metric", "value", "delta_pt", "agreement", "sqnr_db")
COMPARED = ("ratio", "low", "high", "verdict")  # ratio: the time over that of the other
HEAD = (
    "board", "variant", "point", "state", "reason", "fit", "throttle", "findings",
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")), "size_bytes",
    *(f"accuracy_{name}" for name in SCORES),
    *(f"{other}_{name}" for other in ("baseline", "past") for name in COMPARED),
    "valid", "dropped", "lost", "iterations",
)  # fmt: skip


def sheet(results: Results) -> str:
    """Numbers with all their digits. An empty field was not measured: `state`, `reason` or results.json say why."""
    sizes = {variant.name: variant.bytes for variant in results.variants}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows([_field(value) for value in _row(cell, sizes.get(cell.variant))] for cell in results.cells)
    return text.getvalue()


def _row(cell: Cell, size: int | None) -> Iterator[object]:
    """In the order of the head."""
    yield from (cell.board, cell.variant, cell.point_key, cell.state, cell.reason, cell.fit.verdict, cell.throttle)
    yield " ".join(finding.name for finding in cell.findings)
    for read in FIGURES.values():
        value = read(cell)
        yield from (value.value, value.low, value.high)
    yield size
    yield from (getattr(cell.accuracy, name) for name in SCORES)
    yield from _compared(cell.versus_baseline)
    yield from _compared(cell.versus_past)
    yield from (cell.launches.valid, cell.launches.dropped, cell.launches.lost, cell.iterations)


def _compared(versus: VersusBaseline | VersusPast | None) -> Iterator[object]:
    return (None if versus is None else getattr(versus, name) for name in COMPARED)


def _field(value: object) -> object:
    """A text that a spreadsheet would take for a formula is marked as text."""
    if not isinstance(value, str):
        return value
    shown = value.replace("\0", "")
    return f"'{shown}" if shown.startswith(OBEYED) else shown
