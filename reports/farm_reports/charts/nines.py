"""How slow the slowest iterations are: what share is faster than a time, on a scale on which each further nine is a step."""

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
    label,
    line,
    mark,
    short,
    stroke,
    text,
    tick_label,
    trace,
)

Floats = npt.NDArray[np.float64]
HEIGHT, TOP, BOTTOM, LEFT, RIGHT = 350.0, 46.0, 26.0, 40.0, 6.0
TICKS = {0.5: "p50", 0.9: "p90", 0.99: "p99", 0.999: "p99.9"}
STEPS = 60


@dataclass(frozen=True)
class Scope:
    """`ground`: the colour between the curves; `limit`: where a line stands, and what it is."""

    unit: str
    ground: str
    finding: str
    limit: tuple[float, str] | None = None


@dataclass(frozen=True)
class Tail:
    """`values` in the unit of the axis, above zero; drawn up to quantile `reach`."""

    name: str
    values: Floats
    reach: float
    colour: str
    dashed: bool = False


def nines(tails: Sequence[Tail], scope: Scope, width: float, *, wide: bool | None = None) -> Markup:
    """All on one scale; the first is the one that is explained."""
    curves = [_curve(tail) for tail in tails]
    times = [time for curve in curves for time, _ in curve] + ([scope.limit[0]] if scope.limit else [])
    pad = max((max(times) / min(times)) ** 0.02, 1.001)
    across = Log(min(times) / pad, max(times) * pad, LEFT, width - RIGHT)
    top = max(tail.reach for tail in tails)
    marks = [*_grid(across, top, scope.unit, width), *_between(curves, across, top, scope.ground)]
    for tail, curve in zip(reversed(tails), reversed(curves), strict=True):
        marks.append(_line(tail, [(across.at(time), _y(p, top)) for time, p in curve]))
    return figure(
        width, HEIGHT, scope.finding, [*marks, *_limit(scope, across, width), *_legend(tails, width)], wide=wide
    )


def _limit(scope: Scope, across: Log, width: float) -> list[Markup]:
    if scope.limit is None:
        return []
    x = across.at(scope.limit[0])
    rule = line(x, TOP - 6, x, HEIGHT - BOTTOM, "ink", stroke_width=1.3, stroke_dasharray="4 3")
    anchor = "start" if x < width * 0.3 else "end" if x > width * 0.7 else "middle"
    return [rule, label(x, TOP - 11, scope.limit[1], "ink", text_anchor=anchor)]


def _y(p: float, top: float) -> float:
    floor = HEIGHT - BOTTOM
    return floor - (floor - TOP) * math.log10(1 - p) / math.log10(1 - top)


def _curve(tail: Tail) -> list[tuple[float, float]]:
    """Times and the share that is faster, in even steps of nines."""
    shares = 1 - 10 ** np.linspace(0, math.log10(1 - tail.reach), STEPS)
    return list(zip(np.quantile(tail.values, shares).tolist(), shares.tolist(), strict=True))


def _grid(across: Log, top: float, unit: str, width: float) -> list[Markup]:
    floor = HEIGHT - BOTTOM
    shown = {p: name for p, name in TICKS.items() if p <= top}
    marks = [horizontals([floor, *(_y(p, top) for p in shown)], LEFT, width - RIGHT, "line")]
    marks += [text(LEFT - 7, _y(p, top) + 4, name, size=11, anchor="end") for p, name in shown.items()]
    marks.append(text(LEFT - 7, floor + 4, "min", size=11, anchor="end"))
    for tick in across.ticks(4 if width < 400 else 6):
        x = across.at(tick)
        anchor = "middle" if x < width - 24 else "end"
        marks.append(text(x, HEIGHT - 6, f"{tick_label(tick)} {unit}", size=11, anchor=anchor))
        marks.append(line(x, floor, x, floor + 4, "mute"))
    return marks


def _between(curves: Sequence[Sequence[tuple[float, float]]], across: Log, top: float, colour: str) -> list[Markup]:
    """The ground between two curves, as far as both go."""
    if len(curves) != 2:
        return []
    most = min(curve[-1][1] for curve in curves) + 1e-9
    one, other = ([(across.at(time), _y(p, top)) for time, p in curve if p <= most] for curve in curves)
    paint = {"fill": PAINT[colour], "fill_opacity": ".1", "class_": f"a-{colour}"}
    return [mark("path", d=trace([*one, *reversed(other)], closed=True), **paint)]


def _line(tail: Tail, points: Sequence[tuple[float, float]]) -> Markup:
    return mark("path", d=trace(points), fill="none", stroke_linejoin="round", **_pen(tail))


def _pen(tail: Tail) -> dict[str, str | float | None]:
    return stroke(tail.colour, 1.5, "5 4") if tail.dashed else stroke(tail.colour, 2.2)


def _legend(tails: Sequence[Tail], width: float) -> list[Markup]:
    """A sample of each line before its name."""
    room, marks = width / max(len(tails), 1), []
    for index, tail in enumerate(tails):
        x = index * room
        marks.append(mark("path", d=f"M{coordinate(x)} 10h20", fill="none", **_pen(tail)))
        name = short(tail.name, int((room - 30) / 6.4))
        marks.append(text(x + 26, 14, name, "ink2" if tail.dashed else "ink", size=12))
    return marks
