"""Speed against the baseline on a log axis: one row per variant, dot and interval, and the row of the axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.charts.svg import Log, coordinate, dot, figure, line, mark, rect, stroke, text, tick_label, verticals

WIDTH, HEIGHT, EDGE = 300.0, 46.0, 14.0
UNITS, POOLED = 13.0, 31.0  # the two lanes of a mean over boards
SAME = 0.02
Span = tuple[float, float]
COLOURS = {"faster": "accent", "slower": "slow", "same": "ink2", "undecided": "warn"}


@dataclass(frozen=True)
class Estimate:
    """A speed (1 / ratio of times) with its interval and, for a gate, the wider one that judged."""

    speed: float
    low: float
    high: float
    word: str | None
    finding: str
    gate: tuple[float, float] | None = None


@dataclass(frozen=True)
class Pooled:
    """A mean over boards, at 1: its units, its interval, and where the next unit would lie, all as shares of it.

    `names`: the units, one a line.
    """

    units: tuple[float, ...]
    names: str
    interval: Span | None
    next_one: Span | None
    finding: str


def axis(estimates: Sequence[Estimate], width: float = WIDTH) -> Log:
    """One scale for all rows, with the baseline's 1 always on it."""
    low = min([0.96, *(estimate.low * 0.96 for estimate in estimates)])
    high = max([1.04, *(estimate.high * 1.04 for estimate in estimates)])
    return Log(low, high, EDGE, width - EDGE)


def axis_row(scale: Log, baseline: str, width: float = WIDTH, *, one: str = "1\u00d7") -> Markup:
    """The labels above the rows; `one` stands at 1 whatever the ticks are."""
    marks = [text(scale.at(tick), 13, f"{tick_label(tick)}\u00d7", size=11, anchor="middle") for tick in _others(scale)]
    marks.append(text(scale.at(1), 13, one, "ink", size=11, anchor="middle"))
    return figure(width, 18, f"Axis: speed against {baseline}, logarithmic", marks)


def row(scale: Log, estimate: Estimate | None, width: float = WIDTH) -> Markup:
    """The band of 'same', the line of the baseline, and the estimate; None draws the baseline itself."""
    one = scale.at(1)
    left, right = scale.at(1 / (1 + SAME)), scale.at(1 / (1 - SAME))
    marks = [
        verticals(map(scale.at, _others(scale)), 0, HEIGHT, "line"),
        rect(left, 0, right - left, HEIGHT, "band"),
        line(one, 0, one, HEIGHT, "mute"),
    ]
    if estimate is None:
        marks.append(mark("circle", cx=one, cy=HEIGHT / 2, r=4.5, fill="#ffffff", **_ring()))
        return figure(width, HEIGHT, "The baseline, by definition at 1\u00d7", marks)
    return figure(width, HEIGHT, estimate.finding, [*marks, *_estimate(scale, estimate)])


def pooled_row(scale: Log, mean: Pooled, width: float = WIDTH) -> Markup:
    """Above what each unit shows; below their mean, its interval, and where the next unit would lie, cut at the edge."""
    one = scale.at(1)
    ticks = verticals(map(scale.at, _others(scale)), 0, HEIGHT, "line")
    marks = [ticks, line(one, 0, one, HEIGHT, "mute"), _units(scale, mean)]
    for span, look in ((mean.next_one, {"stroke_dasharray": "2 3"}), (mean.interval, {"stroke_width": 2.6})):
        if span is not None:
            left, right = (scale.at(min(max(end, scale.low), scale.high)) for end in span)
            marks.append(line(left, POOLED, right, POOLED, "ink2", **look))
    return figure(width, HEIGHT, mean.finding, [*marks, dot(one, POOLED, 4.8, "ink", mean.finding)])


def _units(scale: Log, mean: Pooled) -> Markup:
    """All dots in one path, as round ends of lines without a length: a hundred boards weigh no more than one."""
    path = "".join(f"M{coordinate(scale.at(unit))} {coordinate(UNITS)}h0" for unit in mean.units)
    return mark("path", d=path, fill="none", stroke_linecap="round", title=mean.names, **stroke("ink2", 6))


def _others(scale: Log) -> list[float]:
    """The ticks whose labels leave room for the one of the baseline."""
    return [tick for tick in scale.ticks(5) if abs(scale.at(tick) - scale.at(1)) > 34]


def _ring() -> dict[str, float | str | None]:
    return {**stroke("ink2", 1.6), "class_": "l-ink2 d-panel"}


def _estimate(scale: Log, estimate: Estimate) -> list[Markup]:
    colour = COLOURS.get(estimate.word or "", "ink2")
    middle = HEIGHT / 2
    low, high = scale.at(estimate.low), scale.at(estimate.high)
    marks = [line(low, middle, high, middle, colour, stroke_width=2.6, stroke_linecap="round")]
    ends = [scale.at(end) for end in estimate.gate or ()]
    marks += [line(end, middle - 5, end, middle + 5, colour) for end in ends]
    return [*marks, dot(scale.at(estimate.speed), middle, 4.8, colour, estimate.finding)]
