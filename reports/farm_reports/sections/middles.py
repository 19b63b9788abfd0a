"""The board in the middle of those of one model, variant by variant: it stands for them where they are one row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from farm_reports.results import Cell
from farm_reports.sections.view import Row, View, shows

LEAST = 2  # boards that have a middle


def middles(view: View, rows: Sequence[Row]) -> tuple[int | None, ...]:
    """By variant the place of the row whose cell is the median of these rows (of an even number the faster one)."""
    if len(rows) < LEAST:
        return ()
    return tuple(_middle(view, rows, variant.name) for variant in view.variants)


def _middle(view: View, rows: Sequence[Row], variant: str) -> int | None:
    cells = [view.cells.get((row.board.name, variant, row.point_key)) for row in rows]
    known = [place for place, cell in enumerate(cells) if cell is not None and shows(cell)]
    known.sort(key=lambda place: _level(cells[place]))
    return known[(len(known) - 1) // 2] if known else None


def _level(cell: Cell | None) -> float:
    """The ratio to the baseline, or the time where nothing was compared."""
    if cell is None:
        return math.inf
    ratio = cell.versus_baseline.ratio if cell.versus_baseline else None
    return ratio or cell.latency_ms.p50.value or math.inf
