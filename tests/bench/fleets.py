"""1, 10, 100, 500 virtual boards on one worker: what the farm adds to the time of a fleet, and what it costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.figures import exactly
from bench.rows import Row, at_most, measured
from engine_support import TINY, Farm, make_farm, tend, wait_for
from farm_inventory import load
from farm_lab import lab, places
from farm_lab.state import Options
from farm_orchestrator import store
from farm_orchestrator.doctor.amounts import counted
from farm_orchestrator.engine import EngineSettings
from farm_orchestrator.model import Json, State
from farm_orchestrator.transport import resolve

SIZES = (1, 10, 100, 500)
BLOCKS = {1: 4, 10: 4, 100: 4, 500: 2}
SLEEP_S = {1: 2.0, 10: 2.0, 100: 20.0, 500: 120.0}  # of a launch: two cores start so many runners meanwhile
MEMORY_MIB = 300
TESTS = Path(__file__).parents[1]
MEASURE = 3
LONG = replace(TINY, load_budget_s=600.0)  # of a machine that is so many boards
PATIENCE = 5  # times a board's own launches


@dataclass(frozen=True)
class Fleet:
    """A run on so many boards. `spans`: of each board, over what its launches took; `lost`: launches that were repeated."""

    boards: int
    launches: int
    spans: tuple[float, ...]
    lost: int
    spent: Json


def sizes(folder: Path, rounds: int) -> list[Row]:
    del rounds  # a fleet takes minutes
    return [row for count in SIZES for row in rows(measure(folder / str(count), count, SLEEP_S[count], BLOCKS[count]))]


def rows(fleet: Fleet) -> Sequence[Row]:
    of, spent = counted(fleet.boards, "board"), fleet.spent
    told = f"{fleet.launches} launches, {fleet.lost} of them lost and repeated"
    per = 1000 / fleet.launches
    return [
        measured(f"{of}: makespan / ideal", exactly(max(fleet.spans), told), "x", at_most(1.10),
                 versus="the slowest board's timed launches, from its journal"),
        measured(f"{of}: worker CPU per launch", exactly(spent["cpu_s"] * per), "ms"),
        measured(f"{of}: database time per launch", exactly(spent["database_s"] * per, f"{spent['statements']} statements"),
                 "ms"),
        measured(f"{of}: worker memory", exactly(spent["peak_mib"], f"{spent['threads']} threads, {spent['files']} files"),
                 "MiB", at_most(MEMORY_MIB)),
    ]  # fmt: skip


def measure(folder: Path, boards: int, sleep_s: float, blocks: int) -> Fleet:
    folder.mkdir(parents=True)
    with virtual(folder, boards, sleep_s) as meant:
        farm = as_shipped(make_farm(folder / "farm", boards=meant, blocks=blocks, recipe=LONG))
        with worker(farm, folder) as alive:
            wait_for(
                lambda: alive() and store.load_run(farm.store, farm.parts[0].run).state == "closed",
                "the run", tend(farm, None),
                within_s=PATIENCE * (2 * blocks + 3) * sleep_s,
            )  # fmt: skip
            spent = json.loads((folder / "spent.json").read_text())
        done = farm.rows(state=State.DONE)
        timed = {part.name: {f"{row.id}.{row.fence}" for row in done if (row.board, row.phase) == (part.name, MEASURE)}
                 for part in farm.parts}  # fmt: skip
        wait_for(
            lambda: all(_ends(farm.journal(name)) >= each for name, each in timed.items()), "the boards' last words"
        )
        spans = tuple(_span(farm.journal(name), each) for name, each in timed.items())
        lost = len(farm.rows(state=State.LOST))
        farm.store.close()
    return Fleet(boards, len(done), spans, lost, spent)


def as_shipped(farm: Farm) -> Farm:
    """With the leases of a real farm, not those of a test that waits for their ends."""
    shipped = EngineSettings
    settings = replace(farm.settings, lease_ttl_s=shipped.lease_ttl_s, lease_beat_s=shipped.lease_beat_s)
    return replace(farm, settings=settings)


@contextmanager
def virtual(folder: Path, count: int, sleep_s: float) -> Iterator[Sequence[Json]]:
    place = places.check(folder / "lab", proxy=False)
    try:
        lab.up(place, count, Options(sys.executable, load="synthetic", heartbeat=False))
        place.truth.write_text(json.dumps({"ms": {"base": 2.0, "other": 2.2}, "sleep_s": sleep_s}))
        yield [resolve(board.to_json()) for board in load(place.inventory, folder)]
    finally:
        lab.down(place)


@contextmanager
def worker(farm: Farm, folder: Path) -> Iterator[Callable[[], bool]]:
    """Gives whether it lives; a dead one ends the wait with its own last words."""

    def alive() -> bool:
        assert process.poll() is None, (folder / "worker.log").read_text()
        return True

    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.counted_worker", str(folder)],
            stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(TESTS)},
        )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(farm.settings.line())
    process.stdin.flush()
    try:
        yield alive
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def _ends(journal: list[Json]) -> set[str]:
    return {line["launch"] for line in journal if line["event"] == "end"}


def _span(journal: list[Json], wanted: set[str]) -> float:
    """From the first start to the last end, over what the launches took."""
    starts = {line["launch"]: line["t_ns"] for line in journal if line["event"] == "start"}
    ends = {line["launch"]: line["t_ns"] for line in journal if line["event"] == "end"}
    took = sum(ends[launch] - starts[launch] for launch in wanted)
    return float((max(ends[launch] for launch in wanted) - min(starts[launch] for launch in wanted)) / took)
