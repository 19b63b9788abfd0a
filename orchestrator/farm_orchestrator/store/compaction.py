"""The raw results of a run in three Parquet files, from which every figure of its report can be computed again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm_orchestrator import digest
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import Json, Kind, LaunchRow, State
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.files import whole
from farm_orchestrator.store.samples import parquet, read_launch, stamped
from farm_reports.tables import figure_types

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES, READINGS, LAUNCHES = "samples.parquet", "readings.parquet", "launches.parquet"
FORMATS = {SAMPLES: "farm.samples/1", READINGS: "farm.readings/1", LAUNCHES: "farm.launches/1"}
STAMP = "made_from"  # in the metadata of each file
ROW_GROUP = 1 << 18
FACTS: dict[str, str] = {
    **dict.fromkeys(("import_ms", "load_ms", "first_ms", "second_ms", "warmup_ms", "cpu_per_wall"), "float64"),
    **dict.fromkeys(("golden_sqnr_db", "golden_max_abs"), "float64"),
    **dict.fromkeys(("slot_t0_ns", "slot_t1_ns", "cpu_ns", "wall_ns", "run_queue_ns", "missed", "threads"), "int64"),
    **dict.fromkeys(("nvcsw", "nivcsw", "minflt", "majflt", "page_size"), "int64"),
    **dict.fromkeys(("rss_import", "hwm_load", "rss_load", "hwm_run", "peak_memory"), "int64"),
    **dict.fromkeys(("rss_run", "pss", "uss", "swap_pss", "nvmap", "swap_in_pages", "swap_out_pages"), "int64"),
    **dict.fromkeys(("energy_uj", "energy_net_uj"), "int64"),
    **dict.fromkeys(("memory_limit", "cgroup_peak", "cgroup_oom_kills"), "int64"),
    **dict.fromkeys(("memory_limit_held", "capped", "output_finite", "golden_exact"), "bool"),
    **dict.fromkeys(("output_digest", "python", "numpy", "onnxruntime", "governor"), "string"),
}
TEXTS = ("board", "variant", "sha256", "point", "kind", "state", "reason", "outcome", "dropped", "boot_id", "file")
NUMBERS = ("launch", "phase", "block", "attempt", "position", "fence")
FIGURE_TYPES = {int: "int64", float: "float64"}


def compact(folder: Path, shares: Iterable[Sequence[LaunchRow]], into: Path | None = None, stamp: str = "") -> None:
    """Writes the three files of a run, and deletes launch files that no row vouches for. Raises StoreError.

    `shares`: the launches of one board after the other. `into`: where the files go if the run's folder itself must stay
    as it is. `stamp`: names what they were made from; see `compacted.holds`.
    """
    target = into or folder
    with explained(target):
        there = _launch_files(folder) if target == folder else []  # before the rows are read: none is newer than they
        kept = _write(folder, shares, target, stamp)
        for path in there:
            if path.name not in kept:
                path.unlink(missing_ok=True)


def schemas(stamp: str) -> dict[str, pa.Schema]:
    """Of the three files, by name, with what each says of itself."""
    bare = (_sample_schema(), _reading_schema(), _launch_schema())
    more = {STAMP: stamp}
    return {name: stamped(schema, FORMATS[name], more) for name, schema in zip(FORMATS, bare, strict=True)}


def reason(row: LaunchRow) -> str | None:
    """Why a launch has no result, in words; None where it has one."""
    if failure := row.facts.get("failure"):
        return f"{failure['stage']}: {failure['kind']}: {failure['detail']}"
    if lost := row.facts.get("lost"):
        return f"{lost['reason']}: {lost['detail']}"
    return row.outcome or row.dropped


def is_valid(row: LaunchRow) -> bool:
    return row.state == State.DONE and row.kind == Kind.MEASURE and row.dropped is None


def _launch_files(folder: Path) -> list[Path]:
    return list((folder / "launches").glob("*.parquet"))


def _write(folder: Path, shares: Iterable[Sequence[LaunchRow]], target: Path, stamp: str) -> set[str]:
    """The names of the launch files that stay: those of committed launches, and of one that may get its row any moment."""
    kept: set[str] = set()
    with ExitStack() as stack:
        put = [stack.enter_context(_writer(target / name, schema)) for name, schema in schemas(stamp).items()]
        for rows in shares:
            put[2](_launch_table(rows))
            for row, samples, readings in _files(folder, rows):
                put[0](_sample_table(row, samples))
                put[1](_reading_table(row, readings))
            for end in put:
                end(None)
            kept.update(row.file.rpartition("/")[2] for row in rows if row.file is not None)
            kept.update(f"{row.id}.{row.fence}.parquet" for row in rows if row.state == State.RUNNING)
    return kept


def _files(folder: Path, rows: Iterable[LaunchRow]) -> Iterator[tuple[LaunchRow, pa.Table, pa.Table]]:
    for row in rows:
        if row.file is not None:
            yield row, *read_launch(_vouched(folder / row.file, row))


def _vouched(path: Path, row: LaunchRow) -> Path:
    """The file of a committed launch, checked by its digest."""
    found = digest.afresh(path) if path.is_file() else "no file"
    if found != row.file_sha256:
        raise StoreError(
            f"{path} is not what launch {row.id} ({row.variant} on {row.board}) measured: "
            f"expected sha256 {row.file_sha256}, found {found}",
            mend="Restore the file from a copy of the run's folder; its launch cannot be reported without it.",
        )
    return path


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table | None], None]]:
    """Takes tables and gathers them to row groups of a useful size; None ends one: no row group is of two boards."""
    import pyarrow as pa

    with whole(path) as file, parquet(file, schema) as writer:
        waiting: list[pa.Table] = []
        rows = 0

        def put(table: pa.Table | None) -> None:
            nonlocal rows
            if table is not None:
                waiting.append(table)
                rows += len(table)
            if rows and (table is None or rows >= ROW_GROUP):
                writer.write_table(pa.concat_tables(waiting), row_group_size=ROW_GROUP)
                waiting.clear()
                rows = 0

        yield put


def _sample_schema() -> pa.Schema:
    import pyarrow as pa

    texts = {name: pa.string() for name in ("board", "variant", "point", "kind")}
    numbers = {name: pa.int64() for name in ("block", "launch", "attempt", "i", "t_ns", "latency_ns", "start_delay_ns")}
    types = {**texts, **numbers, "valid": pa.bool_()}
    order = "board variant point block launch attempt kind valid i t_ns latency_ns start_delay_ns"
    return pa.schema([(name, types[name]) for name in order.split()])


def _sample_table(row: LaunchRow, samples: pa.Table) -> pa.Table:
    same = {
        "board": row.board, "variant": row.variant, "point": row.point, "block": row.block, "launch": row.id,
        "attempt": row.attempt, "kind": row.kind, "valid": is_valid(row),
    }  # fmt: skip
    return _beside(same, samples, _sample_schema())


def _reading_schema() -> pa.Schema:
    import pyarrow as pa

    texts = [(name, pa.string()) for name in ("unit", "error")]
    head = [("board", pa.string()), ("launch", pa.int64()), ("t_ns", pa.int64()), ("source", pa.string())]
    return pa.schema([*head, ("value", pa.float64()), *texts])


def _reading_table(row: LaunchRow, readings: pa.Table) -> pa.Table:
    return _beside({"board": row.board, "launch": row.id}, readings, _reading_schema())


def _beside(same: Json, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table` with the columns of `same` repeated in every row, as `schema` wants it."""
    import pyarrow as pa

    n = len(table)
    columns = {name: pa.repeat(pa.scalar(value, schema.field(name).type), n) for name, value in same.items()}
    columns.update({name: table[name] for name in table.column_names})
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _launch_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            *((name, pa.string()) for name in TEXTS),
            *((name, pa.int64()) for name in NUMBERS),
            *((name, pa.float64()) for name in ("t0", "t1")),
            *((name, pa.type_for_alias(FIGURE_TYPES[kind])) for name, kind in figure_types().items()),
            *((name, pa.type_for_alias(kind)) for name, kind in FACTS.items()),
            ("facts", pa.string()),
            ("findings", pa.string()),
        ]
    )


def _launch_table(rows: Iterable[LaunchRow]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist([_launch_record(row) for row in rows], schema=_launch_schema())


def _launch_record(row: LaunchRow) -> dict[str, Any]:
    facts = {name: _typed(row.facts.get(name), kind) for name, kind in FACTS.items()}
    documents = {"facts": json.dumps(row.facts), "findings": json.dumps(row.findings)}
    return {**vars(row), "launch": row.id, "reason": reason(row), **facts, **documents}


def _typed(value: Any, kind: str) -> Any:
    """A fact of another type than its column is left to the column `facts`, which has them all."""
    fits = {"float64": (int, float), "int64": (int,), "bool": (bool,), "string": (str,)}[kind]
    return value if isinstance(value, fits) and isinstance(value, bool) == (kind == "bool") else None
