"""The SVG layer: marks, scales and ticks; geometry in attributes, colour as attribute plus class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from farm_reports import figures
from farm_reports.figures import RAISED

# The light palette, for pages without the stylesheet; the class of the same name overrides it there.
PAINT = {
    "ink": "#1d1c1a",
    "ink2": "#66625a",
    "mute": "#b9b4aa",
    "line": "#e6e2da",
    "band": "#efece5",
    "panel": "#ffffff",
    "accent": "#2d5bd1",
    "slow": "#c2570c",
    "bad": "#b93424",
    "good": "#0e7352",
    "warn": "#8c5800",
}
SPARSE = 3  # rungs of a ladder; a short span has more even steps than that
LONG = 1e9  # from where on a tick has no room for its digits
POWERS, SMALL = 6, 4  # decades above and below one from which on a round number is written as a power of ten
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
FINE = ((1, 10), (1, 3, 10), (1, 2, 5, 10), (1, 1.5, 2, 3, 5, 7, 10), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10))


def coordinate(value: float) -> str:
    """A coordinate with at most one decimal. Raises ValueError when it is not finite: no NaN reaches a page."""
    if not math.isfinite(value):
        raise ValueError(f"a coordinate of {value}")
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _attributes(pairs: Iterable[tuple[str, object]]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{coordinate(value) if isinstance(value, (int, float)) else escape(value)}"'
        for name, value in pairs
        if value is not None
    )


def mark(tag: str, *inside: str, **attributes: float | str | None) -> Markup:
    """One element; a `title` becomes its tooltip; `inside` is markup already; an attribute of None is left out."""
    title = attributes.pop("title", None)
    parts = ([f"<title>{escape(title)}</title>"] if title else []) + [str(part) for part in inside]
    body = f">{''.join(parts)}</{tag}>" if parts else "/>"
    return Markup(f"<{tag}{_attributes(attributes.items())}{body}")  # noqa: S704 - every value was escaped above


def fill(colour: str) -> dict[str, str]:
    return {"fill": PAINT[colour], "class_": f"a-{colour}"}


def stroke(colour: str, width: float = 1, dash: str | None = None) -> dict[str, str | float | None]:
    """`width` is left out where it is the default of SVG."""
    thick = None if width == 1 else width
    return {"stroke": PAINT[colour], "class_": f"l-{colour}", "stroke_width": thick, "stroke_dasharray": dash}


def line(x1: float, y1: float, x2: float, y2: float, colour: str, **rest: float | str | None) -> Markup:
    return mark("line", x1=x1, y1=y1, x2=x2, y2=y2, **{**stroke(colour), **rest})


def verticals(xs: Iterable[float], top: float, bottom: float, colour: str) -> Markup:
    """Grid lines as one path."""
    path = "".join(f"M{coordinate(x)} {coordinate(top)}V{coordinate(bottom)}" for x in xs)
    return mark("path", d=path or "M0 0", fill="none", **stroke(colour))


def horizontals(ys: Iterable[float], left: float, right: float, colour: str) -> Markup:
    path = "".join(f"M{coordinate(left)} {coordinate(y)}H{coordinate(right)}" for y in ys)
    return mark("path", d=path or "M0 0", fill="none", **stroke(colour))


def rect(x: float, y: float, width: float, height: float, colour: str, **rest: float | str | None) -> Markup:
    return mark("rect", x=x, y=y, width=max(width, 0), height=height, **fill(colour), **rest)


def dot(x: float, y: float, radius: float, colour: str, title: str | None = None, **rest: float | str) -> Markup:
    return mark("circle", cx=x, cy=y, r=radius, title=title, **fill(colour), **rest)


def text(
    x: float, y: float, words: str, colour: str = "ink2", *, size: float = 12, anchor: str = "start", **rest: str
) -> Markup:
    return mark("text", str(escape(words)), x=x, y=y, font_size=size, text_anchor=anchor, **fill(colour), **rest)


def short(name: str, most: int = 22) -> str:
    """A name that fits its place; the tooltip has all of it."""
    return name if len(name) <= most else f"{name[: most - 1]}\u2026"


def label(x: float, y: float, words: str, colour: str, **rest: str) -> Markup:
    """A text that may cross a line: an edge in the colour of the panel keeps it readable."""
    paint = {**fill(colour), "class_": f"a-{colour} halo"}
    edge = {"stroke": PAINT["panel"], "stroke_width": "4", "stroke_linejoin": "round", "paint_order": "stroke"}
    return mark("text", str(escape(words)), x=x, y=y, font_size=12, **paint, **edge, **rest)


def trace(points: Sequence[tuple[float, float]], *, closed: bool = False) -> str:
    """Path data through the points, in whole steps from each to the next: short, and as exact as a screen."""
    spots = [(round(x), round(y)) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    if not spots:
        return "M0 0"
    steps = [f"l{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(spots) if a != b]
    return f"M{spots[0][0]} {spots[0][1]}" + "".join(steps).replace(" -", "-") + ("z" if closed else "")


@dataclass(frozen=True)
class Frame:
    """`wide`: shown on wide screens, else its narrow twin."""

    width: float
    wide: bool


def figure(width: float, height: float, finding: str, marks: Iterable[str], *, wide: bool | None = None) -> Markup:
    """A drawing at one unit per pixel; `finding` is read out. `wide` False: the narrow twin, hidden without style."""
    drawing = mark(
        "svg", *marks, width=width, height=height, viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        class_="fig only-w" if wide else "fig", role="img", aria_label=finding,
    )  # fmt: skip
    # The attribute hides HTML elements only, so it needs one around the drawing.
    return mark("div", drawing, class_="only-n", hidden="hidden") if wide is False else drawing


@dataclass(frozen=True)
class Linear:
    """Values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        return linear_ticks(self.low, self.high, count)


