"""Latency distributions per board, from the pooled iterations of all valid launches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from farm_reports import figures
from farm_reports.charts import violins
from farm_reports.results import Cell
from farm_reports.sections.view import Row, Section, View, iterations_ms, shows
from farm_reports.sections.words import counted

QUANTILES = (0.05, 0.25, 0.75, 0.95)
LEAST = 8
LEAST_MS = 1e-6  # an iteration that a coarse clock saw begin and end in one step
NS_PER_MS = 1e6
PASTS = {"regressed": "bad", "improved": "good", "inconclusive": "warn"}  # the past is drawn beside what changed
ROWS = 24


@dataclass(frozen=True)
class BoardChart:
    label: str
    model: str
    drawings: tuple[Markup, ...]


@dataclass(frozen=True)
class Distributions:
    charts: tuple[BoardChart, ...]


def distributions(view: View) -> Section | None:
    charts = _across(view) if view.single else [chart for row in view.charted if (chart := _board(view, row))]
    if not charts:
        return None
    lede = (
        "All iterations, on a logarithmic axis. Ring: median; bar: middle half; line: p5 to p95; tick: p99. "
        "Verdicts come from launches, not from these."
    )
    drawn = any(_word(view, cell) for row in view.charted for cell in view.of_row(row))
    lede += " Dashed: the past, where something changed." if drawn else ""
    return Section("distributions", "Distributions", "Latency distributions", lede, Distributions(tuple(charts)))


def _across(view: View) -> list[BoardChart]:
    """Of a single variant all boards in one drawing."""
    rows = [(row, shape) for row in view.judged for cell in view.of_row(row) if (shape := _shape(view, cell))]
    shapes = [replace(shape, variant=row.label, note="", strong=False) for row, shape in rows]
    return [_chart(view, shapes[:ROWS], view.variants[0].name, "")] if shapes else []


def _board(view: View, row: Row) -> BoardChart | None:
    shapes = [shape for cell in view.of_row(row) if (shape := _shape(view, cell))]
    return _chart(view, shapes, row.label, row.board.model or "") if shapes else None


def _chart(view: View, found: Sequence[violins.Shape], label: str, model: str) -> BoardChart:
    shapes = sorted(found, key=lambda shape: shape.median)
    fastest, slowest = shapes[0], shapes[-1]
    finding = f"Latency {'of' if view.single else 'on'} {label}: {fastest.variant} is the fastest with a median of {fastest.label}"
    finding += f", {slowest.variant} the slowest with {slowest.label}" if len(shapes) > 1 else ""
    drawings = tuple(
        violins.violins(shapes, view.clock.unit, finding, layout) for layout in (violins.WIDE, violins.NARROW)
    )
    return BoardChart(label, model, drawings)


def _shape(view: View, cell: Cell) -> violins.Shape | None:
    """The ring is the cell's own median and the tick its own p99, as in every table; the rest are pooled quantiles."""
    pooled = iterations_ms(view.samples, cell)
    median = cell.latency_ms.p50.value
    if pooled is None or len(pooled) < LEAST or median is None or not shows(cell) or cell.state == "screened_out":
        return None
    scaled = np.maximum(pooled, LEAST_MS) * view.clock.per_ms
    p5, q25, q75, p95 = (float(value) for value in np.quantile(scaled, QUANTILES))
    p99 = cell.latency_ms.p99.value
    grid, heights = violins.density(scaled)
    word = _word(view, cell)
    return violins.Shape(
        variant=cell.variant,
        median=median * view.clock.per_ms,
        p99=None if p99 is None else p99 * view.clock.per_ms,
        quartiles=(q25, q75),
        p5_p95=(p5, p95),
        grid=grid,
        density=heights,
        label=view.clock.write(median),
        note=_note(view, cell),
        finding=_finding(view, cell, (p5, q25, q75, p95), len(pooled)),
        colour=PASTS.get(word, "mute" if cell.fit.verdict == "no" else "accent"),
        strong=view.shipped(cell),
        past=_outline(view, cell) if word else None,
        word=word,
    )


def _word(view: View, cell: Cell) -> str:
    """What became of it since the past, where it changed and the iterations of both are there; else empty."""
    pooled = view.beside.past.get(cell.key)
    word = cell.versus_past.verdict if cell.versus_past else ""
    known = pooled is not None and len(pooled) >= LEAST and pooled.min() > 0
    return word if known and word in PASTS else ""


def _outline(view: View, cell: Cell) -> tuple[violins.Floats, violins.Floats]:
    past = np.asarray(view.beside.past[cell.key], dtype=np.float64)
    return violins.density(past / NS_PER_MS * view.clock.per_ms)


def _note(view: View, cell: Cell) -> str:
    if cell.variant == view.baseline:
        return "baseline"
    if cell.fit.verdict == "no":
        return "misses a limit"
    return "ship" if view.shipped(cell) else ""


def _finding(view: View, cell: Cell, quantiles: tuple[float, ...], count: int) -> str:
    p5, q25, q75, p95 = (figures.number(value) for value in quantiles)
    unit = view.clock.unit
    p99 = cell.latency_ms.p99
    tail = f"p99 {view.clock.write(p99.value)}" if p99.value is not None else f"no p99: {p99.reason or 'not measured'}"
    return (
        f"{cell.variant}: median {view.clock.write(cell.latency_ms.p50.value or 0)}\n"
        f"middle half {q25} to {q75} {unit}, p5 to p95 {p5} to {p95} {unit}, {tail}\n{counted(count, 'iteration')}"
    )
