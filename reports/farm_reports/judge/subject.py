"""Which comparison of a run is worth an explanation, by rule: the worst trouble first, else what is shipped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from farm_reports.bounds import parse
from farm_reports.explained import Line, Reference, Rule
from farm_reports.results import Cell, Gate, GateCell, GateWord, Results, Ship

LATENCIES = ("latency_p50", "latency_p99")


@dataclass(frozen=True)
class Subject:
    """`baseline`: the baseline's cell beside it, None where there is none. `similar`: how many more there are."""

    cell: Cell
    baseline: Cell | None
    rule: Rule
    reference: Reference
    similar: int
    line: Line | None


def subject(results: Results) -> Subject | None:
    """None where nothing is measured, nothing can be compared, or the run is still going."""
    if results.run.status == "partial":
        return None
    cells = _Cells(results)
    rules: tuple[Callable[[_Cells], Subject | None], ...] = (_regressed, _failed, _open, _slowest, _shipped)
    return next((found for rule in rules if (found := rule(cells)) is not None), None)


@dataclass(frozen=True)
class _Cells:
    results: Results

    def measured(self) -> Iterator[Cell]:
        return (cell for cell in self.results.cells if cell.state == "measured" and cell.latency_ms.p50.value)

    def beside(self, cell: Cell) -> Cell | None:
        """The baseline of the same board at the same point."""
        place = (cell.board, self.results.run.baseline, cell.point_key)
        found = (each for each in self.measured() if (each.board, each.variant, each.point_key) == place)
        return next(found, None)

    def held(self) -> list[Cell]:
        """The cells that could be held against their past."""
        return [cell for cell in self.measured() if cell.versus_past is not None and cell.versus_past.ratio is not None]

    def compared(self) -> list[Cell]:
        """The cells with a valid comparison with the baseline."""
        versus = [(cell, cell.versus_baseline) for cell in self.measured() if cell.variant != self.results.run.baseline]
        return [cell for cell, one in versus if one is not None and one.ratio and one.verdict != "invalid"]


def ratio(cell: Cell) -> float:
    """To the baseline; 1 where nothing was compared."""
    return (cell.versus_baseline.ratio if cell.versus_baseline else None) or 1.0


def past_ratio(cell: Cell) -> float:
    return (cell.versus_past.ratio if cell.versus_past else None) or 1.0


def _regressed(cells: _Cells) -> Subject | None:
    found = [cell for cell in cells.measured() if cell.versus_past and cell.versus_past.verdict == "regressed"]
    worst = max(found, key=past_ratio, default=None)
    if worst is None:
        return None
    return Subject(worst, cells.beside(worst), "regressed", "past", len(found) - 1, _line(cells, worst, None, "past"))


def _failed(cells: _Cells) -> Subject | None:
    return _of_gates(cells, "failed", "failed")


def _open(cells: _Cells) -> Subject | None:
    return _of_gates(cells, "inconclusive", "inconclusive")


def _of_gates(cells: _Cells, word: GateWord, rule: Rule) -> Subject | None:
    """The worst cell of the first latency gate that ended so, as far as it can be compared."""
    gates = [gate for metric in LATENCIES for gate in cells.results.gates if gate.metric == metric]
    hits = [(gate, hit) for gate in gates for hit in _worst_first(gate) if hit.verdict == word]
    pairs = ((gate, cell) for gate, hit in hits if (cell := _cell_of(cells, gate, hit)) is not None)
    for gate, cell in pairs:
        reference: Reference = "past" if gate.kind == "budget" else "baseline"
        return Subject(cell, cells.beside(cell), rule, reference, len(hits) - 1, _line(cells, cell, gate))
    return None


def _worst_first(gate: Gate) -> list[GateCell]:
    first = [gate.worst] if gate.worst in gate.cells else []
    rest = [cell for cell in gate.cells if cell not in first]
    return [*first, *sorted(rest, key=lambda cell: -math.inf if cell.value is None else -cell.value)]


def _cell_of(cells: _Cells, gate: Gate, hit: GateCell) -> Cell | None:
    """The cell behind a gate's: of several points the one that was judged; of all of them the slowest."""
    known = cells.held() if gate.kind == "budget" else cells.compared()
    found = [cell for cell in known if (cell.board, cell.variant) == (hit.board, hit.variant)]
    return max(found, key=lambda cell: (cell.point_key == hit.point_key, _p50(cell)), default=None)


def _slowest(cells: _Cells) -> Subject | None:
    found = [cell for cell in cells.compared() if cell.versus_baseline and cell.versus_baseline.verdict == "slower"]
    worst = max(found, key=ratio, default=None)
    return None if worst is None else _against_baseline(cells, worst, "slower", len(found) - 1)


def _shipped(cells: _Cells) -> Subject | None:
    """Of the boards' winners the one that gained most."""
    compared: dict[tuple[str, str | None], list[Cell]] = {}
    for each in cells.compared():
        compared.setdefault((each.board, each.variant), []).append(each)
    ships = ((compared.get((ship.board, ship.variant), []), ship) for ship in cells.results.ship)
    found = [cell for here, ship in ships if (cell := _winner(here, ship)) is not None]
    best = min(found, key=lambda cell: (not _faster(cell), ratio(cell)), default=None)
    if best is None:
        return None
    return _against_baseline(cells, best, "shipped", sum(_faster(cell) for cell in found if cell is not best))


def _faster(cell: Cell) -> bool:
    return cell.versus_baseline is not None and cell.versus_baseline.verdict == "faster"


def _winner(here: Sequence[Cell], ship: Ship) -> Cell | None:
    """Of the variant's cells on the board the one at the point it won at."""
    return min(here, key=lambda cell: (cell.point_key != ship.point_key, _p50(cell)), default=None)


def _against_baseline(cells: _Cells, cell: Cell, rule: Rule, similar: int) -> Subject:
    return Subject(cell, cells.beside(cell), rule, "baseline", similar, _line(cells, cell, None))


def _line(cells: _Cells, cell: Cell, gate: Gate | None, reference: Reference = "baseline") -> Line | None:
    """The limit that the gate judged, else the first on latency that this cell was held against in the same question."""
    kind = "budget" if reference == "past" else "limit"
    held = [
        each
        for metric in LATENCIES
        for each in cells.results.gates
        if (each.metric, each.kind) == (metric, kind)
        and any((hit.board, hit.variant) == (cell.board, cell.variant) for hit in each.cells)
    ]
    lines = (found for each in ([gate] if gate else held) if (found := _drawn(cells, cell, each)) is not None)
    return next(lines, None)


def _drawn(cells: _Cells, cell: Cell, gate: Gate) -> Line | None:
    """Where the bound lies; a change needs what it is a change of."""
    bound, budget = parse(gate.metric, gate.bound), gate.kind == "budget"
    ms: float | None = bound.value
    if bound.relative:
        of = _of_past(cell, gate.metric) if budget else _of(cells.beside(cell), gate.metric)
        ms = None if of is None else of * (1 + bound.value)
    return None if ms is None else Line(metric=gate.metric, bound=gate.bound, budget=budget, ms=ms)


def _of_past(cell: Cell, metric: str) -> float | None:
    """Of the past there is the median alone."""
    return cell.versus_past.past_p50_ms.value if cell.versus_past and metric == "latency_p50" else None


def _of(cell: Cell | None, metric: str) -> float | None:
    if cell is None:
        return None
    return (cell.latency_ms.p99 if metric == "latency_p99" else cell.latency_ms.p50).value


def _p50(cell: Cell) -> float:
    return cell.latency_ms.p50.value or 0.0