@dataclass(frozen=True)
class Log:
    """As Linear, on the logarithm; all values are above zero."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return Linear(math.log(self.low), math.log(self.high), self.start, self.end).at(math.log(value))

    def ticks(self, count: int = 6) -> list[float]:
        return log_ticks(self.low, self.high, count)


def linear_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers on 1-2-2.5-5 steps inside [low, high], at most about `count`."""
    raw = (high - low) / max(count, 1)
    if not 0 < raw < math.inf:  # no length, or one that no float holds
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(part * power for part in STEPS if part * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """The finest ladder of round numbers with at most `count` rungs inside [low, high]; linear ones in a short span."""
    if not high > low:
        return [low]
    ladders = [_rungs(low, high, ladder) for ladder in FINE]
    fitting = [rungs for rungs in ladders if 2 <= len(rungs) <= count]
    even = [tick for tick in linear_ticks(low, high, max(count - 1, 2)) if tick > 0]
    if fitting:
        return even if len(fitting[-1]) < SPARSE <= len(even) else fitting[-1]
    if len(ladders[0]) > count:  # more decades than there is room for: every other one, every third
        return ladders[0][:: math.ceil(len(ladders[0]) / count)]
    return even


def _rungs(low: float, high: float, ladder: Sequence[float]) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    rungs = (part * 10.0**decade for decade in decades for part in ladder[:-1])
    return [rung for rung in rungs if low * 0.999 <= rung <= high * 1.001 and math.isfinite(rung)]


def tick_label(value: float) -> str:
    """A round number as people write it."""
    exponent = math.log10(value) if value > 0 else 0.0
    far = exponent >= POWERS or exponent < -SMALL
    if far and math.isclose(exponent, round(exponent), abs_tol=1e-9):
        return f"10{str(round(exponent)).translate(RAISED)}"
    if value >= LONG or (far and value < 1):
        return figures.power_of_ten(value, 1)
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def tick_labels(values: Sequence[float]) -> list[str]:
    """Of an even axis: all with as many decimals as the one that needs most, so that their steps read as even."""
    names = [tick_label(value) for value in values]
    if max(map(abs, values), default=0.0) >= 1000:
        return names
    decimals = next(
        (many for many in range(5) if all(math.isclose(value, round(value, many), abs_tol=1e-9) for value in values)),
        None,
    )
    return names if decimals is None else [f"{value:.{decimals}f}" for value in values]
