"""A figure of each variant over the clock of its board: a line for each, the best clock in a ring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.charts.svg import (
    Frame,
    Linear,
    Log,
    dot,
    figure,
    horizontals,
    label,
    mark,
    short,
    stroke,
    text,
    tick_label,
)

HEIGHT = 220.0
LEFT, TOP, RIGHT, BOTTOM = 46.0, 14.0, 96.0, 30.0
NEAR = 14.0  # between two names
LONGEST = 13


@dataclass(frozen=True)
class Curve:
    """`points`: (kHz, figure) by rising clock; `best`: the clock in the ring; `shipped`: it is drawn in the accent."""

    variant: str
    points: tuple[tuple[int, float], ...]
    best: int | None = None
    shipped: bool = False


WIDE, NARROW = Frame(500, wide=True), Frame(330, wide=False)


def curves(found: Sequence[Curve], unit: str, finding: str, frame: Frame = WIDE) -> Markup:
    """Figures on a logarithmic scale: a clock that is half as fast takes twice as long at the same height everywhere."""
    across, up = _scales(found, frame)
    rungs = up.ticks(5)
    marks = [horizontals(map(up.at, rungs), LEFT, frame.width - RIGHT, "line")]
    marks += [text(LEFT - 8, up.at(rung) + 4, tick_label(rung), size=11, anchor="end") for rung in rungs]
    marks.append(text(LEFT - 8, HEIGHT - 10, unit, size=11, anchor="end"))
    marks += [
        text(across.at(tick), HEIGHT - 10, f"{tick:.3g} GHz", size=11, anchor="middle") for tick in across.ticks(4)
    ]
    marks += [part for curve in sorted(found, key=lambda one: one.shipped) for part in _curve(curve, across, up, unit)]
    marks += _names(found, across, up)
    return figure(frame.width, HEIGHT, finding, marks, wide=frame.wide)


def _scales(found: Sequence[Curve], frame: Frame) -> tuple[Linear, Log]:
    clocks = [khz / 1e6 for curve in found for khz, _ in curve.points]
    values = [value for curve in found for _, value in curve.points]
    return (
        Linear(min(clocks), max(clocks), LEFT + 12, frame.width - RIGHT - 12),
        Log(min(values) * 0.9, max(values) * 1.1, HEIGHT - BOTTOM, TOP),
    )


def _curve(curve: Curve, across: Linear, up: Log, unit: str) -> list[Markup]:
    colour = "accent" if curve.shipped else "mute"
    spots = [(across.at(khz / 1e6), up.at(value)) for khz, value in curve.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
    marks = [mark("path", d=path, fill="none", **stroke(colour, 1.6))]
    for (khz, value), (x, y) in zip(curve.points, spots, strict=True):
        marks.append(dot(x, y, 3.5, colour, f"{curve.variant} at {khz / 1e6:.4g} GHz: {tick_label(value)} {unit}"))
        if khz == curve.best:
            marks.append(mark("circle", cx=x, cy=y, r=7, fill="none", **stroke("ink", 1.6)))
    return marks


def _names(found: Sequence[Curve], across: Linear, up: Log) -> list[Markup]:
    """At the ends of the lines, apart from each other."""
    order = sorted(found, key=lambda one: -one.points[-1][1])
    heights = _apart([up.at(curve.points[-1][1]) + 4 for curve in order])
    return [
        label(
            across.at(curve.points[-1][0] / 1e6) + 12,
            y,
            short(curve.variant, LONGEST),
            "ink" if curve.shipped else "ink2",
        )
        for curve, y in zip(order, heights, strict=True)
        if y >= TOP
    ]


def _apart(heights: Sequence[float]) -> list[float]:
    """Pushed down from each other, then up from the lower edge."""
    down, last = [], -NEAR
    for y in heights:
        last = max(y, last + NEAR)
        down.append(last)
    up, least = [], HEIGHT - BOTTOM + 4 + NEAR
    for y in reversed(down):
        least = min(y, least - NEAR)
        up.append(least)
    return up[::-1]
