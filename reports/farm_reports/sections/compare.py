"""One board's variants against the baseline: interval, verdict and every metric, the fastest on top."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures
from farm_reports.charts import forest
from farm_reports.meanings import BURST
from farm_reports.parts import Value
from farm_reports.results import Cell
from farm_reports.sections import power
from farm_reports.sections.fleet import Pool, pooled
from farm_reports.sections.matrix import comparison_word, describe, interval_name, missed
from farm_reports.sections.verdict import names
from farm_reports.sections.view import Row, Section, View, provisional, shows
from farm_reports.sections.words import GLYPHS, spoken, unbroken


@dataclass(frozen=True)
class Column:
    key: str
    name: str


@dataclass(frozen=True)
class Entry:
    """A variant on the board. `word` is its verdict; `reason` stands in for the figures it does not have."""

    variant: str
    note: str
    word: str
    pill: str
    glyph: str
    speed: str
    interval: str
    chart: Markup | None
    figures: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class BoardTable:
    label: str
    model: str
    axis: Markup | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Comparison:
    columns: tuple[Column, ...]
    baseline: str
    tables: tuple[BoardTable, ...]
    undrawn: int
    provisional: bool
    pool: Pool | None


def compare(view: View) -> Section | None:
    """None for a single variant: what to ship shows all of its figures."""
    if not view.charted or (view.single and not view.partial):
        return None
    body = Comparison(
        columns=tuple(Column(key, name) for key, name, _ in _columns(view)),
        baseline=view.baseline,
        tables=tuple(_table(view, row) for row in view.charted),
        undrawn=len({row.board.name for row in view.rows}) - len({row.board.name for row in view.charted}),
        provisional=view.partial,
        pool=pooled(view),
    )
    return Section("compare", _name(view), _heading(view), _lede(view), body)


def _name(view: View) -> str:
    return f"Against {view.baseline}" if view.compared and len(view.baseline) < 14 else "Variants"


def _heading(view: View) -> Markup:
    where = f"on {view.charted[0].label}" if len(view.judged) == 1 else "board by board"
    start = "Provisional figures" if view.partial else "Every variant"
    mode = "" if view.results.run.mode == BURST else f", {view.results.run.mode}"
    against = f", against {view.baseline}" if view.compared else ""
    return unbroken(f"{start} {where}{against}{mode}", names(view.results))


def _lede(view: View) -> str:
    if not view.compared:
        bound = " p90, MLPerf: the 99\u00a0% upper bound that its early stopping reports." if view.bounded else ""
        return f"Absolute figures, the fastest on top.{bound}"
    if view.partial:
        return "From the launches committed so far; ranges of blocks until there are six, then 95\u00a0% intervals."
    return (
        "Dot: estimate from paired launches; bar: its 95\u00a0% interval, noise floor inside. "
        "Grey band: within \u00b12\u00a0%, where a whole interval counts as same."
    )


def _table(view: View, row: Row) -> BoardTable:
    cells = sorted(view.of_row(row), key=_speed_order)
    estimates = {cell.variant: found for cell in cells if (found := _estimate(view, cell))}
    scale = forest.axis(list(estimates.values()))
    drawn = view.compared and bool(estimates)
    return BoardTable(
        label=row.label,
        model=row.board.model or "",
        axis=forest.axis_row(scale, view.baseline) if drawn else None,
        entries=tuple(
            _entry(
                view,
                cell,
                forest.row(scale, estimates.get(cell.variant)) if drawn and _has_row(view, cell, estimates) else None,
            )
            for cell in cells
        ),
    )


def _speed_order(cell: Cell) -> float:
    """The fastest first, those without a figure last."""
    return (cell.latency_ms.p50.value or math.inf) if shows(cell) else math.inf


def _has_row(view: View, cell: Cell, estimates: dict[str, forest.Estimate]) -> bool:
    return cell.variant in estimates or (cell.variant == view.baseline and shows(cell))


def _estimate(view: View, cell: Cell) -> forest.Estimate | None:
    versus = cell.versus_baseline
    if versus is None or versus.ratio is None or cell.variant == view.baseline or not shows(cell):
        return None
    if cell.state == "screened_out":
        return None
    low, high = versus.low or versus.ratio, versus.high or versus.ratio
    gate = (1 / versus.gate_high, 1 / versus.gate_low) if versus.gate_low and versus.gate_high else None
    judged = "; the end ticks are the wider interval that judged the gate" if gate else ""
    finding = f"{describe(view, cell)}{judged}"
    return forest.Estimate(1 / versus.ratio, 1 / high, 1 / low, comparison_word(view, cell) or None, finding, gate)


def _entry(view: View, cell: Cell, chart: Markup | None) -> Entry:
    versus = cell.versus_baseline
    word = _pill_word(view, cell)
    known = versus is not None and versus.ratio is not None and cell.variant != view.baseline
    has_interval = known and versus is not None and versus.low is not None and versus.high is not None
    return Entry(
        variant=cell.variant,
        note=_note(view, cell),
        word=word,
        pill=word.replace(" ", "_"),
        glyph=GLYPHS.get(word, ""),
        speed=figures.speed(versus.ratio) if known and versus and versus.ratio else "",
        interval=_interval(cell) if has_interval else "",
        chart=chart,
        figures=tuple(write(view, cell) for _, _, write in _columns(view)),
        reason="" if shows(cell) else cell.reason or "no reason given",
    )


def _pill_word(view: View, cell: Cell) -> str:
    if cell.state != "measured" and not provisional(cell):
        return spoken(cell.state)
    if not view.compared:
        return "measured"
    if cell.variant == view.baseline:
        return "baseline"
    return comparison_word(view, cell) or "provisional"


def _note(view: View, cell: Cell) -> str:
    limits = missed(cell)
    if limits:
        return f"misses {limits}"
    if view.shipped(cell):
        return "ship"
    return "small change" if cell.versus_baseline and cell.versus_baseline.small else ""


def _interval(cell: Cell) -> str:
    versus = cell.versus_baseline
    if versus is None or versus.low is None or versus.high is None:
        return ""
    span = figures.speeds(versus.low, versus.high)
    if versus.provisional and cell.launches.valid == 1:
        return "1 block"
    return f"{interval_name(cell)} {span}" if versus.provisional else span


Write = Callable[[View, Cell], str]


def _columns(view: View) -> list[tuple[str, str, Write]]:
    cells = view.results.cells
    found: list[tuple[bool, tuple[str, str, Write]]] = [
        (view.partial, ("n", "Launches", lambda _view, cell: f"{cell.launches.valid}")),
        (True, ("p50", "p50", lambda view, cell: _latency(view, cell.latency_ms.p50))),
        (
            view.bounded,
            ("p90", "p90, MLPerf", lambda view, cell: _written(view, cell.latency_ms.p90.upper)),
        ),
        (
            any(cell.latency_ms.p99.value is not None for cell in cells),
            ("p99", "p99", lambda view, cell: _latency(view, cell.latency_ms.p99)),
        ),
        (
            any(cell.peak_rss_bytes.value is not None for cell in cells),
            ("mem", "Peak memory", lambda _view, cell: _memory(cell.peak_rss_bytes.value)),
        ),
        (view.powered, ("energy", "Energy", lambda _view, cell: power.write(cell.energy_mj))),
        (any(view.sizes.values()), ("size", "Size", lambda view, cell: _memory(view.sizes.get(cell.variant)))),
        (view.scored, ("acc", view.accuracy_name, lambda _view, cell: figures.accuracy(cell.accuracy) or figures.DASH)),
    ]
    return [column for there, column in found if there]


def _latency(view: View, value: Value) -> str:
    return _written(view, value.value)


def _written(view: View, ms: float | None) -> str:
    return figures.DASH if ms is None else view.clock.write(ms)


def _memory(size: float | None) -> str:
    return figures.DASH if size is None else figures.memory(size)
