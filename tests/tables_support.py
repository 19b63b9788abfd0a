"""Tables of a run made up from log latencies, for the tests of the judgement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from farm_reports.results import Cell, Results
from farm_reports.tables import BoardRecord, CellRecord, Json, LaunchRecord, Tables, VariantRecord

POINT = "CPUExecutionProvider/default/big/1/stock/burst/tight"
NAMES = ("fp32", "int8", "struct50")
TIMES = {"fp32": 4e6, "int8": 1.7e6, "struct50": 1.3e6}
SIZES = {"fp32": 1_210_000, "int8": 330_000, "struct50": 400_000}
TOP1 = {"fp32": 0.99, "int8": 0.988, "struct50": 0.928}


def launch(
    number: int, board: str, name: str, block: int, p50_ns: float, *, point: str = POINT, **fields: Any
) -> LaunchRecord:
    facts = {
        "threads": 1, "cpu_ns": 490_000_000, "wall_ns": 500_000_000, "run_queue_ns": 0,
        "load_ms": 12.0, "first_ms": 5.0, "peak_memory": 60_000_000 + number,
    }  # fmt: skip
    given = {"state": "done", "attempt": 0, "n": 125, "phase": 3, "kind": "measure", **fields}
    given["facts"] = {**facts, **given.get("facts", {})}
    measured = given["state"] in {"done", "rejected"}
    return LaunchRecord(
        id=number, board=board, variant=name, point=point, block=block, position=0,
        p50_ns=round(p50_ns) if measured else None, **given,
    )  # fmt: skip


def launches(
    boards: Sequence[str] = ("rpi5",),
    names: Sequence[str] = NAMES,
    blocks: int = 8,
    time_ns: Callable[[str, str, int], float] | None = None,
    *,
    sd: float = 0.004,
    seed: int = 1,
    point: str = POINT,
) -> list[LaunchRecord]:
    """One valid launch of every variant in every block."""
    rng = np.random.default_rng(seed)
    times = time_ns or (lambda _, name, __: TIMES[name] * float(np.exp(rng.normal(0, sd))))
    spots = [(board, block, name) for board in boards for block in range(blocks) for name in names]
    return [
        launch(index + 1, board, name, block + 10, times(board, name, block), point=point)
        for index, (board, block, name) in enumerate(spots)
    ]


def score(name: str, baseline: str = "fp32", top1: Mapping[str, float] = TOP1) -> Json:
    found = {"metric": "top1", "value": top1[name], "low": top1[name] - 0.01, "high": min(1.0, top1[name] + 0.005)}
    if name != baseline:
        found["delta_pt"] = round((top1[name] - top1[baseline]) * 100, 9)
    return found


def tables(records: Sequence[LaunchRecord] | None = None, **changes: Any) -> Tables:
    """A complete run of fp32, int8 and struct50 on `boards`; every field can be given."""
    boards = changes.pop("boards", ("rpi5",))
    names = changes.pop("names", NAMES)
    points = changes.pop("points", (POINT,))
    given: dict[str, Any] = {
        "run": {"id": "20260101-000000-abcd", "created": "2026-01-01T00:00:00Z", "preset": "ci", "farm_version": "0"},
        "boards": tuple(board if isinstance(board, BoardRecord) else BoardRecord(board, {}) for board in boards),
        "variants": tuple(variant(name) for name in names),
        "launches": tuple(launches(boards, names) if records is None else records),
        "scores": {(_name(board), name): score(name) for board in boards for name in names if name in TOP1},
        "limits": {},
        "ship": (),
        "lines": {},
        "baseline": names[0],
        "compare": True,
        "planned": 8,
        "max_blocks": 8,
        "min_boards": len(boards),
        "partial": False,
        "seed": 1,
    }
    given["cells"] = tuple(
        CellRecord(_name(board), name, point) for board in boards for point in points for name in names
    )
    return Tables(**{**given, **changes})


def variant(name: str, **fields: Any) -> VariantRecord:
    return VariantRecord(
        **{
            "name": name, "file": f"{name}.onnx", "sha256": f"{name:0>64}"[:64], "bytes": SIZES.get(name, 500_000),
            "opset": 17, **fields,
        }
    )  # fmt: skip


def _name(board: str | BoardRecord) -> str:
    return board.name if isinstance(board, BoardRecord) else board


def cell(results: Results, name: str, board: str = "rpi5", point: str = POINT) -> Cell:
    return next(c for c in results.cells if (c.board, c.variant, c.point_key) == (board, name, point))


def word(results: Results, name: str = "int8") -> str:
    versus = cell(results, name).versus_baseline
    assert versus is not None
    return versus.verdict
