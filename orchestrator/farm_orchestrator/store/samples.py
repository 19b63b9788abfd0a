"""The raw results of one launch as a Parquet file: every iteration of the slot, every reading beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import FileRef, Json
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.files import file_ref, whole

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "farm.launch/1"
Nanoseconds = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Timed:
    """The iterations of one slot: its start on the board's monotonic clock, how long each took, all in ns.

    Paced launches (`pace_hz`) carry how late each iteration started.
    """

    t0_ns: int
    latency_ns: Nanoseconds
    start_delay_ns: Nanoseconds | None = None
    pace_hz: float | None = None


def write_launch(folder: Path, launch: int, fence: int, timed: Timed, readings: Sequence[Json]) -> FileRef:
    """Writes `launches/<launch>.<fence>.parquet` in the run's folder; on disk when it returns. Raises StoreError."""
    import pyarrow as pa

    name = f"launches/{launch}.{fence}.parquet"
    schema = _schema()
    with explained(folder / name):
        with whole(folder / name) as file, parquet(file, schema) as writer:
            writer.write_table(pa.table(_sample_columns(timed), schema=schema))
            if readings:
                writer.write_table(pa.table(_reading_columns(readings), schema=schema))
        return file_ref(folder, name)


def read_launch(path: Path) -> tuple[pa.Table, pa.Table]:
    """(samples: i, t_ns, latency_ns, start_delay_ns; readings: t_ns, source, value, unit, error). Raises StoreError."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with explained(path):
            table = pq.read_table(path, partitioning=None)
    except pa.ArrowInvalid as error:
        raise StoreError(f"{path} is no Parquet file ({error})", mend="Restore it from a copy.") from error
    check_format(table.schema, FORMAT, path)
    timed = pc.is_valid(table["i"])
    samples = table.filter(timed).select(["i", "t_ns", "latency_ns", "start_delay_ns"])
    return samples, table.filter(pc.invert(timed)).select(["t_ns", "source", "value", "unit", "error"])


def starts_ns(timed: Timed) -> Nanoseconds:
    """When each iteration started: tight, as soon as the one before ended; paced, at its deadline plus its delay."""
    if timed.pace_hz is None or timed.start_delay_ns is None:
        return timed.t0_ns + np.cumsum(timed.latency_ns) - timed.latency_ns
    return np.fromiter(_paced(timed, 1e9 / timed.pace_hz, timed.start_delay_ns), np.int64, len(timed.latency_ns))


def parquet(file: Any, schema: pa.Schema) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(file, schema, compression="zstd")


def stamped(schema: pa.Schema, name: str) -> pa.Schema:
    """The schema with the name and version of the file's format in its metadata."""
    return schema.with_metadata({"format": name})


def check_format(schema: pa.Schema, name: str, path: Path) -> None:
    found = (schema.metadata or {}).get(b"format", b"none").decode("utf-8", "replace")
    if found != name:
        raise StoreError(f"{path} has the format {found!r}, this farm reads {name!r}", mend="Update benchfarm.")


def _paced(timed: Timed, period_ns: float, delays: Nanoseconds) -> Iterator[int]:
    """As the agent paces: a deadline that was missed is left out, the next one ahead is waited for."""
    tick = 0
    for delay, latency in zip(delays.tolist(), timed.latency_ns.tolist(), strict=True):
        start = int(tick * period_ns) + delay
        yield timed.t0_ns + start
        end = start + latency
        tick += 1
        if end > int(tick * period_ns):
            tick = int(-(-end // period_ns))


def _schema() -> pa.Schema:
    import pyarrow as pa

    whole_numbers = [(name, pa.int64()) for name in ("i", "t_ns", "latency_ns", "start_delay_ns")]
    reading = [("source", pa.string()), ("value", pa.float64()), ("unit", pa.string()), ("error", pa.string())]
    return stamped(pa.schema([*whole_numbers, *reading]), FORMAT)


def _sample_columns(timed: Timed) -> dict[str, Any]:
    n = len(timed.latency_ns)
    nothing = [None] * n
    return {
        "i": np.arange(n, dtype=np.int64),
        "t_ns": starts_ns(timed),
        "latency_ns": timed.latency_ns,
        "start_delay_ns": nothing if timed.start_delay_ns is None else timed.start_delay_ns,
        **dict.fromkeys(("source", "value", "unit", "error"), nothing),
    }


def _reading_columns(readings: Sequence[Json]) -> dict[str, Any]:
    nothing = [None] * len(readings)
    told = {name: [r.get(name) for r in readings] for name in ("t_ns", "source", "value", "unit", "error")}
    return {**dict.fromkeys(("i", "latency_ns", "start_delay_ns"), nothing), **told}
