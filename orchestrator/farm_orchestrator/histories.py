"""The history of what a run measured: earlier runs of the same board, variant and point, from the store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.tabled import moment
from farm_reports.history import Earlier, History
from farm_reports.judge.figures import median_ms

if TYPE_CHECKING:
    from farm_orchestrator.store import CellRun, Store
    from farm_reports.results import Results


def histories(store: Store, results: Results, boards: Iterable[str]) -> list[History]:
    """Of one cell of each of these boards; of a run that is not complete nothing is told."""
    from farm_reports.judge import histories as judge

    if results.run.status != "complete":
        return []
    cells = judge.subjects(results, boards)
    keys = [cell.key for cell in cells]
    found = stored.cell_runs(store, keys, results.run.id)
    earlier = {key: [_earlier(each) for each in runs] for key, runs in found.items()}
    return judge.histories(results, cells, earlier)


def _earlier(one: CellRun) -> Earlier:
    return Earlier(
        run=one.run,
        created=moment(one.created),
        p50_ms=median_ms(one.p50_ns),
        launches=len(one.p50_ns),
        sha256=one.sha256,
        onnxruntime=one.onnxruntime,
        kernel=one.kernel,
        git=one.git,
    )
