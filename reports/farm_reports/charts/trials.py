"""Each run of a board against itself as a dot, over the changes that are too small for this run to see there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures
from farm_reports.charts.svg import Frame, Linear, dot, figure, line, rect, short, text, tick_label, verticals

ROW, HEAD, FOOT = 30.0, 6.0, 26.0
RIGHT = 74.0
LETTER, LONGEST = 6.8, 18
RADIUS = 2.6
STEP = 3.4  # from one dot to the next where they would cover each other
BANDED = 16.0
NEAREST = 12  # dots that the next one may cover


@dataclass(frozen=True)
class Board:
    """`trials`: in logs; `sees`: the smallest change that this run could see there, None before it can be told."""

    name: str
    trials: tuple[float, ...]
    sees: float | None
    finding: str


WIDE, NARROW = Frame(600, wide=True), Frame(318, wide=False)


def trials(boards: Sequence[Board], finding: str, frame: Frame = WIDE) -> Markup:
    """In per cent; 0 is where they all should lie, since nothing was changed."""
    left = 12 + LETTER * max((len(short(board.name, LONGEST)) for board in boards), default=0)
    bottom = HEAD + ROW * len(boards)
    across = _across(boards, left + 10, frame.width - RIGHT)
    ticks = across.ticks(4)
    marks = [
        verticals(map(across.at, ticks), HEAD, bottom, "line"),
        line(across.at(0), HEAD, across.at(0), bottom, "mute"),
    ]
    marks += [text(across.at(tick), bottom + 18, _percent(tick), size=11, anchor="middle") for tick in ticks]
    for place, board in enumerate(boards):
        marks += _row(board, across, HEAD + ROW * (place + 0.5), left, frame.width)
    return figure(frame.width, bottom + FOOT, finding, marks, wide=frame.wide)


def _percent(tick: float) -> str:
    sign = "+" if tick > 0 else figures.MINUS if tick < 0 else ""
    return f"{sign}{tick_label(abs(tick))} %"


def _across(boards: Sequence[Board], start: float, end: float) -> Linear:
    """As far to either side as the farthest dot or band."""
    ends = [abs(each) for board in boards for each in (*map(math.expm1, board.trials), board.sees or 0.0)]
    reach = max(ends, default=0.0) * 108 or 1.0
    return Linear(-reach, reach, start, end)


def _row(board: Board, across: Linear, y: float, left: float, width: float) -> Iterator[Markup]:
    yield text(left, y + 4, short(board.name, LONGEST), "ink", anchor="end")
    if board.sees is not None:
        low, high = across.at(-100 * board.sees), across.at(100 * board.sees)
        yield rect(low, y - BANDED / 2, high - low, BANDED, "band", rx="3", title=board.finding)
        yield text(width - 4, y + 4, f"\u00b1{board.sees * 100:.1f} %", size=11, anchor="end")
    for x, at_y, share in _spread(board, across, y):
        said = f"{board.name} against itself: {figures.signed(share * 100, 2)}{figures.GAP}%"
        yield dot(x, at_y, RADIUS, "ink2", said)


def _spread(board: Board, across: Linear, y: float) -> Iterator[tuple[float, float, float]]:
    """From left to right; a dot that would cover the last ones goes above or below them."""
    taken: list[tuple[float, float]] = []
    for share in sorted(map(math.expm1, board.trials)):
        x = across.at(100 * share)
        free = (level for level in _levels(y) if all(math.hypot(x - a, level - b) >= STEP for a, b in taken))
        at_y = next(free, y)
        taken = [*taken[1 - NEAREST :], (x, at_y)]
        yield x, at_y, share


def _levels(y: float) -> Iterator[float]:
    """The middle, then in turn above and below it, within the row."""
    most = int((ROW / 2 - RADIUS) // STEP)
    yield from (y + side * step * STEP for step in range(most + 1) for side in ((1, -1) if step else (1,)))
