"""The results of a run, looked up the ways the sections need them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from farm_reports import figures, points
from farm_reports.beside import Beside, Samples
from farm_reports.excerpt import Excerpt
from farm_reports.results import Board, Cell, Results, Ship, Variant

CHARTED = 8
MANY_BOARDS = 12
MANY_CELLS = 800


@dataclass(frozen=True)
class Section:
    """What a template needs, and the name under which the navigation lists it."""

    id: str
    name: str
    heading: str
    lede: str
    body: Any

    @property
    def template(self) -> str:
        return f"{self.id}.html"


@dataclass(frozen=True)
class Row:
    """A board at one point: the unit in which variants are compared. `point` is empty where there is only one."""

    board: Board
    point_key: str
    point: str

    @property
    def label(self) -> str:
        return f"{self.board.name}, {self.point}" if self.point else self.board.name


@dataclass(frozen=True)
class View:
    """One run, its pooled iterations (ns), and what else is drawn."""

    results: Results
    samples: Samples
    beside: Beside = field(default_factory=Beside)
    excerpt: Excerpt = field(default_factory=Excerpt)

    @cached_property
    def clock(self) -> figures.Clock:
        return figures.clock(self.results.cells)

    @cached_property
    def cells(self) -> dict[tuple[str, str, str], Cell]:
        return {cell.key: cell for cell in self.results.cells}

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The baseline first, the others as they were given."""
        return tuple(sorted(self.results.variants, key=lambda variant: variant.name != self.baseline))

    @cached_property
    def labels(self) -> dict[str, str]:
        """Of the points, by their key."""
        return points.of(self.results.cells)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        held = {(cell.board, cell.point_key) for cell in self.results.cells}
        return tuple(
            Row(board, key, label)
            for board in self.results.boards
            for key, label in self.labels.items()
            if (board.name, key) in held
        )

    @cached_property
    def judged(self) -> tuple[Row, ...]:
        """The rows that are judged: of a board that sweeps its clocks the one at its reference clock."""
        at = {one.board: str(one.reference_khz) for one in self.results.sweeps if one.reference_khz is not None}
        pins = {cell.point_key: cell.point.pin for cell in self.results.cells}
        return tuple(row for row in self.rows if at.get(row.board.name) in {None, pins[row.point_key]})

    @property
    def single(self) -> bool:
        """One variant: there is nothing to compare it with, and nothing to choose."""
        return len(self.results.variants) == 1

    @cached_property
    def ships(self) -> dict[str, Ship]:
        return {ship.board: ship for ship in self.results.ship}

    @cached_property
    def sizes(self) -> dict[str, int | None]:
        return {variant.name: variant.bytes for variant in self.results.variants}

    @property
    def baseline(self) -> str:
        return self.results.run.baseline

    @property
    def partial(self) -> bool:
        return self.results.run.status == "partial"

    @cached_property
    def compared(self) -> bool:
        """False for a run without comparisons: absolute figures only."""
        return any(cell.versus_baseline is not None for cell in self.results.cells)

    @cached_property
    def accuracy_name(self) -> str:
        return figures.accuracy_name(self.results.cells)

    @cached_property
    def scored(self) -> bool:
        """Whether any variant has an accuracy or a closeness."""
        return any(figures.accuracy(cell.accuracy) is not None for cell in self.results.cells)

    @cached_property
    def scopes(self) -> frozenset[str]:
        """Of the cells that have an energy: those of two scopes stand in no table together."""
        return frozenset(cell.energy.scope for cell in self.measured() if cell.energy)

    @cached_property
    def powered(self) -> bool:
        """Whether any cell tells an energy."""
        return any(cell.energy_mj.value is not None for cell in self.measured())

    @cached_property
    def bounded(self) -> bool:
        """Whether any cell has the upper bounds by which MLPerf publishes tails."""
        return any(cell.latency_ms.p90.upper is not None for cell in self.results.cells)

    def page_of(self, board: Board) -> str:
        """The address of a board's own page: boards beyond those with charts make one worth while; none of an excerpt."""
        many = len(self.results.boards) > CHARTED and not self.excerpt
        return f"boards/{quote(board.name, safe='')}.html" if many else ""

    @cached_property
    def by_board(self) -> dict[str, list[Cell]]:
        found: dict[str, list[Cell]] = {}
        for cell in self.results.cells:
            found.setdefault(cell.board, []).append(cell)
        return found

    def measured(self) -> Iterator[Cell]:
        return (cell for cell in self.results.cells if shows(cell))

    def of_row(self, row: Row) -> list[Cell]:
        keys = ((row.board.name, variant.name, row.point_key) for variant in self.variants)
        return [self.cells[key] for key in keys if key in self.cells]

    @cached_property
    def fastest(self) -> dict[tuple[str, str], Cell]:
        """The cell of a variant on a board: with several points the one with the lowest median."""
        found: dict[tuple[str, str], Cell] = {}
        for cell in self.results.cells:
            known = found.setdefault((cell.board, cell.variant), cell)
            if _median(cell) < _median(known):
                found[cell.board, cell.variant] = cell
        return found

    def shipped(self, cell: Cell) -> bool:
        """Whether this is the cell to ship on its board; a run that goes on, or compares nothing, ships nothing."""
        ship = None if self.partial or not self.compared else self.ships.get(cell.board)
        return ship is not None and self.shipped_cell(ship) is cell

    def shipped_cell(self, ship: Ship) -> Cell | None:
        """The winner's cell: at the point it won at, else the one with the lowest median."""
        at_point = self.cells.get((ship.board, ship.variant or "", ship.point_key or ""))
        return at_point or self.fastest.get((ship.board, ship.variant or ""))

    @property
    def limited(self) -> bool:
        """Whether limits were given: then each board has the gate that some variant is inside them."""
        limits = any(gate.kind != "budget" for gate in self.results.gates)
        return limits or any(cell.fit.by for cell in self.results.cells)

    @cached_property
    def charted(self) -> tuple[Row, ...]:
        """The rows that get charts: those with a failed gate first, then those changed since the past; at most eight."""
        failed = {
            cell.board
            for gate in self.results.gates
            for cell in gate.cells
            if cell.verdict in {"failed", "inconclusive"}
        }
        since = ((cell.board, cell.versus_past) for cell in self.results.cells)
        changed = {board for board, versus in since if versus and versus.verdict in {"regressed", "improved"}}
        measured = {(cell.board, cell.point_key) for cell in self.measured()}
        rows = [row for row in self.judged if (row.board.name, row.point_key) in measured]
        return tuple(
            sorted(rows, key=lambda row: (row.board.name not in failed, row.board.name not in changed))[:CHARTED]
        )


def provisional(cell: Cell) -> bool:
    """A cell whose blocks are not complete: not_run for now, with the figures so far."""
    return cell.state == "not_run" and cell.latency_ms.p50.value is not None


def shows(cell: Cell) -> bool:
    """Whether a cell has figures that may be drawn."""
    return cell.latency_ms.p50.value is not None and (cell.state in {"measured", "screened_out"} or provisional(cell))


def _median(cell: Cell) -> float:
    return cell.latency_ms.p50.value or math.inf


def iterations_ms(samples: Samples, cell: Cell) -> npt.NDArray[np.float64] | None:
    """The pooled iterations of a cell in ms, or None."""
    pooled = samples.get(cell.key)
    return None if pooled is None or len(pooled) == 0 else np.asarray(pooled, dtype=np.float64) / 1e6
