"""Twenty iterations that stand for all of them, of a variant and of what it is held against, on one axis."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.charts.svg import Log, dot, figure, label, line, short, text, tick_label, verticals

TOP, STACK, NAME, AXIS = 26.0, 126.0, 25.0, 22.0
PITCHES = (14.0, 13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0)
SIDE = 8.0
LETTER = 6.3


@dataclass(frozen=True)
class Lane:
    """`values` in the unit of the axis, above zero; `note` stands below the dots, as much as fits."""

    name: str
    note: str
    values: Sequence[float]
    colour: str
    strong: bool = False


@dataclass(frozen=True)
class Limit:
    """Where the line stands, and what it is."""

    value: float
    label: str


def dots(
    lanes: Sequence[Lane], unit: str, limit: Limit | None, finding: str, width: float, *, wide: bool | None = None
) -> Markup:
    """One lane below the other."""
    scale = _scale(lanes, limit, width)
    height = TOP + (STACK + NAME) * len(lanes) + AXIS
    marks = _axis(scale, unit, width, height)
    start = scale.at(limit.value) if limit else SIDE
    pitch = min(_pitch([scale.at(value) - start for value in lane.values]) for lane in lanes)
    for index, lane in enumerate(lanes):
        floor = TOP + STACK + index * (STACK + NAME)
        marks += [*_piles([scale.at(value) - start for value in lane.values], start, pitch, floor, lane.colour)]
        marks += _named(lane, width, floor)
    return figure(width, height, finding, marks + _limit(limit, scale, width, height), wide=wide)


def _scale(lanes: Sequence[Lane], limit: Limit | None, width: float) -> Log:
    values = [value for lane in lanes for value in lane.values] + ([limit.value] if limit else [])
    low, high = min(values), max(values)
    pad = max((high / low) ** 0.03, 1.001)
    return Log(low / pad, high * pad, SIDE, width - SIDE)


def _axis(scale: Log, unit: str, width: float, height: float) -> list[Markup]:
    ticks = scale.ticks(4 if width < 400 else 6)
    marks = [verticals(map(scale.at, ticks), TOP, height - AXIS, "line")]
    for x, tick in zip(map(scale.at, ticks), ticks, strict=True):
        anchor = "middle" if 24 < x < width - 24 else "start" if x <= 24 else "end"
        marks.append(text(x, height - 6, f"{tick_label(tick)} {unit}", size=11, anchor=anchor))
    return marks


def _pitch(places: Sequence[float]) -> float:
    """The largest dots whose highest pile stays in its lane."""
    fitting = (pitch for pitch in PITCHES if max(_counted(places, pitch).values()) * pitch <= STACK)
    return next(fitting, STACK / len(places))


def _counted(places: Sequence[float], pitch: float) -> Counter[int]:
    """Piles by their number from the start: what is beyond a limit never stands before it."""
    return Counter(math.floor(place / pitch) for place in places)


def _piles(places: Sequence[float], start: float, pitch: float, floor: float, colour: str) -> Iterator[Markup]:
    for pile, count in sorted(_counted(places, pitch).items()):
        x = start + (pile + 0.5) * pitch
        yield from (dot(x, floor - pitch * (level + 0.5), pitch * 0.44, colour) for level in range(count))


def _named(lane: Lane, width: float, floor: float) -> list[Markup]:
    weight = {"font_weight": "650"} if lane.strong else {}
    name = short(lane.name, max(int(width / LETTER) - len(lane.note) - 2, 2))
    words = f"{name}: {lane.note}" if lane.note else name
    named = text(width, floor + 17, words, "ink" if lane.strong else "ink2", size=12, anchor="end", **weight)
    return [line(0, floor + 1, width, floor + 1, "line"), named]


def _limit(limit: Limit | None, scale: Log, width: float, height: float) -> list[Markup]:
    if limit is None:
        return []
    x = scale.at(limit.value)
    anchor = "start" if x < width * 0.3 else "end" if x > width * 0.7 else "middle"
    rule = line(x, TOP - 8, x, height - AXIS, "ink", stroke_width=1.3, stroke_dasharray="4 3")
    return [rule, label(x, TOP - 13, limit.label, "ink", text_anchor=anchor)]
