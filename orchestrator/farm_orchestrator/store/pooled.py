"""The iterations of a finished run by cell, from the Parquet files that lie beside its report."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Phase
from farm_orchestrator.store.compaction import LAUNCHES, SAMPLES

if TYPE_CHECKING:
    from farm_orchestrator.store.samples import Nanoseconds

CellKey = tuple[str, str, str]


def pooled(folder: Path) -> dict[CellKey, Nanoseconds]:
    """Latencies in ns of all valid timed launches; nothing where the files are not there. Raises UsageError."""
    import pyarrow as pa

    if not all((folder / name).is_file() for name in (SAMPLES, LAUNCHES)):
        return {}
    try:
        return _pooled(folder)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise UsageError(
            f"{folder / SAMPLES}: this cannot be read as the iterations of a run: {error}",
            mend="take the file from the run's folder again, or leave it out: then nothing of it is drawn",
        ) from error


def _pooled(folder: Path) -> dict[CellKey, Nanoseconds]:
    import numpy as np
    import pyarrow.parquet as pq

    told = pq.read_table(folder / LAUNCHES, columns=["launch", "phase", "board", "variant", "point"]).to_pylist()
    cells = {
        row["launch"]: (row["board"], row["variant"], row["point"]) for row in told if row["phase"] == Phase.MEASURE
    }
    table = pq.read_table(folder / SAMPLES, columns=["launch", "latency_ns"], filters=[("valid", "==", True)])
    launches, latency_ns = (table[name].to_numpy() for name in ("launch", "latency_ns"))
    order = np.argsort(launches, kind="stable")
    names, starts = np.unique(launches[order], return_index=True)
    parts: dict[CellKey, list[Nanoseconds]] = defaultdict(list)
    for launch, part in zip(names.tolist(), np.split(latency_ns[order], starts[1:]), strict=False):
        if launch in cells:
            parts[cells[launch]].append(part)
    return {key: np.concatenate(each) for key, each in parts.items()}
