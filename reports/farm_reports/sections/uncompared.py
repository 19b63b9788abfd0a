"""The comparisons with the past that could not be made, by their reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from farm_reports import figures
from farm_reports.past import Past
from farm_reports.results import GateCell
from farm_reports.sections.view import View
from farm_reports.sections.words import grouped, listed

NAMED = 4
LATENCY = "latency_p50"


def uncompared(view: View, past: Past) -> Iterator[tuple[str, str]]:
    """(who, why): cells of this run, those that only the earlier one has, and metrics without a figure."""
    here = (
        (cell.versus_past.reason or "no reason given", cell.variant, cell.board)
        for cell in view.results.cells
        if cell.versus_past is not None and cell.versus_past.ratio is None
    )
    there = ((one.reason, one.variant, one.board) for one in past.gone)
    metrics = (
        (cell.reason or "no reason given", f"{figures.METRICS[gate.metric].lower()} of {cell.variant} on {cell.board}")
        for gate in view.results.gates
        if gate.kind == "budget" and gate.metric != LATENCY
        for cell in gate.cells
        if cell.value is None and not _told(view, cell)
    )
    for reason, who in grouped([*_cells(view, [*here, *there]), *metrics]).items():
        yield listed(who, NAMED), reason


def _cells(view: View, found: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """(reason, who) of (reason, variant, board); a variant that all boards of the run miss is named once."""
    boards = {board.name for board in view.results.boards}
    where: dict[tuple[str, str], list[str]] = {}
    for reason, variant, board in found:
        where.setdefault((reason, variant), []).append(board)
    for (reason, variant), at in where.items():
        every = len(boards) > 1 and set(at) == boards
        yield from ((reason, f"{variant} on {each}") for each in (["every board"] if every else at))


def _told(view: View, cell: GateCell) -> bool:
    """Whether the cell as a whole could not be compared, which is said once."""
    known = (one for one in view.results.cells if (one.board, one.variant) == (cell.board, cell.variant))
    return any(one.versus_past is not None and one.versus_past.ratio is None for one in known)
