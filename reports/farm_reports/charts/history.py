"""A figure of a cell over its runs: points with intervals, the mean between recorded changes, and what means nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from farm_reports.charts.svg import (
    PAINT,
    Frame,
    Linear,
    coordinate,
    dot,
    figure,
    horizontals,
    label,
    line,
    mark,
    rect,
    short,
    stroke,
    text,
    tick_labels,
)

HEIGHT = 236.0
LEFT, RIGHT, TOP, FOOT = 46.0, 16.0, 30.0, 28.0
LETTER = 6.0
DAY_S = 86400.0
EDGE = 8.0  # between the frame and the first and last point
APART = 58.0  # between two dates


@dataclass(frozen=True)
class Spot:
    """One run: when (seconds), its figure and interval; `finding`: its tooltip."""

    s: float
    value: float
    low: float | None
    high: float | None
    finding: str


@dataclass(frozen=True)
class Stretch:
    """Runs `first` to `last` without a recorded change: their mean, what means nothing (a share), what began with it."""

    first: int
    last: int
    mean: float
    band: float
    words: str = ""
    finding: str = ""


WIDE, NARROW = Frame(1050, wide=True), Frame(318, wide=False)


def history(
    spots: Sequence[Spot], stretches: Sequence[Stretch], unit: str, finding: str, frame: Frame = WIDE
) -> Markup:
    """Runs lie where they were in time: what was not measured is a gap."""
    across, up = _across(spots, frame.width), _up(spots, stretches)
    rungs = up.ticks(5)
    marks = [text(LEFT - 8, TOP - 14, unit, size=11, anchor="end")]
    marks += [part for stretch in stretches for part in _stretch(stretch, spots, across, up)]
    marks.append(horizontals(map(up.at, rungs), LEFT, frame.width - RIGHT, "line"))
    names = tick_labels(rungs)
    marks += [
        text(LEFT - 8, up.at(rung) + 4, name, size=11, anchor="end") for rung, name in zip(rungs, names, strict=True)
    ]
    marks += _flags(stretches, spots, across, frame.width)
    marks += [
        part for place, spot in enumerate(spots) for part in _spot(spot, across, up, last=place == len(spots) - 1)
    ]
    marks += _dates(spots, across)
    return figure(frame.width, HEIGHT, finding, marks, wide=frame.wide)


def _across(spots: Sequence[Spot], width: float) -> Linear:
    return Linear(spots[0].s, spots[-1].s, LEFT + EDGE, width - RIGHT - EDGE)


def _up(spots: Sequence[Spot], stretches: Sequence[Stretch]) -> Linear:
    ends = [each for spot in spots for each in (spot.value, spot.low, spot.high) if each is not None]
    ends += [stretch.mean * (1 + side * stretch.band) for stretch in stretches for side in (-1, 1)]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    return Linear(low - room, high + room, HEIGHT - FOOT, TOP)


def _stretch(one: Stretch, spots: Sequence[Spot], across: Linear, up: Linear) -> Iterator[Markup]:
    left, right = across.at(spots[one.first].s) - EDGE, across.at(spots[one.last].s) + EDGE
    top, bottom = up.at(one.mean * (1 + one.band)), up.at(one.mean * (1 - one.band))
    yield rect(left, top, right - left, max(bottom - top, 1), "band", title=one.finding)
    yield line(left, up.at(one.mean), right, up.at(one.mean), "ink2", stroke_width=1.4)


def _spot(spot: Spot, across: Linear, up: Linear, *, last: bool) -> Iterator[Markup]:
    x, y = across.at(spot.s), up.at(spot.value)
    if spot.low is not None and spot.high is not None:
        yield line(x, up.at(spot.low), x, up.at(spot.high), "accent", stroke_opacity="0.55")
    if last:
        yield mark("circle", cx=x, cy=y, r=6, fill="none", **stroke("ink", 1.5))
    yield dot(x, y, 3, "accent", spot.finding)


def _flags(stretches: Sequence[Stretch], spots: Sequence[Spot], across: Linear, width: float) -> Iterator[Markup]:
    """A line where something changed, with its words where there is room for them, else with its number in the list."""
    changed = [one for one in stretches if one.words]
    xs = [_between(spots, one.first, across) for one in changed]
    for number, (one, x) in enumerate(zip(changed, xs, strict=True), 1):
        yield line(x, TOP - 6, x, HEIGHT - FOOT, "mute", stroke_dasharray="3 3")
        room = (xs[number] if number < len(xs) else width) - x - 14
        words = f"{number}  {one.words}"
        fits = len(words) * LETTER <= room
        back = not fits and number == len(xs) and _room_before(xs, number, x) >= len(words) * LETTER
        shown = words if fits or back else short(str(number), 3)
        yield label(x + (-4 if back else 4), TOP - 12, shown, "ink", text_anchor="end" if back else "start")


def _room_before(xs: Sequence[float], number: int, x: float) -> float:
    """To the left of the last flag: behind the number of the one before it."""
    return x - (xs[number - 2] + 22 if number > 1 else LEFT) - 8


def _between(spots: Sequence[Spot], first: int, across: Linear) -> float:
    return (across.at(spots[first - 1].s) + across.at(spots[first].s)) / 2 if first else across.at(spots[0].s)


def _dates(spots: Sequence[Spot], across: Linear) -> Iterator[Markup]:
    """Days at which runs were; of runs of one day the times."""
    form = "%-d %b" if spots[-1].s - spots[0].s >= DAY_S else "%H:%M"
    last = -math.inf
    ends = across.at(spots[-1].s)
    for spot in spots:
        x = across.at(spot.s)
        if x - last >= APART and (ends - x >= APART or x == ends):
            yield mark(
                "path",
                d=f"M{coordinate(x)} {coordinate(HEIGHT - FOOT)}v5",
                fill="none",
                stroke=PAINT["mute"],
                class_="l-mute",
            )
            yield text(x, HEIGHT - 8, datetime.fromtimestamp(spot.s, UTC).strftime(form), size=11, anchor="middle")
            last = x
