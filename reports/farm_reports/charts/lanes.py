"""Three lanes on one time axis: latency, temperature and clock of a cell's launches, and where heat held them back."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import TypeVar

import numpy as np
from markupsafe import Markup

from farm_reports import figures
from farm_reports.beside import Floats, Lane
from farm_reports.charts.svg import (
    Frame,
    Linear,
    coordinate,
    figure,
    fill,
    horizontals,
    mark,
    rect,
    stroke,
    text,
    tick_label,
    trace,
)

LEFT, RIGHT, TOP, FOOT = 46.0, 10.0, 8.0, 26.0
TITLE, GAP = 18.0, 14.0  # above a lane's drawing, and below it
TALL, LOW = 92.0, 58.0  # drawing heights of the first lane and of the others
WIDEST_PAUSE, NARROWEST_PAUSE = 14.0, 2.0
APART = 70.0  # between the labels of two launches
EDGE, NARROWEST_SPAN = 3.0, 1.5
SHADE = 2.0  # where the shading begins: its edge lies above the words of the first lane
REAL = 0.5  # more of the axis than this in pauses, and they are drawn short
Span = tuple[float, float]
Line = tuple[Floats, Floats]
Spots = list[tuple[float, float]]
Say = Callable[[Floats], str]
T = TypeVar("T")


HALF, FULL, NARROW = Frame(610, wide=True), Frame(1050, wide=True), Frame(318, wide=False)


@dataclass(frozen=True)
class Told:
    """What stands beside the lines: unit of latency and how many of it are a ms; what the drawing says in words."""

    unit: str
    per_ms: float
    finding: str


@dataclass(frozen=True)
class Axis:
    """Seconds onto pixels, launch by launch: `short` where the pauses between them are not drawn as long as they were."""

    launches: tuple[Span, ...]
    pixels: tuple[Span, ...]
    short: bool

    def at(self, s: float) -> float:
        place = max(bisect_right(self.launches, s, key=itemgetter(0)) - 1, 0)
        (start, end), (left, right) = self.launches[place], self.pixels[place]
        share = (s - start) / (end - start) if end > start else 0.5
        return left + min(max(share, 0.0), 1.0) * (right - left)


@dataclass(frozen=True)
class Band:
    """One lane: its words, its height, its lines (the first is drawn stronger), the colour, and how far up it lies."""

    words: str
    height: float
    values: tuple[Line, ...]
    colour: str
    zero: bool = False


def lanes(lane: Lane, told: Told, frame: Frame = HALF) -> Markup:
    """Only the lanes of what was read; the latency is always one of them."""
    shown = axis(lane, frame.width)
    bands = list(_bands(lane, told))
    tops, height = _stacked(bands)
    bottom = height - FOOT
    marks = [*_held(lane.throttled, shown, bottom)]
    for band, top in zip(bands, tops, strict=True):
        marks += _band(band, shown, top, frame.width)
    marks += [*_ticks(shown, height, frame.width), *_launches(lane, shown, told, bottom)]
    return figure(frame.width, height, told.finding, marks, wide=frame.wide)


def axis(lane: Lane, width: float) -> Axis:
    """The launches side by side as long as they were; their pauses too, unless those would take most of the room."""
    spans = lane.launches or (_whole(lane),)
    left, right = LEFT, width - RIGHT
    worked = sum(end - start for start, end in spans)
    paused = max(spans[-1][1] - spans[0][0] - worked, 0.0)
    if paused <= REAL * (worked + paused) or worked <= 0:
        scale = Linear(spans[0][0], spans[-1][1], left, right)
        return Axis(spans, tuple((scale.at(start), scale.at(end)) for start, end in spans), short=False)
    pause = min(max((right - left) / (6 * len(spans)), NARROWEST_PAUSE), WIDEST_PAUSE) if len(spans) > 1 else 0.0
    per_s = max(right - left - pause * (len(spans) - 1), 1.0) / worked
    pixels, x = [], left
    for start, end in spans:
        pixels.append((x, x + (end - start) * per_s))
        x = pixels[-1][1] + pause
    return Axis(spans, tuple(pixels), short=True)


def _whole(lane: Lane) -> Span:
    times = np.concatenate((lane.t_s, lane.temperature_c[0], lane.clock_ghz[0]))
    known = times[np.isfinite(times)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def _bands(lane: Lane, told: Told) -> Iterator[Band]:
    medians, tails = (lane.t_s, lane.p50_ms * told.per_ms), (lane.t_s, lane.p95_ms * told.per_ms)
    yield Band(f"latency, {told.unit}: p50, and up to p95 shaded", TALL, (medians, tails), "accent")
    if _known(lane.temperature_c).size:
        yield Band("temperature, \u00b0C", LOW, (lane.temperature_c,), "ink2")
    if _known(lane.clock_ghz).size:
        yield Band("clock, GHz", LOW, (lane.clock_ghz,), "ink2", zero=True)


def _known(line: Line) -> Floats:
    return line[1][np.isfinite(line[0]) & np.isfinite(line[1])]


def _stacked(bands: Sequence[Band]) -> tuple[list[float], float]:
    """The upper edge of each drawing, and the height of all with the axis."""
    tops, y = [], TOP
    for band in bands:
        tops.append(y + TITLE)
        y += TITLE + band.height + GAP
    return tops, y - GAP + FOOT


def _band(band: Band, shown: Axis, top: float, width: float) -> list[Markup]:
    up = _scale(band, top)
    rungs = up.ticks(4)
    marks = [horizontals(map(up.at, rungs), LEFT, width - RIGHT, "line")]
    marks += [text(LEFT - 8, up.at(rung) + 4, tick_label(rung), size=11, anchor="end") for rung in rungs]
    marks.append(text(LEFT, top - 6, band.words, size=11))
    if len(band.values) > 1:
        marks.append(_shade(band, shown, up))
    return [*marks, _line(band.values[0], shown, up, band.colour)]


def _scale(band: Band, top: float) -> Linear:
    """Of the middle line all; of the tails what lies within reach of it, so that one stall does not flatten the rest."""
    first = _known(band.values[0])
    every = np.concatenate([_known(line) for line in band.values])
    if not every.size:
        return Linear(0, 1, top + band.height, top)
    high = float(
        every.max() if first.size == 0 else min(every.max(), max(first.max(), np.quantile(every, 0.98)) * 1.05)
    )
    low = 0.0 if band.zero else float((first if first.size else every).min())
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return Linear(low if band.zero else low - room, high + room, top + band.height, top)


def _line(line: Line, shown: Axis, up: Linear, colour: str) -> Markup:
    runs = _runs((shown.at(t), _inside(up, value)) for t, value in _paired(line))
    path = "".join(trace(run) if len(set(_rounded(run))) > 1 else _speck(run[0]) for run in runs)
    look = stroke(colour, 1.6)
    return mark("path", d=path or "M0 0", fill="none", stroke_linecap="round", stroke_linejoin="round", **look)


def _shade(band: Band, shown: Axis, up: Linear) -> Markup:
    """From the middle line up to the tail, where both are known."""
    (t_s, low), (_, high) = band.values[0], band.values[1]
    both = [
        (shown.at(t), _inside(up, a), _inside(up, b)) if math.isfinite(a) and math.isfinite(b) else None
        for t, a, b in zip(t_s.tolist(), low.tolist(), high.tolist(), strict=True)
    ]
    path = "".join(
        trace([*((x, b) for x, _, b in run), *((x, a) for x, a, _ in reversed(run))], closed=True)
        for run in _split(both)
        if len(run) > 1
    )
    return mark("path", d=path or "M0 0", **fill("accent"), fill_opacity="0.18")


def _inside(up: Linear, value: float) -> float:
    return up.at(min(max(value, up.low), up.high)) if math.isfinite(value) else math.nan


def _paired(line: Line) -> Iterable[tuple[float, float]]:
    return zip(line[0].tolist(), line[1].tolist(), strict=True)


def _runs(spots: Iterable[tuple[float, float]]) -> list[Spots]:
    return _split([spot if math.isfinite(spot[0]) and math.isfinite(spot[1]) else None for spot in spots])


def _split(items: Sequence[T | None]) -> list[list[T]]:
    """Cut at what is None."""
    cuts = [-1, *(place for place, item in enumerate(items) if item is None), len(items)]
    parts = [[item for item in items[a + 1 : b] if item is not None] for a, b in pairwise(cuts)]
    return [part for part in parts if part]


def _rounded(run: Spots) -> list[tuple[int, int]]:
    return [(round(x), round(y)) for x, y in run]


def _speck(spot: tuple[float, float]) -> str:
    """A line without a length; round ends make it a dot."""
    return f"M{coordinate(spot[0])} {coordinate(spot[1])}h0"


def _held(spans: Sequence[Span], shown: Axis, bottom: float) -> Iterator[Markup]:
    """Shaded from the top of the first lane to the axis, with an edge that colour alone does not carry."""
    sides = [(left, max(shown.at(end) - left, NARROWEST_SPAN)) for start, end in spans for left in (shown.at(start),)]
    if sides:
        yield mark("path", d=_boxes(sides, bottom - SHADE), **fill("warn"), fill_opacity="0.16")
        yield mark("path", d=_boxes(sides, EDGE), **fill("warn"))


def _boxes(sides: Sequence[Span], height: float) -> str:
    down, up = coordinate(height), coordinate(-height)
    return "".join(
        f"M{coordinate(x)} {coordinate(SHADE)}h{coordinate(width)}v{down}h{coordinate(-width)}v{up}z"
        for x, width in sides
    )


def _ticks(shown: Axis, height: float, width: float) -> Iterator[Markup]:
    """Round moments; where pauses are drawn short, when the launches began."""
    y = height - 8
    if not shown.short:
        scale = Linear(shown.launches[0][0], shown.launches[-1][1], LEFT, width - RIGHT)
        spots = [(scale.at(s), s) for s in _moments(scale)]
    else:
        spots = [(left, start) for (left, _), (start, _) in zip(shown.pixels, shown.launches, strict=True)]
    last = -math.inf
    for x, s in spots:
        if x - last >= APART and x <= width - RIGHT - 24:
            yield mark("path", d=f"M{coordinate(x)} {coordinate(height - FOOT)}v5", fill="none", **stroke("mute"))
            yield text(x, y, figures.plain(figures.duration(s)), size=11, anchor="middle" if x > LEFT + 20 else "start")
            last = x


def _moments(scale: Linear) -> list[float]:
    """In whole minutes where it takes some."""
    unit = figures.MINUTE_S if scale.high - scale.low >= 2 * figures.MINUTE_S else 1.0
    return [tick * unit for tick in Linear(scale.low / unit, scale.high / unit, 0, 1).ticks(6)]


def _launches(lane: Lane, shown: Axis, told: Told, bottom: float) -> Iterator[Markup]:
    """A field over each launch that carries its figures."""
    for number, ((start, end), (left, right)) in enumerate(zip(shown.launches, shown.pixels, strict=True), 1):
        parts = [f"launch {number} of {len(shown.launches)}, from {figures.duration(start)} on"]
        for line, write in _sayings(lane, told):
            mine = line[1][(line[0] >= start) & (line[0] <= end) & np.isfinite(line[1])]
            parts += [write(mine)] if mine.size else []
        held_s = sum(max(min(end, b) - max(start, a), 0.0) for a, b in lane.throttled)
        parts += [f"held back for {figures.duration(held_s)}"] if held_s else []
        said = "\n".join(parts)
        yield rect(left, TOP, max(right - left, 2), bottom - TOP, "panel", fill_opacity="0", title=said)


def _sayings(lane: Lane, told: Told) -> Iterator[tuple[Line, Say]]:
    clock = figures.Clock(told.unit, told.per_ms)
    yield (lane.t_s, lane.p50_ms), lambda mine: f"p50 {clock.write(float(np.median(mine)))}"
    yield lane.temperature_c, lambda mine: f"{mine.min():.1f} to {mine.max():.1f}{figures.GAP}\u00b0C"
    yield lane.clock_ghz, lambda mine: f"{mine.min():.3g} to {mine.max():.3g}{figures.GAP}GHz"
