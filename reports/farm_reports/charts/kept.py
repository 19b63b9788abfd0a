"""The speed that is left in heat: from cool, which is all of it, down to what stayed, a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports.charts.svg import Frame, Linear, dot, figure, line, mark, short, stroke, text, tick_label, verticals

ROW, HEAD, FOOT = 30.0, 6.0, 26.0
RIGHT = 18.0
LETTER = 6.6  # width of one in the names
LONGEST = 20
COOL = 1.0
LEAST_SPAN = 0.2  # of the axis, so that a loss of 1 % does not look like one of all


@dataclass(frozen=True)
class Kept:
    """`share`: of the cool speed, None where nobody knows (`why`). `held`: heat was seen to hold it back."""

    name: str
    share: float | None
    low: float | None
    high: float | None
    held: bool
    finding: str
    why: str = ""


WIDE, NARROW = Frame(400, wide=True), Frame(318, wide=False)


def kept(found: Sequence[Kept], finding: str, frame: Frame = WIDE) -> Markup:
    """Per cent of the cool speed, which is 100."""
    left = 12 + LETTER * max((len(short(one.name, LONGEST)) for one in found), default=0)
    bottom = HEAD + ROW * len(found)
    across = _across(found, left + 16, frame.width - RIGHT)
    ticks = across.ticks(4)
    marks = [verticals(map(across.at, ticks), HEAD, bottom, "line")]
    marks += [text(across.at(tick), bottom + 18, f"{tick_label(tick)} %", size=11, anchor="middle") for tick in ticks]
    for place, one in enumerate(found):
        marks += _row(one, across, HEAD + ROW * (place + 0.5), left)
    return figure(frame.width, bottom + FOOT, finding, marks, wide=frame.wide)


def _across(found: Sequence[Kept], start: float, end: float) -> Linear:
    """In per cent, with the cool speed always on it."""
    ends = [each for one in found for each in (one.share, one.low, one.high) if each is not None]
    low, high = min([COOL - LEAST_SPAN, *ends]), max([COOL, *ends])
    return Linear(low * 100 - 3, high * 100 + 1, start, end)


def _row(one: Kept, across: Linear, y: float, left: float) -> list[Markup]:
    name = text(left, y + 4, short(one.name, LONGEST), "ink", anchor="end")
    if one.share is None:
        return [name, text(across.start, y + 4, short(one.why, 34), size=11)]
    x, cool = across.at(one.share * 100), across.at(100)
    colour = "warn" if one.held else "accent"
    marks = [name, line(x, y, cool, y, colour, stroke_width=2)]
    if one.low is not None and one.high is not None:
        low, high = across.at(one.low * 100), across.at(one.high * 100)
        marks.append(line(low, y, high, y, colour, stroke_width=5, stroke_opacity="0.3", stroke_linecap="round"))
    marks.append(
        mark("circle", cx=cool, cy=y, r=3.5, fill="#ffffff", **{**stroke("ink2", 1.5), "class_": "l-ink2 d-panel"})
    )
    marks.append(dot(x, y, 4.5, colour, one.finding))
    words = f"{one.share * 100:.1f} %"
    return [*marks, text(x, y - 8, words, "warn" if one.held else "ink", size=11, anchor="middle")]
