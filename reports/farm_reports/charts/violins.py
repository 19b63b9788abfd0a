"""Latency distributions of one board: half-violins on one log axis, the fastest on top."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from farm_reports.charts.svg import (
    PAINT,
    Log,
    coordinate,
    figure,
    horizontals,
    line,
    mark,
    rect,
    short,
    stroke,
    text,
    tick_label,
    trace,
    verticals,
)

Floats = npt.NDArray[np.float64]
GRID, FINEST = 44, 132  # points; more where the tail is long, so that the hill keeps its shape beside it
TAIL = (0.001, 0.995)


@dataclass(frozen=True)
class Shape:
    """What is drawn of one variant; all in the unit of the axis. `density` is scaled to a peak of 1 over `grid`.

    `past`: grid and density of an earlier run, where `word` says what became of the variant since.
    """

    variant: str
    median: float
    p99: float | None
    quartiles: tuple[float, float]
    p5_p95: tuple[float, float]
    grid: Floats
    density: Floats
    label: str
    note: str
    finding: str
    colour: str
    strong: bool
    past: tuple[Floats, Floats] | None = None
    word: str = ""


@dataclass(frozen=True)
class Layout:
    """Where things stand; the narrow twin has its labels above the rows and, for touch screens, no tooltips."""

    width: float
    left: float
    right: float
    pitch: float
    peak: float
    wide: bool


WIDE = Layout(width=1050, left=168, right=958, pitch=50, peak=34, wide=True)
NARROW = Layout(width=330, left=6, right=324, pitch=66, peak=32, wide=False)
TOP, BOTTOM = 8.0, 30.0


def density(values: Floats) -> tuple[Floats, Floats]:
    """A Gaussian kernel estimate on the logarithm, on a grid from the first per mille to the last half per cent."""
    logs = np.log(values)
    low, high = np.quantile(logs, TAIL)
    spread = min(float(logs.std()), float(np.subtract(*np.quantile(logs, (0.75, 0.25)))) / 1.34) or float(logs.std())
    wanted = max(0.9 * spread * min(len(logs), 2000) ** -0.2, 1e-6)
    needed = (high - low) / wanted
    points = GRID if needed <= 2 * GRID else int(min(needed, FINEST))
    width = max(wanted, (high - low) / points)
    edges = np.linspace(low - 3 * width, high + 3 * width, 513)
    counts, _ = np.histogram(logs, edges)
    middles = (edges[:-1] + edges[1:]) / 2
    grid = np.linspace(low - 2 * width, high + 2 * width, points)
    kernel = np.exp(-0.5 * ((grid[:, None] - middles[None, :]) / width) ** 2)
    heights = kernel @ counts
    return np.exp(grid), heights / heights.max()


def violins(shapes: Sequence[Shape], unit: str, finding: str, layout: Layout) -> Markup:
    """All shapes on one scale, in the order given."""
    scale = _scale(shapes, layout)
    height = TOP + layout.pitch * len(shapes) + BOTTOM
    floors = [TOP + layout.pitch * (index + 1) - 10 for index in range(len(shapes))]
    marks = [*_axis(scale, unit, layout, height), horizontals(floors, layout.left, layout.right, "line")]
    for shape, floor in zip(shapes, floors, strict=True):
        marks += _row(shape, scale, layout, floor)
    return figure(layout.width, height, finding, marks, wide=layout.wide)


def _scale(shapes: Sequence[Shape], layout: Layout) -> Log:
    pasts = [shape.past[0] for shape in shapes if shape.past]
    low = min(min(shape.grid[0], shape.p5_p95[0], shape.median, shape.p99 or math.inf) for shape in shapes)
    high = max(max(shape.grid[-1], shape.p99 or 0, shape.median) for shape in shapes)
    low, high = min([low, *(grid[0] for grid in pasts)]), max([high, *(grid[-1] for grid in pasts)])
    pad = max((high / low) ** 0.015, 1.01)
    return Log(float(low / pad), float(high * pad), layout.left, layout.right)


def _axis(scale: Log, unit: str, layout: Layout, height: float) -> list[Markup]:
    ticks = scale.ticks(8 if layout.wide else 4)
    marks = [verticals(map(scale.at, ticks), TOP, height - BOTTOM, "line")]
    for x, tick in zip(map(scale.at, ticks), ticks, strict=True):
        anchor = "middle" if layout.left + 16 < x < layout.right - 16 else "start" if x < layout.width / 2 else "end"
        marks.append(text(x, height - 10, f"{tick_label(tick)} {unit}", size=11, anchor=anchor))
    return marks


def _row(shape: Shape, scale: Log, layout: Layout, floor: float) -> list[Markup]:
    return [
        *_labels(shape, layout, floor),
        *_past(shape, scale, layout, floor),
        _hill(shape, scale, layout, floor),
        *_summary(shape, scale, floor),
    ]


def _labels(shape: Shape, layout: Layout, floor: float) -> list[Markup]:
    weight = {"font_weight": "650"} if shape.strong else {}
    y = floor - 2 if layout.wide else floor - layout.peak - 6
    at, anchor = (layout.left - 14, "end") if layout.wide else (layout.left, "start")
    word = f", {shape.word}" if shape.word and not layout.wide else ""
    name = text(at, y, f"{short(shape.variant)}{word}", "ink", size=13, anchor=anchor, **weight)
    value = text(layout.width - 6, y, shape.label, "ink", size=13, anchor="end", **weight)
    noted = ", ".join(filter(None, (shape.note, shape.word)))
    note = text(at, y - 15, noted, size=11, anchor="end") if noted and layout.wide else None
    return [name, value, *([note] if note else [])]


def _past(shape: Shape, scale: Log, layout: Layout, floor: float) -> list[Markup]:
    """The outline of an earlier run, dashed."""
    if shape.past is None:
        return []
    points = [(scale.at(float(x)), floor - layout.peak * float(y)) for x, y in zip(*shape.past, strict=True)]
    edge = [(points[0][0], floor), *points, (points[-1][0], floor)]
    title = "the past" if layout.wide else None
    return [mark("path", d=trace(edge), fill="none", title=title, **stroke("ink2", 1.3, "4 3"))]


def _hill(shape: Shape, scale: Log, layout: Layout, floor: float) -> Markup:
    points = [
        (scale.at(float(x)), floor - layout.peak * float(y)) for x, y in zip(shape.grid, shape.density, strict=True)
    ]
    base = [(points[-1][0], floor), (points[0][0], floor)]
    hill = {
        "fill": PAINT[shape.colour], "fill_opacity": ".5" if shape.strong else ".22", "stroke": PAINT[shape.colour],
        "stroke_width": "1.3", "class_": f"a-{shape.colour} l-{shape.colour}",
    }  # fmt: skip
    return mark(
        "path",
        d=trace([points[0], *points[1:], *base], closed=True),
        title=shape.finding if layout.wide else None,
        **hill,
    )


def _summary(shape: Shape, scale: Log, floor: float) -> list[Markup]:
    """Below the floor: p5 to p95 as a line, the middle half as a bar, a tick at p99, a ring at the median."""
    y = floor + 4.5
    (p5, p95), (q25, q75) = shape.p5_p95, shape.quartiles
    left, right = scale.at(q25), scale.at(q75)
    marks = [
        line(scale.at(p5), y, scale.at(p95), y, shape.colour, stroke_width=1.3),
        rect(left, y - 2, max(right - left, 1.5), 4, shape.colour, rx=1),
    ]
    if shape.p99 is not None and math.isfinite(shape.p99):
        x = scale.at(shape.p99)
        marks.append(line(x, floor, x, y + 4, shape.colour, stroke_width=1.6))
    ring = {**stroke("ink", 1.6), "class_": "l-ink d-panel"}
    return [*marks, mark("circle", cx=coordinate(scale.at(shape.median)), cy=y, r=3.2, fill="#ffffff", **ring)]
