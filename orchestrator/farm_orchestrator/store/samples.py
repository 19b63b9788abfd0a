"""The raw results of one launch as a Parquet file: every iteration of the slot, every reading beside it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import FileRef, Json
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.files import whole

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "farm.launch/1"
TEXTS = ("source", "unit", "error")  # of a reading
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
    name = f"launches/{launch}.{fence}.parquet"
    body = _launch_file(timed, readings)
    with explained(folder / name), whole(folder / name) as file:
        file.write(body)
    return FileRef(name, hashlib.sha256(body).hexdigest(), len(body))


def read_launch(path: Path) -> tuple[pa.Table, pa.Table]:
    """(samples: i, t_ns, latency_ns, start_delay_ns; readings: t_ns, source, value, unit, error). Raises StoreError."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with explained(path), pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
    except pa.ArrowInvalid as error:
        raise StoreError(f"{path} is no Parquet file ({error})", mend="Restore it from a copy.") from error
    check_format(table.schema, FORMAT, path)
    timed = pc.is_valid(table["i"])
    samples = table.filter(timed).select(["i", "t_ns", "latency_ns", "start_delay_ns"])
    return samples, table.filter(pc.invert(timed)).select(["t_ns", "source", "value", "unit", "error"])


def integers(column: pa.ChunkedArray) -> Nanoseconds:
    """A column without nulls. Its own `to_numpy` imports pandas, which takes longer than a small report."""
    chunks = [np.frombuffer(each.buffers()[1], np.int64, len(each), 8 * each.offset) for each in column.chunks]
    return np.concatenate([np.empty(0, np.int64), *chunks])


def starts_ns(timed: Timed) -> Nanoseconds:
    """When each iteration started: tight, as soon as the one before ended; paced, at its deadline plus its delay."""
    if timed.pace_hz is None or timed.start_delay_ns is None:
        return timed.t0_ns + np.cumsum(timed.latency_ns) - timed.latency_ns
    return np.fromiter(_paced(timed, 1e9 / timed.pace_hz, timed.start_delay_ns), np.int64, len(timed.latency_ns))


def parquet(file: Any, schema: pa.Schema, *, dictionary: bool | Sequence[str] = True) -> Any:
    """`dictionary`: the columns whose values come again and again."""
    import pyarrow.parquet as pq

    return pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=dictionary)


def stamped(schema: pa.Schema, name: str, more: Mapping[str, str] = MappingProxyType({})) -> pa.Schema:
    """The schema with the name and version of the file's format in its metadata, and what more is to be said there."""
    return schema.with_metadata({"format": name, **more})


def check_format(schema: pa.Schema, name: str, path: Path) -> None:
    found = (schema.metadata or {}).get(b"format", b"none").decode("utf-8", "replace")
    if found != name:
        raise StoreError(f"{path} has the format {found!r}, this farm reads {name!r}", mend="Update benchfarm.")


def _launch_file(timed: Timed, readings: Sequence[Json]) -> memoryview:
    """Made in memory: a slot is at most some MB, and its digest needs no second reading."""
    import pyarrow as pa

    made = pa.BufferOutputStream()
    with parquet(made, _schema(), dictionary=list(TEXTS)) as writer:
        writer.write_table(_samples(timed))
        if readings:
            writer.write_table(_readings(readings))
    return memoryview(made.getvalue())


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


@functools.cache
def _schema() -> pa.Schema:
    import pyarrow as pa

    whole_numbers = [(name, pa.int64()) for name in ("i", "t_ns", "latency_ns", "start_delay_ns")]
    reading = [("source", pa.string()), ("value", pa.float64()), ("unit", pa.string()), ("error", pa.string())]
    return stamped(pa.schema([*whole_numbers, *reading]), FORMAT)


def _table(columns: Mapping[str, pa.Array], n: int) -> pa.Table:
    """`n` rows; a column that is not given holds nothing."""
    import pyarrow as pa

    arrays = [columns[field.name] if field.name in columns else pa.nulls(n, field.type) for field in _schema()]
    return pa.Table.from_arrays(arrays, schema=_schema())


def _samples(timed: Timed) -> pa.Table:
    n = len(timed.latency_ns)
    told = {
        "i": np.arange(n, dtype=np.int64),
        "t_ns": starts_ns(timed),
        "latency_ns": timed.latency_ns,
        "start_delay_ns": timed.start_delay_ns,
    }
    return _table({name: _numbers(values) for name, values in told.items() if values is not None}, n)


def _readings(readings: Sequence[Json]) -> pa.Table:
    told = {name: [reading.get(name) for reading in readings] for name in ("t_ns", "value", *TEXTS)}
    columns = {
        "t_ns": _numbers(np.array(told["t_ns"], dtype=np.int64)),
        "value": _numbers(np.array([value or 0 for value in told["value"]], dtype=np.float64), _present(told["value"])),
        **{name: _texts(told[name]) for name in TEXTS},
    }
    return _table(columns, len(readings))


def _numbers(values: npt.NDArray[Any], present: Any = None) -> pa.Array:
    """Without `pa.array`, which imports pandas to ask it whether the values are its own: the first launch would wait."""
    import pyarrow as pa

    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [present, pa.py_buffer(np.ascontiguousarray(values))])


def _texts(values: Sequence[str | None]) -> pa.Array:
    import pyarrow as pa

    texts = [(value or "").encode() for value in values]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)), _present(values))


def _present(values: Sequence[object]) -> Any:
    """The bitmap of those that are not None."""
    import pyarrow as pa

    return pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
