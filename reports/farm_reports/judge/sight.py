"""The smallest change that each board could see, beside what was promised before the start."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from farm_reports.judge.case import Case
from farm_reports.judge.confirmed import ratios
from farm_reports.judge.evidence import Floats, Key
from farm_reports.results import Cell, Sight
from farm_reports.stats.compare import held, interval
from farm_reports.stats.power import seen
from farm_reports.tables import Promise

FEWEST = 2  # pairs that have a spread


def sights(case: Case, cells: Iterable[Cell]) -> dict[str, Sight]:
    """By board, for those on which something was to be compared."""
    had: dict[str, dict[Key, float]] = defaultdict(dict)
    for cell in cells:
        if _called(cell):
            key = cell.key
            had[cell.board][key] = _had(case, key)
    promises = {name: board.promise for name, board in case.boards.items()}
    return {
        name: _sight(case, promise, had[name])
        for name, promise in promises.items()
        if promise.effect is not None or had[name]
    }


def smallest(found: Iterable[float | None]) -> float | None:
    """What all of them see: the largest of those that are known."""
    return max((each for each in found if each is not None), default=None)


def _called(cell: Cell) -> bool:
    versus = cell.versus_baseline
    return versus is not None and versus.verdict != "invalid" and not versus.provisional


def _sight(case: Case, promise: Promise, had: Mapping[Key, float]) -> Sight:
    bare = Sight(promised=promise.effect, expected_sd=promise.launch_sd, own=promise.own, planned=case.tables.planned)
    if not had:
        return bare
    key = max(had, key=lambda each: had[each])
    found = ratios(case, case.evidence[key])
    worst = {"had": had[key], "variant": key[1], "point_key": key[2], "blocks": found.size}
    return bare.model_copy(update={**worst, "launch_sd": _launch_sd(found)})


def _had(case: Case, key: Key) -> float:
    found, floor = ratios(case, case.evidence[key]), case.bias_floor(key[0])
    return seen(interval(found).error, case.level(key[1], "latency_p50"), float(held(found, floor)))


def _launch_sd(differences: Floats) -> float | None:
    """From launch to launch: two of them make a pair."""
    return float(differences.std(ddof=1)) / math.sqrt(2) if differences.size >= FEWEST else None
