"""Several runs on one fleet: how soon a cancelled one frees its boards, and how well its finish is told."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench.desks import leave, new_desk
from bench.figures import exactly, worst
from bench.lanes import lab
from bench.rows import Row, at_least, at_most, measured
from farm_orchestrator import store as stored
from farm_orchestrator.store import Store
from finish_support import Course, Guess, courses
from postgres_support import PrivatePostgres
from redis_support import PrivateRedis
from run_support import DIGITS, Desk, heard, wait_for

BOARDS = 3
LAB = ("--inventory", ".farm/lab/inventory.yaml")
PAIR = (DIGITS / "fp32.onnx", DIGITS / "distilled.onnx")
RUN = ("run", *PAIR, "--preset", "quick", "--max-blocks", "8", *LAB, "-q")
LONG_S = 20.0  # of a launch that is cancelled
PATIENCE_S = 120.0
SEEDS = range(8)
WITHIN = 0.2
LOOK_S = 0.5


def cancelled(folder: Path, rounds: int) -> list[Row]:
    how = f"{BOARDS} virtual boards in the middle of a launch, to the last one whose lease is given back; the slowest counts"
    embedded = [_embedded_s(folder / f"embedded{number}") for number in range(rounds)]
    shared = list(_shared_s(folder / "shared", rounds))
    return [
        measured(f"`farm runs cancel` to boards free, {mode}", worst(times, "s"), "s", at_most(2), versus=how)
        for mode, times in (("embedded", embedded), ("shared", shared))
    ]


def finish(folder: Path, rounds: int) -> list[Row]:
    """By simulation, and by real runs on virtual boards."""
    del rounds
    found = courses(SEEDS, new_desk(folder / "simulated").folder)
    near = sum(course.error <= WITHIN for course in found) / len(found)
    real = _real(new_desk(folder / "real"))
    return [
        measured("finish told at half time, simulated fleets, within 20 % of the run", exactly(100 * near, _spread(found)),
                 "%", at_least(80), versus=f"{len(found)} runs of {len(SEEDS)} seeds, in parallel, with priorities"),
        measured("finish told at half time, two runs on virtual boards, error", exactly(100 * max(real)), "%", at_most(20),
                 versus="of the whole run; of both runs the worse"),
    ]  # fmt: skip


def _spread(found: Sequence[Course]) -> str:
    of_run, of_rest = ([100 * getattr(each, name) for each in found] for name in ("error", "error_of_rest"))
    return (
        f"off by {np.median(of_run):.1f} % of the run in the middle, 90 % of them by {np.percentile(of_run, 90):.0f} % "
        f"at most; of what was left {np.median(of_rest):.0f} % and {np.percentile(of_rest, 90):.0f} %"
    )


def _embedded_s(folder: Path) -> float:
    desk = new_desk(folder)
    with lab(desk, BOARDS, sleep_s=LONG_S):
        command = desk.start(*RUN)
        try:
            with Store.open(_database(desk)) as store:
                return _freed_s(store)
        finally:
            heard(command)


def _shared_s(folder: Path, rounds: int) -> Iterator[float]:
    with PrivatePostgres() as postgres, PrivateRedis() as redis:
        url = postgres.create("fleet")
        desk = Desk(new_desk(folder).folder, (("FARM_STORE", url), ("FARM_BROKER", redis.url)))
        upgraded = desk.farm("store", "upgrade")
        if upgraded.code != 0:
            raise RuntimeError(upgraded.err[-500:])
        with lab(desk, BOARDS, sleep_s=LONG_S), Store.open(url) as store, _worker(desk):
            for _ in range(rounds):
                said = desk.farm(*RUN, "--detach")
                if said.code != 0:
                    raise RuntimeError(f"farm run --detach ended with {said.code}: {said.err[-500:]}")
                yield _freed_s(store)


@contextmanager
def _worker(desk: Desk) -> Iterator[None]:
    process = desk.start("worker", "--boards", "*", "--beat", *LAB)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _freed_s(store: Store) -> float:
    """From the word to the last board that is given back."""
    wait_for(lambda: stored.list_runs(store), "the run", PATIENCE_S)
    run = stored.find_run(store, "last")
    held = wait_for(
        lambda: held if len(held := stored.holdings(store, run)) == BOARDS else None, "all boards", PATIENCE_S
    )
    time.sleep(1.0)  # into the launches
    begun = time.monotonic()
    stored.cancel(store, run)
    while stored.still_held(store, run, held):
        time.sleep(0.01)
    took_s = time.monotonic() - begun
    stored.close_finished(store)
    return took_s


def _real(desk: Desk) -> list[float]:
    """Of two runs that share three boards."""
    with lab(desk, BOARDS, sleep_s=0.5):
        commands = [desk.start(*RUN, "--boards", boards) for boards in ("*", "vb001,vb002")]
        try:
            found = list(_watched(_database(desk), len(commands)))
            for command in commands:
                heard(command)
        except BaseException:
            for command in commands:
                leave(desk, command)
            raise
    return [course.error for course in found]


def _watched(database: Path, count: int) -> Iterator[Course]:
    """What is said of the runs until they are through."""
    told: dict[str, list[Guess]] = {}
    with Store.open(database) as store:
        wait_for(lambda: len(stored.list_runs(store)) == count, "all runs", PATIENCE_S)
        while open_runs := stored.queue(store):
            now = store.now()
            for each in open_runs:
                if each.finish is not None:
                    told.setdefault(each.run, []).append(Guess(now, each.finish))
            time.sleep(LOOK_S)
        for row in stored.list_runs(store):
            yield Course(row.id, row.created, row.finished or row.created, told.get(row.id, []))


def _database(desk: Desk) -> Path:
    file = desk.state / "farm.db"
    wait_for(file.exists, "the command's store", PATIENCE_S)
    return file
