"""The results of a run, looked up the ways the sections need them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from farm_reports import figures, swept
from farm_reports.results import Board, Cell, Point, Results, Ship, Variant

Samples = Mapping[tuple[str, str, str], npt.NDArray[Any]]
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
    """One run and its pooled iterations (ns)."""

    results: Results
    samples: Samples

    @cached_property
    def clock(self) -> figures.Clock:
        return figures.clock(self.results.cells)

    @cached_property
    def cells(self) -> dict[tuple[str, str, str], Cell]:
        return {(cell.board, cell.variant, cell.point_key): cell for cell in self.results.cells}

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The baseline first, the others as they were given."""
        return tuple(sorted(self.results.variants, key=lambda variant: variant.name != self.baseline))

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        points = {cell.point_key: cell.point for cell in self.results.cells}
        labels = point_labels(points)
        held = {(cell.board, cell.point_key) for cell in self.results.cells}
        return tuple(
            Row(board, key, labels[key]) for board in self.results.boards for key in points if (board.name, key) in held
        )

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
        """Whether this is the cell to ship on its board; a run that is still going ships nothing."""
        ship = None if self.partial else self.ships.get(cell.board)
        return ship is not None and self.shipped_cell(ship) is cell

    def shipped_cell(self, ship: Ship) -> Cell | None:
        """The winner's cell: at the point it won at, else the one with the lowest median."""
        at_point = self.cells.get((ship.board, ship.variant or "", ship.point_key or ""))
        return at_point or self.fastest.get((ship.board, ship.variant or ""))

    @property
    def limited(self) -> bool:
        """Whether limits were given: then each board has the gate that some variant is inside them."""
        return bool(self.results.gates) or any(cell.fit.by for cell in self.results.cells)

    @cached_property
    def charted(self) -> tuple[Row, ...]:
        """The rows that get charts: those with a failed gate first, never more than eight."""
        failed = {
            cell.board
            for gate in self.results.gates
            for cell in gate.cells
            if cell.verdict in {"failed", "inconclusive"}
        }
        measured = {(cell.board, cell.point_key) for cell in self.measured()}
        rows = [row for row in self.rows if (row.board.name, row.point_key) in measured]
        return tuple(sorted(rows, key=lambda row: row.board.name not in failed)[:CHARTED])


def provisional(cell: Cell) -> bool:
    """A cell whose blocks are not complete: not_run for now, with the figures so far."""
    return cell.state == "not_run" and cell.latency_ms.p50.value is not None


def shows(cell: Cell) -> bool:
    """Whether a cell has figures that may be drawn."""
    return cell.latency_ms.p50.value is not None and (cell.state in {"measured", "screened_out"} or provisional(cell))


def point_labels(points: Mapping[str, Point]) -> dict[str, str]:
    """What tells the points of a run apart, in words; empty when there is only one."""
    if len(points) < 2:
        return dict.fromkeys(points, "")
    fields = [name for name in Point.model_fields if len({getattr(point, name) for point in points.values()}) > 1]
    return {key: ", ".join(setting(name, getattr(point, name)) for name in fields) for key, point in points.items()}


def setting(name: str, value: Any) -> str:
    """A field of a point in words."""
    if name == "threads":
        return "as many threads as cpus" if value is None else f"{value} thread{'s' if value != 1 else ''}"
    if name == "pace_hz":
        return "back to back" if value is None else f"paced at {value:g} Hz"
    if name == "pin" and str(value).isdecimal():
        return swept.clock(int(value))
    return f"{name} {value}" if name in {"cpus", "pin"} else str(value)


def _median(cell: Cell) -> float:
    return cell.latency_ms.p50.value or math.inf


def iterations_ms(samples: Samples, cell: Cell) -> npt.NDArray[np.float64] | None:
    """The pooled iterations of a cell in ms, or None."""
    pooled = samples.get((cell.board, cell.variant, cell.point_key))
    return None if pooled is None or len(pooled) == 0 else np.asarray(pooled, dtype=np.float64) / 1e6
