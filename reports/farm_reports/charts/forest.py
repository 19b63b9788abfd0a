"""Speed against the baseline on a log axis: one row per variant, dot and interval, and the row of the axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.charts.svg import Log, dot, figure, line, mark, rect, stroke, text, tick_label, verticals

WIDTH, HEIGHT, EDGE = 300.0, 46.0, 14.0
SAME = 0.02
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


def axis(estimates: Sequence[Estimate], width: float = WIDTH) -> Log:
    """One scale for all rows, with the baseline's 1 always on it."""
    low = min([0.96, *(estimate.low * 0.96 for estimate in estimates)])
    high = max([1.04, *(estimate.high * 1.04 for estimate in estimates)])
    return Log(low, high, EDGE, width - EDGE)


def axis_row(scale: Log, baseline: str, width: float = WIDTH) -> Markup:
    """The labels above the rows; one stands at 1 whatever the ticks are."""
    marks = [text(scale.at(tick), 13, f"{tick_label(tick)}\u00d7", size=11, anchor="middle") for tick in _others(scale)]
    marks.append(text(scale.at(1), 13, "1\u00d7", "ink", size=11, anchor="middle"))
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
