"""Runs of any size in a real store, with the files that their launches would have left: seeded, without a board."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from farm_orchestrator import store
from farm_orchestrator.model import FLOOR, PRESETS, Feeds, FileRef, Part, Phase, Point, Slot, Variant
from farm_orchestrator.store import CellRow, NewRun, Store, Timed
from farm_orchestrator.store import samples as launch_files
from farm_reports.stats.launch import summarise

RUN = "20260101-000000-aaaa"
CREATED = 1_767_225_600.0
MODELS = ("Raspberry Pi 5", "Raspberry Pi 4", "Jetson Orin Nano", "ROCK 5B", "VIM4")
UNREAD = (
    "temp_mc_launch", "nvmap_import", "idle_before_ns", "idle_after_ns", "governor", "governor_start", "governor_end",
    "freq_khz_start", "freq_khz_end", "freq_min_khz_start", "freq_min_khz_end", "freq_max_khz_start",
    "freq_max_khz_end", "temp_mc_start", "temp_mc_end", "throttled_bits_start", "throttled_bits_end",
    "devfreq_hz_start", "devfreq_hz_end", "cooling_state_max", "eff_khz", "freq_transitions", "cgroup_peak",
    "cgroup_oom_kills", "time_in_state", "meter", "energy_uj", "energy_net_uj", "energy",
)  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """How large a run is. `iterations`: of a slot; `limits`: metric to bound, judged for the variants in `ship`."""

    boards: int = 3
    variants: int = 4
    blocks: int = 8
    iterations: int = 300
    seed: int = 1
    limits: tuple[tuple[str, str], ...] = ()
    ship: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return ("fp32", *(f"int8-v{index:02d}" for index in range(1, self.variants)))


@dataclass(frozen=True)
class Farm:
    """A store and a folder of runs with one run inside; `cas` is empty."""

    state: Store
    runs: Path
    run: str = RUN

    @property
    def folder(self) -> Path:
        return self.runs / self.run

    @property
    def cas(self) -> Path:
        return self.runs.parent / "cas"


def filled(state: Store, place: Path, scale: Scale) -> Farm:
    """The run as it is when the last launch of every board is committed."""
    parts = [_part(f"node-{index:03d}", scale) for index in range(scale.boards)]
    cells = [CellRow(p.name, v.name, p.points[0].key, v.sha256) for p in parts for v in p.variants]
    recipe = parts[0].recipe
    new = NewRun(RUN, "a name", recipe, scale.seed, CREATED, _facts(scale))
    store.insert_run(state, new, parts, cells, [slot for part in parts for slot in _slots(part, scale)])
    for index, part in enumerate(parts):
        store.note_hello(state, RUN, part.name, _hello(index))
    farm = Farm(state, place / "runs")
    _measure(farm, scale)
    _close(state)
    return farm


def _part(name: str, scale: Scale) -> Part:
    return Part(
        run=RUN, board={"name": name}, points=(Point(threads=4),), variants=tuple(map(_variant, scale.names)),
        recipe=PRESETS["quick"], seed=scale.seed, baseline=scale.names[0], agent=FileRef("agent.pyz", "0" * 64, 1),
        floor=_variant(FLOOR), planned_blocks=scale.blocks, max_blocks=scale.blocks,
    )  # fmt: skip


def _variant(name: str) -> Variant:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Variant(name, digest, (FileRef(f"{name}.onnx", digest, 330_000),), 17, Feeds("0" * 64, 1, {"x": "x"}))


def _slots(part: Part, scale: Scale) -> Iterator[Slot]:
    """The floor, then blocks of one launch of every variant, each in an order of its own."""
    point = part.points[0].key
    yield Slot(part.name, Phase.CHECK, 0, 0, 0, FLOOR, part.floor.sha256, point, "measure")
    rng = np.random.default_rng(scale.seed)
    for block in range(1, scale.blocks + 1):
        for position, index in enumerate(rng.permutation(scale.variants)):
            each = part.variants[index]
            yield Slot(part.name, Phase.MEASURE, block, 0, position, each.name, each.sha256, point, "measure")


def _facts(scale: Scale) -> dict[str, Any]:
    limits = {"limits": dict(scale.limits), "ship": list(scale.ship), "lines": {}}
    return {
        "git": None, "farm_version": "0.1.0", "limits": limits, "files": {}, "labels": None, "refused": [],
        "min_boards": scale.boards, "on_inconclusive": "warn", "unswept": {},
    }  # fmt: skip


def _hello(index: int) -> dict[str, Any]:
    return {
        "model": MODELS[index % len(MODELS)], "arch": "aarch64", "kernel": f"6.6.{31 + index % 3}",
        "python": "3.11.2", "onnxruntime": "1.22.0", "agent": "a1" * 32,
        "capabilities": {"power": {"ok": False, "reason": "no power sensor"}},
    }  # fmt: skip


def _measure(farm: Farm, scale: Scale) -> None:
    """What a lane commits, without its transactions: a launch costs its file and one row."""
    rng = np.random.default_rng(scale.seed)
    (farm.folder / "launches").mkdir(mode=0o700, parents=True)
    with closing(sqlite3.connect(farm.state.place)) as connection:
        query = "SELECT id, board, variant, phase, block FROM launch ORDER BY id"
        found = connection.execute(query).fetchall()
        connection.executemany(_UPDATE, (_committed(farm, scale, rng, row) for row in found))
        connection.commit()


_UPDATE = (
    "UPDATE launch SET state = 'done', fence = 1, t0 = ?, t1 = ?, boot_id = 'boot', file = ?, file_sha256 = ?, "
    "facts = ?, findings = '[]', n = ?, n_eff = ?, p50_ns = ?, p90_ns = ?, p95_ns = ?, p99_ns = ?, mean_ns = ?, "
    "min_ns = ?, max_ns = ? WHERE id = ?"
)


def _committed(farm: Farm, scale: Scale, rng: np.random.Generator, row: Sequence[Any]) -> tuple[Any, ...]:
    number, board, variant, _, block = row
    timed = Timed(number * 10**9, _latencies(rng, scale, board, variant))
    told = _facts_of(rng, number, timed)
    body = launch_files._launch_file(timed, _readings(number))  # a slot is made in memory; nobody needs fsync here
    name = f"launches/{number}.1.parquet"
    (farm.folder / name).write_bytes(body)
    summary = summarise(timed.latency_ns)
    at = CREATED + block * 100.0
    return (at, at + 1, name, hashlib.sha256(body).hexdigest(), json.dumps(told), *astuple(summary), number)


def _latencies(rng: np.random.Generator, scale: Scale, board: str, variant: str) -> npt.NDArray[np.int64]:
    base_ns = 2e4 if variant == FLOOR else 1e6 * (4 + int(board[-3:]) % 7)
    ratio = 1.0 if variant not in scale.names else 1.0 - 0.6 * scale.names.index(variant) / len(scale.names)
    launch = np.exp(rng.normal(0, 0.004))
    slow = (rng.random(scale.iterations) < 0.04) * rng.exponential(0.12, scale.iterations)
    return np.asarray(base_ns * ratio * launch * np.exp(rng.normal(0, 0.018, scale.iterations) + slow), dtype=np.int64)


def _facts_of(rng: np.random.Generator, number: int, timed: Timed) -> dict[str, Any]:
    """About five kilobytes, as an agent sends them."""
    wall_ns = int(timed.latency_ns.sum())
    return {
        "cpus": [0, 1, 2, 3], "threads": 4, "load_ms": 11.0 + float(rng.normal(0, 0.2)), "first_ms": 5.1,
        "second_ms": 4.2, "cpu_ns": 4 * wall_ns, "wall_ns": wall_ns, "run_queue_ns": 0, "steady": True,
        "peak_memory": 60_000_000 + number % 4096, "hwm_run": 60_000_000, "rss_run": 59_000_000,
        "canary_clock_before_ns": 12130, "canary_clock_after_ns": 12196, "canary_memory_before_ns": 1_896_792,
        "canary_memory_after_ns": 1_896_900, "python": "3.11.2", "numpy": "2.0.1", "onnxruntime": "1.22.0",
        "n": timed.latency_ns.size, "nivcsw": 3, "minflt": 0, "majflt": 0, "page_size": 4096,
        "output_digest": "b9" * 32, "output_finite": True, "golden_exact": True,
        "operators": {"CPUExecutionProvider": 17}, "throttle": {"verdict": "unknown", "evidence": [], "before": None},
        "sampler": {"mode": "edge_only", "missing": dict.fromkeys(UNREAD[:8], "no file of this board tells it")},
        **dict.fromkeys(UNREAD),
        **{f"{name}_reason": f"nothing on this board tells {name}, neither a file nor a device" for name in UNREAD},
    }  # fmt: skip


def _readings(number: int) -> list[dict[str, Any]]:
    return [
        {"t_ns": number * 10**9 + k, "source": source, "value": 31.0 + k, "unit": "us", "error": None}
        for k in range(4)
        for source in ("psi.cpu", "psi.io", "psi.memory")
    ]


def _close(state: Store) -> None:
    with closing(sqlite3.connect(state.place)) as connection:
        connection.execute("UPDATE run SET state = 'closed', finished = ?", (CREATED + 10_000,))
        connection.commit()
