"""The time it takes to render a page from results that are at hand."""

from __future__ import annotations

import time
from pathlib import Path

from bench.figures import middle
from bench.rows import Row, at_most, measured
from farm_reports import page
from reports_support import Made, grid

SIZES = ((8, 12), (100, 50))


def two_sizes(folder: Path, rounds: int) -> list[Row]:
    del folder
    return [_row(boards, variants, rounds) for boards, variants in SIZES]


def _row(boards: int, variants: int, rounds: int) -> Row:
    made = grid(boards, variants)
    times = [_rendered_s(made) for _ in range(rounds)]
    return measured(f"page of {boards} boards x {variants} variants rendered", middle(times, "s"), "s", at_most(2))


def _rendered_s(made: Made) -> float:
    begin = time.monotonic()
    page.render(made.results, made.samples)
    return time.monotonic() - begin
