"""The three files of a run read again: whether they are of these launches, and the iterations of one board."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from farm_orchestrator.errors import StoreError
from farm_orchestrator.store.compaction import SAMPLES, schemas
from farm_orchestrator.store.samples import integers

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from farm_orchestrator.store.samples import Nanoseconds


def holds(folder: Path, stamp: str) -> bool:
    """Whether the three files are there as they would be written now, made from what the stamp names."""
    return all(_is(folder / name, schema) for name, schema in schemas(stamp).items())


def board_samples(folder: Path, board: str, launches: Collection[int]) -> dict[int, Nanoseconds]:
    """Latencies in ns of these launches of a board, by launch; only the row groups of the board are read.

    Raises StoreError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / SAMPLES
    try:
        with pq.ParquetFile(path) as file:
            table = file.read_row_groups(_groups(file, board), columns=["launch", "latency_ns"])
    except (OSError, pa.ArrowException) as error:
        mend = f"Delete it: `farm report {folder.name}` makes it again from the files of the launches."
        raise StoreError(f"{path} is damaged: {error}", mend=mend) from error
    ids, latency_ns = (integers(table[name]) for name in ("launch", "latency_ns"))
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    found = zip(ids[starts].tolist(), np.split(latency_ns, starts[1:]), strict=True) if ids.size else ()
    return {launch: values for launch, values in found if launch in launches}


def _groups(file: pq.ParquetFile, board: str) -> list[int]:
    """No row group is of two boards, and each knows its first and its last."""
    told = (file.metadata.row_group(group).column(0).statistics for group in range(file.num_row_groups))
    return [group for group, one in enumerate(told) if one is not None and one.min == board]


def _is(path: Path, schema: pa.Schema) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return bool(pq.read_schema(path).equals(schema, check_metadata=True))
    except (OSError, pa.ArrowException):
        return False
