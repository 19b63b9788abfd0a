"""What each operator takes more or less than in the reference: a name, its figure, and a bar from a common zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from farm_reports.charts.svg import Linear, figure, fill, line, mark, rect, text

PITCH, BAR, MORE = 32.0, 9.0, 15.0
SIZE, SMALL = 12, 11
NARROW, WIDE = 0.37, 0.7  # what a letter takes, in parts of the size of the text; 0.6 the others
THIN = frozenset("iljtfrI.,:;/|'!-()[] ")
LEAST = 40.0  # pixels that a detail must have
MOST = 200  # characters: more fit into no drawing, and a name from a model file may have any number
GAP, VALUE = 7.0, 52.0  # before the detail; what the figure on the right takes


@dataclass(frozen=True)
class Bar:
    """`change` in the unit of the axis; `value` as it is written; `detail` is small behind the name, `below` under the bar.

    `path`: the end of the name says most.
    """

    name: str
    detail: str
    change: float
    value: str
    colour: str
    finding: str
    strong: bool = False
    below: str = ""
    path: bool = False

    @property
    def height(self) -> float:
        return PITCH + (MORE if self.below else 0)


def operators(bars: Sequence[Bar], finding: str, width: float, *, wide: bool | None = None) -> Markup:
    """In the order given; what takes more goes to the right of zero."""
    scale, top = _scale(bars, width), 0.0
    marks: list[Markup] = []
    for bar in bars:
        marks += _row(bar, scale, width, top)
        top += bar.height
    return figure(width, max(top, PITCH), finding, marks, wide=wide)


def _scale(bars: Sequence[Bar], width: float) -> Linear:
    changes = [bar.change for bar in bars]
    return Linear(min(0.0, *changes, 0.0), max(0.0, *changes, 0.0), 1.0, width - 1.0)


def _row(bar: Bar, scale: Linear, width: float, top: float) -> list[Markup]:
    zero, end = scale.at(0.0), scale.at(bar.change)
    left, y = min(zero, end), top + 18
    weight = {"font_weight": "650"} if bar.strong else {}
    below = [text(0, y + BAR + 12, _fitted(bar.below, width, SMALL), size=SMALL)] if bar.below else []
    return [
        *below,
        _label(bar, width, top + 12),
        text(width, top + 12, bar.value, "ink", size=SIZE, anchor="end", **weight),
        rect(0, y + BAR / 2 - 0.5, width, 1, "line"),
        rect(left, y, max(abs(end - zero), 1), BAR, bar.colour, rx=2, title=bar.finding),
        line(zero, y - 2, zero, y + BAR + 2, "ink2"),
    ]


def _label(bar: Bar, width: float, y: float) -> Markup:
    """The name, and as much of the detail as there is room for."""
    room = width - min(VALUE, _pixels(bar.value, SIZE) + GAP)
    name = _fitted(bar.name, room, SIZE, path=bar.path)
    left = room - _pixels(name, SIZE) - GAP
    weight = {"font_weight": "650"} if bar.strong else {}
    fits = left >= min(LEAST, _pixels(bar.detail, SMALL))
    words = str(escape(_detail(bar.detail, left))) if fits else ""
    shown = [mark("tspan", words, dx=GAP, font_size=SMALL, font_weight="400", **fill("ink2"))] if bar.detail else []
    return mark("text", str(escape(name)), *map(str, shown), x=0, y=y, font_size=SIZE, **fill("ink"), **weight)


def _detail(words: str, room: float) -> str:
    """All of it, or its first part, or what fits of that."""
    first = words.partition(", ")[0]
    return words if _pixels(words, SMALL) <= room else _fitted(first, room, SMALL)


def _pixels(words: str, size: float) -> float:
    """What a text takes, rather too much than too little."""
    parts = (
        NARROW if letter in THIN else WIDE if letter.isupper() or letter in "mw\u2192+" else 0.6 for letter in words
    )
    return size * sum(parts)


def _fitted(words: str, room: float, size: float, *, path: bool = False) -> str:
    """As much of the text as there is room for, with a sign where it is cut."""
    if _pixels(words, size) <= room:
        return words
    kept = words[-MOST:] if path else words[:MOST]
    while kept and _pixels(f"\u2026{kept}", size) > room:
        kept = kept[1:] if path else kept[:-1]
    return f"\u2026{kept}" if path else f"{kept}\u2026"
