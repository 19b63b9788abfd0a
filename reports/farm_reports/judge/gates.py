"""The gates of a run: each shipped variant inside each limit, and some variant inside all of them on each board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farm_reports import points, verdict
from farm_reports.bounds import UNCHANGED, Bound
from farm_reports.findings import Name
from farm_reports.judge.case import Case
from farm_reports.judge.conditions import unsteady
from farm_reports.judge.confirmed import deciding, said
from farm_reports.judge.limits import Check, checks
from farm_reports.judge.state import own_fault
from farm_reports.results import Cell, Gate, GateCell, GateWord

WORDS: Mapping[str, GateWord] = {
    "yes": "passed",
    "no": "failed",
    "undecided": "inconclusive",
    "not_measured": "not_measured",
}
SEVERITY: Sequence[GateWord] = ("passed", "inconclusive", "not_measured", "failed")
ALL = "all limits"


def gates(case: Case, cells: Sequence[Cell]) -> list[Gate]:
    """One gate a limit where something is meant to ship; one for some variant on each board where there are limits."""
    limits = [_limit(case, cells, index) for index in range(len(case.bounds))] if case.tables.ship else []
    found = [*limits, *([_some_fit(case, cells)] if case.bounds else [])]
    return [gate for gate in found if gate.cells]


def _limit(case: Case, cells: Sequence[Cell], index: int) -> Gate:
    bound = case.bounds[index]
    judged = [(cell, _check(case, cell, index)) for cell in cells if case.ships(cell.variant) and not _kept(cell)]
    known = points.of(cells)
    found = [points.placed(_gate_cell(case, cell, check), cell, known) for cell, check in judged]
    worst = max(zip(found, judged, strict=True), key=lambda pair: _badness(pair[0], pair[1][1]), default=None)
    return Gate(
        kind="limit",
        metric=bound.metric,
        bound=bound.text,
        verdict=verdict.gate(cell.verdict for cell in found),
        worst=worst[0] if worst else None,
        cells=found,
        line=case.tables.lines.get(bound.metric),
    )


def _check(case: Case, cell: Cell, index: int) -> Check:
    return checks(case, case.evidence[cell.key], cell)[index]


def _gate_cell(case: Case, cell: Cell, check: Check) -> GateCell:
    fault = own_fault(case, case.evidence[cell.key]) if check.verdict == "not_measured" else None
    moving = _moving(case, cell, check)
    again = _again(case, cell, check) if moving is None else None
    return GateCell(
        board=cell.board,
        variant=cell.variant,
        value=check.value,
        low=check.low,
        high=check.high,
        verdict="failed" if fault is not None else "inconclusive" if moving is not None else WORDS[check.verdict],
        reason=fault or moving or check.reason or again,
    )


def _moving(case: Case, cell: Cell, check: Check) -> str | None:
    """What is said of a latency that most launches never saw settle: where a board is known, it decides nothing."""
    board = case.boards.get(cell.board)
    known = board is not None and board.calibration.floor is not None
    if not known or check.verdict not in {"yes", "no"} or not check.bound.metric.startswith("latency"):
        return None
    evidence = case.evidence[cell.key]
    if check.bound.confirmed and deciding(case, evidence) is evidence.fresh:
        return next(unsteady(evidence.fresh.used), None)
    return next((finding.text for finding in cell.findings if finding.name == Name.NOT_STEADY), None)


def _again(case: Case, cell: Cell, check: Check) -> str | None:
    """What became of a gate that the first blocks left open."""
    if not check.bound.confirmed or check.value is None or cell.variant == case.baseline:
        return None
    return said(case, case.evidence[cell.key], undecided=check.verdict == "undecided")


def _badness(cell: GateCell, check: Check) -> tuple[int, float]:
    return SEVERITY.index(cell.verdict), check.excess


def _some_fit(case: Case, cells: Sequence[Cell]) -> Gate:
    boards = dict.fromkeys([*case.boards, *(cell.board for cell in cells)])
    here = {board: [cell for cell in cells if cell.board == board] for board in boards}
    told = ((_board_fits(case, board, found), any(map(_kept, found))) for board, found in here.items())
    found = [cell for cell, kept in told if cell.verdict == "passed" or not kept]
    return Gate(
        kind="some_fit",
        metric=ALL,
        bound=ALL,
        verdict=verdict.gate(cell.verdict for cell in found),
        worst=max(found, key=lambda cell: SEVERITY.index(cell.verdict), default=None),
        cells=found,
    )


def _kept(cell: Cell) -> bool:
    """Whether nobody asked for it again: it is what it was."""
    return (cell.reason or "").startswith(UNCHANGED)


def _board_fits(case: Case, board: str, cells: Sequence[Cell]) -> GateCell:
    fitting = next((cell.variant for cell in cells if cell.fit.verdict == "yes"), None)
    words: list[GateWord] = ["passed" if fitting else _misfit(case, cell) for cell in cells]
    record = case.boards.get(board)
    missing = next((cell.reason for cell in cells if cell.reason), record.reason if record else None)
    word = _some(words)
    return GateCell(
        board=board, variant=fitting, value=None, verdict=word, reason=missing if word == "not_measured" else None
    )


def _misfit(case: Case, cell: Cell) -> GateWord:
    """What a cell that does not fit leaves open: a variant that cannot run fits as little as one outside a limit."""
    if own_fault(case, case.evidence[cell.key]) is not None:
        return "failed"
    if cell.state == "screened_out" and cell.fit.verdict != "no":
        return "inconclusive"  # it left for a faster one that seemed to fit
    return WORDS[cell.fit.verdict]


def _some(words: Sequence[GateWord]) -> GateWord:
    """One that fits is enough; it takes all to fail."""
    order: Sequence[GateWord] = ("passed", "not_measured", "inconclusive", "failed")
    return next((word for word in order if word in words), "not_measured")


def bound_of(case: Case, gate: Gate) -> Bound | None:
    """The limit behind a gate; None for the gate over all of them."""
    return next((bound for bound in case.bounds if gate.kind == "limit" and bound.metric == gate.metric), None)
