"""Accuracy against latency on one board: the front of the best, the shipped one in a ring, the limit dashed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.charts.svg import Linear, Log, dot, figure, label, line, mark, short, stroke, text, tick_label, trace


@dataclass(frozen=True)
class Bubble:
    """A variant: latency in the unit of the axis, score with `up` better; `hollow`: left after screening.

    `share`: of the most energy on the chart, which the area shows; None where no sensor told it.
    """

    variant: str
    latency: float
    score: float
    finding: str
    shipped: bool = False
    ruled_out: bool = False
    hollow: bool = False
    share: float | None = None

    @property
    def radius(self) -> float:
        return RADIUS if self.share is None else max(MOST * math.sqrt(self.share), LEAST)


@dataclass(frozen=True)
class Scope:
    """What a chart is about: units of latency and score, the accuracy limit, and the sentence that is read out."""

    latency_unit: str
    score_unit: str
    limit: float | None
    finding: str


@dataclass(frozen=True)
class Frame:
    """Size of a chart, how many labels it has at most, and whether any `others` than the shipped and the front have one."""

    width: float
    height: float
    wide: bool | None
    labels: int
    others: bool = False


WIDE = Frame(1050, 330, wide=True, labels=14, others=True)
THIRD = Frame(310, 250, wide=True, labels=4)
MEDIUM = Frame(500, 280, wide=True, labels=7)
NARROW = Frame(330, 280, wide=False, labels=6)
SMALL = Frame(236, 216, wide=None, labels=2)
LEFT, TOP, BOTTOM = 46.0, 14.0, 30.0
RADIUS, MOST, LEAST = 6.0, 11.0, 3.0  # of a dot; of those whose area tells energy


def tradeoff(bubbles: Sequence[Bubble], scope: Scope, frame: Frame) -> Markup:
    """Dots over grid, limit and front, labels last."""
    across, up = _scales(bubbles, scope.limit, frame)
    front = _front(bubbles)
    marks = [*_axes(across, up, scope, frame), *_limit(up, scope.limit, frame), _steps(front, across, up, frame)]
    marks += [part for bubble in _back_to_front(bubbles) for part in _bubble(bubble, across, up, front)]
    marks += _labels(bubbles, front, across, up, frame)
    return figure(frame.width, frame.height, scope.finding, marks, wide=frame.wide)


def _scales(bubbles: Sequence[Bubble], limit: float | None, frame: Frame) -> tuple[Log, Linear]:
    latencies = [bubble.latency for bubble in bubbles]
    scores = [bubble.score for bubble in bubbles] + ([limit] if limit is not None else [])
    pad = max((max(latencies) / min(latencies)) ** 0.08, 1.06)
    room = (max(scores) - min(scores)) * 0.14 or max(abs(max(scores)) * 0.01, 0.1)
    return (
        Log(min(latencies) / pad, max(latencies) * pad, LEFT, frame.width - 10),
        Linear(min(scores) - room, max(scores) + room, frame.height - BOTTOM, TOP),
    )


def _axes(across: Log, up: Linear, scope: Scope, frame: Frame) -> list[Markup]:
    marks = []
    levels = up.ticks(3 if frame.width < 300 else 5)
    for tick in levels if len(levels) > 1 else up.ticks(6):
        y = up.at(tick)
        marks += [
            line(LEFT, y, frame.width - 8, y, "line"),
            text(LEFT - 8, y + 4, _score(tick, scope.score_unit), size=11, anchor="end"),
        ]
    for tick in across.ticks(_ticks(frame)):
        x = across.at(tick)
        anchor = "end" if x > frame.width - 24 else "middle"
        marks += [line(x, TOP, x, frame.height - BOTTOM, "line"),
                  text(x, frame.height - 10, f"{tick_label(tick)} {scope.latency_unit}", size=11, anchor=anchor)]  # fmt: skip
    return marks


def _ticks(frame: Frame) -> int:
    """As many as have room for their labels."""
    return next((count for width, count in ((300, 3), (400, 4), (600, 5)) if frame.width < width), 8)


def _score(tick: float, unit: str) -> str:
    return f"{round(tick, 6):g}{unit}"


def _limit(up: Linear, limit: float | None, frame: Frame) -> list[Markup]:
    if limit is None:
        return []
    y = up.at(limit)
    return [line(LEFT, y, frame.width - 8, y, "bad", stroke_dasharray="4 3", stroke_width=1.4)]


def _front(bubbles: Sequence[Bubble]) -> list[Bubble]:
    """The variants inside all limits that none of them beats in both, from fast to slow."""
    front: list[Bubble] = []
    for bubble in sorted(bubbles, key=lambda each: (each.latency, -each.score)):
        if not (bubble.hollow or bubble.ruled_out) and (not front or bubble.score > front[-1].score):
            front.append(bubble)
    return front


def _steps(front: Sequence[Bubble], across: Log, up: Linear, frame: Frame) -> Markup:
    points: list[tuple[float, float]] = []
    for bubble in front:
        x, y = across.at(bubble.latency), up.at(bubble.score)
        points += [(x, points[-1][1])] if points else []
        points.append((x, y))
    points += [(frame.width - 10, points[-1][1])] if points else []
    return mark("path", d=trace(points), fill="none", stroke_opacity=".6", **stroke("accent", 1.3))


def _back_to_front(bubbles: Sequence[Bubble]) -> list[Bubble]:
    """The shipped one on top, else small ones on large ones."""
    return sorted(bubbles, key=lambda bubble: (bubble.shipped, not bubble.ruled_out, -bubble.radius))


def _bubble(bubble: Bubble, across: Log, up: Linear, front: Sequence[Bubble]) -> list[Markup]:
    x, y = across.at(bubble.latency), up.at(bubble.score)
    colour = "accent" if bubble in front else "mute"
    if bubble.hollow:
        ring = {**stroke("mute", 1.5, "2 2"), "class_": "l-mute d-panel"}
        return [mark("circle", cx=x, cy=y, r=5, fill="#ffffff", title=bubble.finding, **ring)]
    see_through = {} if bubble.share is None else {"fill_opacity": ".75"}
    marks = [dot(x, y, bubble.radius, colour, bubble.finding, **see_through)]
    if bubble.shipped:
        marks.append(mark("circle", cx=x, cy=y, r=bubble.radius + 4, fill="none", **stroke("ink", 1.8)))
    return marks


def _labels(bubbles: Sequence[Bubble], front: Sequence[Bubble], across: Log, up: Linear, frame: Frame) -> list[Markup]:
    """The shipped one first, then the front, then the rest, each where it covers no dot and no other label."""
    boxes = [_around(bubble, across, up) for bubble in bubbles]
    marks: list[Markup] = []
    ordered = sorted(bubbles, key=lambda each: (not each.shipped, each not in front, each.latency))
    for bubble in [each for each in ordered if frame.others or each.shipped or each in front]:
        spot = _spot(bubble, across, up, frame, boxes, crossed=bubble not in front[:1])
        if spot is None or len(marks) >= frame.labels:
            continue
        box, x, y = spot
        boxes.append(box)
        weight = {"font_weight": "650"} if bubble.shipped else {}
        marks.append(label(x, y, short(bubble.variant), "ink" if bubble.shipped else "ink2", **weight))
    return marks


Box = tuple[float, float, float, float]


def _around(bubble: Bubble, across: Log, up: Linear) -> Box:
    """What a dot covers, with a little air."""
    x, y, reach = across.at(bubble.latency), up.at(bubble.score), bubble.radius + 1
    return x - reach, y - reach, x + reach, y + reach


def _spot(
    bubble: Bubble, across: Log, up: Linear, frame: Frame, boxes: Sequence[Box], *, crossed: bool
) -> tuple[Box, float, float] | None:
    """Left, above, right or below the dot: the first place that is free and inside the frame. `crossed`: not beside it."""
    x, y = across.at(bubble.latency), up.at(bubble.score)
    wide, gap = len(short(bubble.variant)) * 7.2 + 2, bubble.radius + (8 if bubble.shipped else 4)
    beside, over = (x - gap - wide, y + 4), (x - wide / 2, y - gap - 2)
    first = (over, beside) if crossed else (beside, over)
    for left, base in (*first, (x + gap, y + 4), (x - wide / 2, y + gap + 10)):
        box = (left, base - 10, left + wide, base + 3)
        inside = box[0] >= LEFT and box[2] <= frame.width and box[1] >= 0 and box[3] <= frame.height - BOTTOM + 2
        own = _around(bubble, across, up)
        if inside and not any(_overlap(box, other) for other in boxes if other != own):
            return box, left, base
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
