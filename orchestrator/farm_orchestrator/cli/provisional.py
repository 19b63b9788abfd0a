"""Figures of a run that is still going: medians so far, ratios without a verdict."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm_orchestrator.store import Median

INTERVAL_FROM = 6  # blocks: fewer have no 95 % interval, their range is shown
SIDE = 0.025
Cell = tuple[str, str, str]  # board, point, variant
Blocks = dict[int, int]  # block -> p50 in ns


@dataclass(frozen=True)
class Figure:
    """One cell so far. `ratio`, `low` and `high` are of variant / baseline; None for the baseline itself."""

    board: str
    variant: str
    point: str
    launches: int
    p50_ns: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def figures(medians: Sequence[Median], baseline: str | None) -> list[Figure]:
    """A figure for each cell with a launch, by board, point and p50."""
    cells: dict[Cell, Blocks] = {}
    for one in medians:
        cells.setdefault((one.board, one.point, one.variant), {})[one.block] = one.p50_ns
    found = [_figure(cell, blocks, _reference(cells, cell, baseline)) for cell, blocks in cells.items()]
    return sorted(found, key=lambda f: (f.board, f.point, f.p50_ns, f.variant))


def told_apart(figure: Figure, others: Sequence[Figure]) -> list[str]:
    """Of its point what differs on one board."""
    parts = figure.point.split("/")
    return [parts[index] for index in _differing(others) if index < len(parts)]


def _differing(figures: Sequence[Figure]) -> list[int]:
    """Which parts of a point's key have several values on some board."""
    seen: dict[tuple[str, int], set[str]] = {}
    for figure in figures:
        for index, part in enumerate(figure.point.split("/")):
            seen.setdefault((figure.board, index), set()).add(part)
    return sorted({index for (_, index), values in seen.items() if len(values) > 1})


def _reference(cells: dict[Cell, Blocks], cell: Cell, baseline: str | None) -> Blocks:
    """The baseline's blocks at the same board and point; none for the baseline itself."""
    board, point, variant = cell
    return {} if baseline in {None, variant} else cells.get((board, point, str(baseline)), {})


def _figure(cell: Cell, blocks: Blocks, reference: Blocks) -> Figure:
    board, point, variant = cell
    bare = Figure(board, variant, point, len(blocks), statistics.median(blocks.values()))
    shared = blocks.keys() & reference.keys()
    if not shared:
        return bare
    ratio, low, high = _ratio([math.log(blocks[block] / reference[block]) for block in sorted(shared)])
    return replace(bare, ratio=ratio, low=low, high=high)


def _ratio(logs: list[float]) -> tuple[float, float, float]:
    """The middle with the range of the blocks, or from six blocks on the estimate with its 95 % interval."""
    if len(logs) < INTERVAL_FROM:
        return math.exp(statistics.median(logs)), math.exp(min(logs)), math.exp(max(logs))
    import numpy as np

    from farm_reports.stats import signed_rank

    averages = signed_rank.walsh(np.array(logs))
    low, high = signed_rank.limits(averages, len(logs), SIDE)
    return math.exp(signed_rank.estimate(averages)), math.exp(low), math.exp(high)
