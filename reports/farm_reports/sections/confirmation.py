"""What is said of gates that the first blocks left open: which fresh blocks decided them, or why there were none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from farm_reports.bounds import CONFIRMED, UNCONFIRMED
from farm_reports.results import Results
from farm_reports.sections.words import counted, grouped, listed


def statements(results: Results) -> Iterator[str]:
    fresh = grouped(
        (counted(cell.versus_baseline.fresh, "fresh block"), f"{cell.variant} on {cell.board}")
        for cell in results.cells
        if cell.versus_baseline is not None and cell.versus_baseline.fresh is not None
    )
    for blocks, cells in fresh.items():
        yield (
            f"{listed(cells, 4)}: the first blocks left a gate open, so the comparison, its interval and its gate are "
            f"decided by {blocks} alone. Milliseconds and tails are those of the first ones."
        )
    for reason, cells in _open(results).items():
        yield f"{listed(cells, 4)}: a gate is left open, {reason}."


def _open(results: Results) -> Mapping[str, list[str]]:
    return grouped(
        (cell.reason, f"{cell.variant} on {cell.board}")
        for gate in results.gates
        if gate.metric == CONFIRMED
        for cell in gate.cells
        if cell.verdict == "inconclusive" and cell.reason and cell.reason.startswith(UNCONFIRMED)
    )
