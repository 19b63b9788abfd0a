"""Judgements of single boards as those of their run: a board is judged when its results are there, the run at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from farm_reports import verdict
from farm_reports.bounds import Bound
from farm_reports.explained import Why
from farm_reports.findings import Name
from farm_reports.judge.case import Case
from farm_reports.judge.gates import ALL, SEVERITY, bound_of
from farm_reports.judge.limits import Check
from farm_reports.judge.subject import subject
from farm_reports.judge.whole import Pieces
from farm_reports.results import Cell, Gate, GateCell, Results


def joined(case: Case, parts: Sequence[Results]) -> Pieces:
    """`parts`: each of one board, in the order of the run."""
    return Pieces(
        boards=[board for part in parts for board in part.boards],
        cells=[cell for part in parts for cell in part.cells],
        judged_by=[cell for part in parts for cell in _central(part)],
        gates=list(_gates(case, parts)),
        ships=[ship for part in parts for ship in part.ship],
        sweeps=[sweep for part in parts for sweep in part.sweeps],
        heat=[heat for part in parts for heat in part.heat],
        profiles=[profile for part in parts for profile in part.profiles],
        findings=[each for part in parts for each in part.findings if each.name != Name.ONE_SIDED],  # of a whole run
    )


def worst_case(run: Results, parts: Iterable[Results]) -> Why | None:
    """The worst of a run is the worst of its board too, which explained it; but there are more like it."""
    chosen = subject(run)
    if chosen is None:
        return None
    told = next(part.why for part in parts if part.boards[0].name == chosen.cell.board)
    return None if told is None else told.model_copy(update={"similar": chosen.similar})


def _central(part: Results) -> Iterator[Cell]:
    """Of a sweep the cells at the clock at which the run is judged."""
    at = {sweep.board: str(sweep.reference_khz) for sweep in part.sweeps if sweep.reference_khz is not None}
    return (cell for cell in part.cells if at.get(cell.board, cell.point.pin) == cell.point.pin)


def _gates(case: Case, parts: Sequence[Results]) -> Iterator[Gate]:
    """In the order of the limits, the gate over all of them last."""
    found: dict[str, list[Gate]] = {}
    for part in parts:
        for gate in (gate for gate in part.gates if gate.kind != "budget"):
            found.setdefault(gate.metric, []).append(gate)
    order = [*(bound.metric for bound in case.bounds), ALL]
    return (_gate(case, found[metric]) for metric in dict.fromkeys(order) if metric in found)


def _gate(case: Case, found: Sequence[Gate]) -> Gate:
    cells = [cell for gate in found for cell in gate.cells]
    bound = bound_of(case, found[0])
    worst = max(cells, key=lambda cell: _badness(cell, bound))
    return found[0].model_copy(
        update={"cells": cells, "worst": worst, "verdict": verdict.gate(cell.verdict for cell in cells)}
    )


def _badness(cell: GateCell, bound: Bound | None) -> tuple[int, float]:
    excess = 0.0 if bound is None else Check(bound, "not_measured", cell.value).excess
    return SEVERITY.index(cell.verdict), excess
