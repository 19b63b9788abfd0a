"""Every variant over all boards: its mean, where the next board would lie, and how far boards differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures
from farm_reports.charts import forest
from farm_reports.charts.svg import Log
from farm_reports.parts import Fleet, FleetUnit
from farm_reports.points import setting
from farm_reports.sections.trust import differs
from farm_reports.sections.view import View
from farm_reports.sections.words import counted, listed
from farm_reports.stats.fleet import LEAST

COLUMNS = ("Boards", "Next board", "Differ by")
ROWS = 12
SHOWN = 2.0  # times the mean: an interval for the next board that is wider would flatten the drawing
NAMED = 12  # units that the tooltip lists
ANYTHING = 100.0  # times: an interval this wide says that nothing is known
METHODS = {"t": "Student's t", "hksj": "Hartung, Knapp, Sidik and Jonkman, since the boards' errors are unequal"}


@dataclass(frozen=True)
class Entry:
    """A variant at a setting. `interval` holds the reason where there is none; `figures` follow `COLUMNS`."""

    variant: str
    note: str
    speed: str
    interval: str
    chart: Markup
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Pool:
    """`above`: what a dot stands for."""

    columns: tuple[str, ...]
    above: str
    axis: Markup
    entries: tuple[Entry, ...]
    undrawn: int
    notes: tuple[str, ...]


def pooled(view: View) -> Pool | None:
    """None under three boards: they say nothing about others."""
    found = sorted((one for one in view.results.fleet if _boards(one) >= LEAST), key=lambda one: one.ratio or math.inf)
    if not found:
        return None
    drawn = found[:ROWS]
    scale = forest.axis([estimate for one in drawn for estimate in _extents(_mean(one))])
    return Pool(
        columns=COLUMNS,
        above="each type of board" if any(one.unit == "type" for one in found) else "each board",
        axis=forest.axis_row(scale, "the mean of the boards", one="mean"),
        entries=tuple(_entry(one, scale) for one in drawn),
        undrawn=len(found) - len(drawn),
        notes=tuple(_notes(view, found)),
    )


def _boards(one: Fleet) -> int:
    return sum(len(unit.boards) for unit in one.units)


def _extents(mean: forest.Pooled) -> list[forest.Estimate]:
    """What the axis must hold; where the next board would lie may reach beyond it."""
    spans = [mean.interval, mean.next_one if mean.next_one and mean.next_one[1] < SHOWN else None]
    spans.append((min(mean.units), max(mean.units)))
    return [forest.Estimate(1.0, *span, None, "") for span in spans if span is not None]


def _mean(one: Fleet) -> forest.Pooled:
    ratio = one.ratio or 1.0
    finding = f"{one.variant}: {figures.speed(ratio)} on average over {counted(_boards(one), 'board')}"
    interval = _speeds(ratio, one.low, one.high)
    told = f"95{figures.GAP}% {figures.speeds(one.low or 1, one.high or 1)}" if interval else one.reason
    return forest.Pooled(
        units=tuple(ratio / unit.ratio for unit in one.units),
        names="\n".join([*map(_named, one.units[:NAMED]), *(["and more"] if len(one.units) > NAMED else [])]),
        interval=interval,
        next_one=_speeds(ratio, one.next_low, one.next_high),
        finding=f"{finding}; {told}",
    )


def _named(unit: FleetUnit) -> str:
    boards = f" ({counted(len(unit.boards), 'board')})" if len(unit.boards) > 1 else ""
    return f"{unit.name}{boards}: {figures.speed(unit.ratio)}"


def _speeds(ratio: float, low: float | None, high: float | None) -> forest.Span | None:
    """An interval of ratios as one of speeds, as shares of the mean's."""
    return None if low is None or high is None else (ratio / high, ratio / low)


def _entry(one: Fleet, scale: Log) -> Entry:
    return Entry(
        variant=one.variant,
        note=", ".join(setting(name, value) for name, value in one.setting.items()),
        speed=figures.speed(one.ratio or 1.0),
        interval=figures.speeds(one.low, one.high) if one.low and one.high else one.reason or "",
        chart=forest.pooled_row(scale, _mean(one)),
        figures=(_counted(one), _next_written(one), _differ(one)),
    )


def _counted(one: Fleet) -> str:
    return f"{_boards(one)}" + (f" in {counted(len(one.units), 'type')}" if one.unit == "type" else "")


def _next_written(one: Fleet) -> str:
    if one.next_low is None or one.next_high is None:
        return figures.DASH
    return figures.speeds(one.next_low, one.next_high) if one.next_high < ANYTHING * one.next_low else "not known"


def _differ(one: Fleet) -> str:
    if one.tau2 is None or one.i2 is None:
        return figures.DASH
    return f"{figures.share(math.sqrt(one.tau2))}, I² {figures.share(one.i2)}"


def _notes(view: View, found: Sequence[Fleet]) -> Iterator[str]:
    """How it was done, and what the mean passes over."""
    for method, name in METHODS.items():
        mine = [one.variant for one in found if one.method == method]
        whose = "" if len(mine) == len(found) else f" of {listed(dict.fromkeys(mine), 3)}"
        if mine:
            yield f"Intervals{whose}: {name}."
    shared = {unit.name: len(unit.boards) for one in found for unit in one.units if len(unit.boards) > 1}
    if shared:
        yield f"Boards of one type count once: {listed(f'{name} ({count})' for name, count in shared.items())}."
    kinds = {board.kind for board in view.results.boards}
    if len(kinds) == 1:
        yield f"All boards are of one type, {kinds.pop()}: this says nothing of others."
    if versions := differs(view.results.boards, "onnxruntime"):
        yield versions
