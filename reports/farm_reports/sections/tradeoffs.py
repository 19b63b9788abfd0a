"""Accuracy against latency per board; without labels the axis is the closeness to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from markupsafe import Markup

from farm_reports import bounds, figures
from farm_reports.charts import tradeoff
from farm_reports.results import Cell
from farm_reports.sections import power
from farm_reports.sections.matrix import describe, missed
from farm_reports.sections.view import Row, Section, View, shows
from farm_reports.sections.words import bound, listed

EXACT_DB = 100.0
LAYOUTS = {
    1: ("one", (tradeoff.WIDE, tradeoff.NARROW)),
    2: ("two", (tradeoff.MEDIUM, tradeoff.NARROW)),
    3: ("three", (tradeoff.THIRD, tradeoff.NARROW)),
}


@dataclass(frozen=True)
class Axis:
    """Which score is drawn: `top1` and `agreement` in %, `sqnr` in dB."""

    score: str
    mark: str
    name: str


@dataclass(frozen=True)
class BoardChart:
    label: str
    drawings: tuple[Markup, ...]


@dataclass(frozen=True)
class Tradeoffs:
    charts: tuple[BoardChart, ...]
    layout: str


def tradeoffs(view: View) -> Section | None:
    axis = _axis(view)
    if axis is None or view.partial:
        return None
    layout, frames = LAYOUTS.get(len(view.charted), ("many", (tradeoff.SMALL,)))
    charts = [chart for row in view.charted if (chart := _board(view, row, axis, frames))]
    if not charts:
        return None
    return Section(
        "tradeoffs", "Trade-offs", f"{axis.name} against latency", _lede(view), Tradeoffs(tuple(charts), layout)
    )


def _lede(view: View) -> str:
    limit, axis = _limit_text(view), _axis(view)
    inside = " of those inside all limits" if view.limited else ""
    ring = (
        ", the ring is the variant to ship" if any(ship.variant for ship in view.results.ship) and view.compared else ""
    )
    line = f" The dashed line is the accuracy limit, {bound(limit)}." if limit and axis and axis.score == "top1" else ""
    area = (
        " Areas tell the energy of an inference, where a sensor read it."
        if any(_most(view, row) for row in view.charted)
        else ""
    )
    return f"Up and left is better. Blue is the front of the best{inside}{ring}.{line}{area}"


def _axis(view: View) -> Axis | None:
    """Accuracy where there are labels, else agreement, else SQNR; None where fewer than two variants have it."""
    axes = (Axis("top1", "%", "Accuracy"), Axis("agreement", "%", "Closeness"), Axis("sqnr", " dB", "Closeness"))
    return next((axis for axis in axes if _worth(view, axis)), None)


def _worth(view: View, axis: Axis) -> bool:
    scores = {score for cell in view.measured() if (score := _score(cell, axis)) is not None}
    return len(scores) > 1


def _score(cell: Cell, axis: Axis) -> float | None:
    accuracy = cell.accuracy
    if axis.score == "top1":
        return accuracy.value * 100 if accuracy.metric == "top1" and accuracy.value is not None else None
    if axis.score == "agreement":
        return None if accuracy.agreement is None else accuracy.agreement * 100
    return min(accuracy.sqnr_db, EXACT_DB) if accuracy.sqnr_db is not None else None


def _board(view: View, row: Row, axis: Axis, frames: Sequence[tradeoff.Frame]) -> BoardChart | None:
    cells = [cell for cell in view.of_row(row) if shows(cell) and _score(cell, axis) is not None]
    if len(cells) < 2:
        return None
    bubbles = [_bubble(view, cell, axis, _most(view, row)) for cell in cells]
    scope = tradeoff.Scope(view.clock.unit, axis.mark, _limit(view, row, axis), _finding(row, cells, view))
    drawings = tuple(tradeoff.tradeoff(bubbles, scope, frame) for frame in frames)
    return BoardChart(row.label, drawings)


def _most(view: View, row: Row) -> float | None:
    """The most energy of an inference on a board where all were told by one kind of sensor, else None."""
    cells = [cell for cell in view.of_row(row) if shows(cell) and cell.state == "measured"]
    energies = [cell.energy_mj.value for cell in cells if cell.energy_mj.value and cell.energy]
    alike = len({cell.energy.scope for cell in cells if cell.energy}) == 1
    return max(energies) if alike and len(energies) == len(cells) else None


def _bubble(view: View, cell: Cell, axis: Axis, most: float | None) -> tradeoff.Bubble:
    score = figures.accuracy(cell.accuracy) or figures.DASH
    p50 = cell.latency_ms.p50.value or 0
    return tradeoff.Bubble(
        variant=cell.variant,
        latency=p50 * view.clock.per_ms,
        score=_score(cell, axis) or 0,
        finding=f"{describe(view, cell)}\np50 {view.clock.write(p50)}, {view.accuracy_name.lower()} {score}{_energy(cell)}",
        shipped=view.shipped(cell),
        ruled_out=bool(missed(cell)),
        hollow=cell.state == "screened_out",
        share=(cell.energy_mj.value or 0.0) / most if most else None,
    )


def _energy(cell: Cell) -> str:
    return "" if cell.energy_mj.value is None else f"\nenergy {power.write(cell.energy_mj)}, {power.detail(cell)}"


def _finding(row: Row, cells: Sequence[Cell], view: View) -> str:
    ship = view.ships.get(row.board.name)
    winner = f"{ship.variant} is the one to ship" if ship and ship.variant else "no variant fits"
    return f"{row.label}: {winner} among {listed(cell.variant for cell in cells)}"


def _limit_text(view: View) -> str | None:
    """The accuracy limit as written, from a gate or from a cell that misses it."""
    gates = (gate.bound for gate in view.results.gates if gate.metric == "accuracy" and gate.kind == "limit")
    hits = (hit.limit for cell in view.results.cells for hit in cell.fit.by if hit.metric == "accuracy")
    return next(chain(gates, hits), None)


def _limit(view: View, row: Row, axis: Axis) -> float | None:
    text = _limit_text(view)
    base = view.cells.get((row.board.name, view.baseline, row.point_key))
    if text is None or axis.score != "top1":
        return None
    limit = bounds.parse("accuracy", text)
    if not limit.relative:
        return limit.value * 100
    reference = _score(base, axis) if base else None
    return None if reference is None else reference + limit.value
