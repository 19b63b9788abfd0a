"""Change against the past on a log axis: one row per comparison, dot and interval, over what it could not see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.charts.svg import Log, dot, figure, line, linear_ticks, rect, text, verticals
from farm_reports.figures import GAP, signed

WIDTH, HEIGHT, EDGE = 330.0, 44.0, 20.0
LABEL = 42.0  # pixels that a label of the axis takes
COLOURS = {"regressed": "bad", "improved": "good", "inconclusive": "warn", "equivalent": "ink2"}


@dataclass(frozen=True)
class Change:
    """A ratio to the past with its interval. `sees`, `margin`: shares; `gate`: the wider interval that judged a gate."""

    ratio: float
    low: float
    high: float
    word: str
    finding: str
    sees: float | None = None
    margin: float | None = None
    gate: tuple[float, float] | None = None


def axis(changes: Sequence[Change], width: float = WIDTH) -> Log:
    """One scale for all rows, with no change and every margin on it."""
    ends = [end for one in changes for end in (one.low, one.high, *(one.gate or ()), 1 + (one.margin or 0))]
    return Log(min([0.97, *ends]) / 1.01, max([1.03, *ends]) * 1.01, EDGE, width - EDGE)


def axis_row(scale: Log, width: float = WIDTH) -> Markup:
    marks = [
        text(scale.at(1 + tick), 13, _label(tick), "ink" if tick == 0 else "ink2", size=11, anchor="middle")
        for tick in _ticks(scale)
    ]
    return figure(width, 18, "Axis: change against the past, to the right is worse", marks)


def row(scale: Log, change: Change, width: float = WIDTH) -> Markup:
    """The band of what could not be seen, the line of no change, the dashed margin, and the estimate."""
    one, marks = scale.at(1), [verticals((scale.at(1 + tick) for tick in _ticks(scale)), 0, HEIGHT, "line")]
    if change.sees is not None:
        left, right = (_inside(scale, end) for end in (1 / (1 + change.sees), 1 + change.sees))
        marks.append(rect(left, 0, right - left, HEIGHT, "band"))
    marks.append(line(one, 0, one, HEIGHT, "mute"))
    if change.margin is not None:
        at = scale.at(1 + change.margin)
        marks.append(line(at, 0, at, HEIGHT, "ink2", stroke_dasharray="3 3"))
    return figure(width, HEIGHT, change.finding, [*marks, *_estimate(scale, change)])


def _estimate(scale: Log, change: Change) -> list[Markup]:
    colour, middle = COLOURS.get(change.word, "ink2"), HEIGHT / 2
    low, high = scale.at(change.low), scale.at(change.high)
    marks = [line(low, middle, high, middle, colour, stroke_width=2.6 if change.gate else 1.6, stroke_linecap="round")]
    ends = [scale.at(end) for end in change.gate or ()]
    marks += [line(end, middle - 5, end, middle + 5, colour) for end in ends]
    if len(ends) > 1:
        marks.append(line(ends[0], middle, ends[1], middle, colour))
    return [*marks, dot(scale.at(change.ratio), middle, 5, colour, change.finding)]


def _inside(scale: Log, value: float) -> float:
    return scale.at(min(max(value, scale.low), scale.high))


def _ticks(scale: Log) -> list[float]:
    """Round shares from no change outwards, each with room for its label."""
    found = [0.0]
    for tick in sorted(linear_ticks(scale.low - 1, scale.high - 1, 6), key=abs):
        if all(abs(scale.at(1 + tick) - scale.at(1 + other)) >= LABEL for other in found):
            found.append(tick)
    return sorted(found)


def _label(share: float) -> str:
    decimals = 0 if math.isclose(share * 100, round(share * 100), abs_tol=1e-6) else 1
    return f"{signed(share * 100, decimals)}{GAP}%"
