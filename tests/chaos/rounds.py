"""One round of chaos: a run through so many faults, and what it promised that does not hold afterwards."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

import engine_support as support
from chaos.crews import Crew, Embedded, Shared
from chaos.faults import Stage, possible
from engine_support import Farm, make_farm
from farm_inventory import load
from farm_lab import lab, places
from farm_lab.places import Places
from farm_lab.state import Options
from farm_orchestrator import plan, store
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import Json, Part, State
from farm_orchestrator.store import schema, upgrade_store
from farm_orchestrator.store.moments import live
from farm_orchestrator.transport import resolve
from postgres_support import PrivatePostgres
from redis_support import PrivateRedis

PATIENCE_S = 600.0  # without one more launch done: then the round is stuck
LOOK_S = 0.05


@dataclass(frozen=True)
class Round:
    """What is asked of a round. `kept`: sqlite or postgresql; `carrier`: folder or redis, which a server needs.

    `lab`: so many virtual boards more, over SSH and links that break. `disk`: one board's is filled, too, where we are
    root.
    """

    seed: int
    kept: str
    carrier: str
    boards: int = 8
    blocks: int = 40
    faults: int = 30
    lab: int = 0
    disk: bool = False


@dataclass
class Outcome:
    """What came of it. `given_up`: launches of parts that ended with a reason; `again`: launches that were repeated; `failed`:
    cells that were ended because their runner was killed twice, or their board went down under them three times running.
    """

    asked: Round
    launches: int = 0
    again: int = 0
    fenced: int = 0
    given_up: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def survive(folder: Path, asked: Round) -> Outcome:
    began, outcome = time.monotonic(), Outcome(asked)
    with (
        servers(asked) as (postgres, redis),
        lab_of(folder, asked.lab) as place,
        small_disk(folder / ".farm" / "boards" / "b0", asked=asked.disk) as disk,
        farm_of(folder, asked, postgres, redis, place) as farm,
    ):
        knobs = knobs_of(place)
        crew: Crew = Shared(farm, redis) if postgres and redis else Embedded(farm, redis)
        try:
            stage = Stage(farm, crew, redis, postgres, random.Random(asked.seed), place, disk)
            outcome.broken += _strike(stage, asked, outcome.faults)
            crew.clock.write_text("0")
            outcome.broken += _rest(farm, crew)
            after = knobs_of(place)
            outcome.broken += [f"knob left pinned: {path}" for path, was in knobs.items() if after[path] != was]
        finally:
            crew.end()
        _count(farm, outcome)
        farm.store.close()
    outcome.seconds = time.monotonic() - began
    return outcome


@contextmanager
def servers(asked: Round) -> Iterator[tuple[PrivatePostgres | None, PrivateRedis | None]]:
    with ExitStack() as ends:
        postgres = ends.enter_context(PrivatePostgres()) if asked.kept == "postgresql" else None
        redis = ends.enter_context(PrivateRedis()) if asked.carrier == "redis" else None
        yield postgres, redis


@contextmanager
def farm_of(
    folder: Path, asked: Round, postgres: PrivatePostgres | None, redis: PrivateRedis | None, place: Places | None
) -> Iterator[Farm]:
    url = postgres.create("farm") if postgres else None
    if url is not None:
        upgrade_store(url)
    yield make_farm(
        folder, boards=boards_of(folder, asked.boards, place), blocks=asked.blocks, store_url=url,
        broker_url=redis.url if redis else None,
    )  # fmt: skip


@contextmanager
def lab_of(folder: Path, count: int) -> Iterator[Places | None]:
    if not count:
        yield None
        return
    place = places.check(folder / "lab", proxy=True)
    try:
        lab.up(place, count, Options(sys.executable, load="synthetic", proxy=True))
        place.truth.write_text(json.dumps({"ms": {"base": 1.0, "other": 1.2}, "sleep_s": 0.05}))
        yield place
    finally:
        lab.down(place)


@contextmanager
def small_disk(folder: Path, *, asked: bool) -> Iterator[Path | None]:
    """A file system of the board's own, which can be filled; None where only root could make one, and is not here."""
    if not asked or os.geteuid() != 0:
        yield None
        return
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def knobs_of(place: Places | None) -> dict[str, str]:
    """What an agent may pin, of each virtual board."""
    trees = () if place is None else place.boards.glob("*/**/cpufreq/policy*/scaling_[gm]*")
    return {str(file): file.read_text().strip() for file in trees}


def boards_of(folder: Path, count: int, place: Places | None) -> Sequence[Json]:
    """As every host's inventory has them."""
    python, home = support.stand_in(folder / "stand-in"), folder / ".farm"
    file = folder / "inventory.yaml"
    lines = [
        f"  b{index}: {{local: true, python: {python}, base: {home}/boards/b{index}, interference: note}}"
        for index in range(count)
    ]
    if place is not None:
        lines += [line for line in place.inventory.read_text().splitlines() if line.startswith("  ")]
    file.write_text("\n".join(("boards:", *lines)) + "\n")
    return [resolve(board.to_json()) for board in load(file, home)]


def _strike(on: Stage, asked: Round, struck: Counter[str]) -> list[str]:
    """Faults at moments that the seed chooses by the number of launches done, to the end of the run."""
    owed = len(on.farm.rows())
    for moment in (*sorted(on.dice.sample(range(owed - 1), asked.faults)), None):
        if not _until(on.farm, on.crew, moment):
            return [f"stuck before {moment or 'its end'}: {_open(on.farm)}"]
        if moment is not None:
            struck[_one_that_strikes(on)] += 1
    return []


def _one_that_strikes(on: Stage) -> str:
    """Its name; a fault finds nothing where what it breaks is broken already."""
    while not (fault := on.dice.choice(possible(on)))(on):
        pass
    return fault.__name__


def _until(farm: Farm, crew: Crew, moment: int | None) -> bool:
    """So many launches are done, or the run is closed; False where nothing moves any more."""
    last, seen = time.monotonic(), -1
    while time.monotonic() < last + PATIENCE_S:
        crew.mend()
        try:
            done, closed = _progress(farm)
        except StoreError:
            done, closed = seen, False
        if closed or (moment is not None and done >= moment):
            return True
        if done != seen:
            last, seen = time.monotonic(), done
        time.sleep(LOOK_S)
    return False


def _progress(farm: Farm) -> tuple[int, bool]:
    query = select(func.count()).select_from(schema.launch).where(schema.launch.c.state == State.DONE.value)
    state = select(schema.run.c.state)
    return farm.store.read(lambda c: (int(c.execute(query).scalar_one()), c.execute(state).scalar_one() == "closed"))


def _open(farm: Farm) -> list[str]:
    return [f"{row.board} {row.block}.{row.attempt} {row.state}" for row in farm.rows() if row.state in support.OPEN][
        :5
    ]


def _rest(farm: Farm, crew: Crew) -> list[str]:
    """Once a run is closed its boards are given back, and no agent is left, while the workers live on."""
    until = time.monotonic() + PATIENCE_S / 4
    while time.monotonic() < until:
        crew.mend()
        leased, agents = leases_of(farm), support.agents_of(farm, farm.home.parent / "lab" / "boards")
        if not (leased or agents):
            return []
        time.sleep(LOOK_S)
    return [f"lease leaked: {board}" for board in leased] + [f"agent left: {pid}" for pid in agents]


def leases_of(farm: Farm) -> list[str]:
    board = schema.board.c
    query = select(board.board).where(board.owner.is_not(None))
    return farm.store.read(lambda c: list(c.execute(query.where(live(board.lease_until, farm.store.now(c)))).scalars()))


def _count(farm: Farm, outcome: Outcome) -> None:
    rows = farm.rows()
    ended = {row.part.name: row.ended for row in store.part_rows(farm.store, farm.parts[0].run) if row.ended}
    outcome.launches = sum(row.state == State.DONE and row.dropped is None for row in rows)
    outcome.again = sum(row.attempt > 0 for row in rows)
    outcome.fenced = sum(row.outcome == "worker_lost" for row in rows)
    outcome.given_up = sum(row.state == State.SKIPPED for row in rows)
    failed = outcome.failed = [f"{part.name} {name}" for part in farm.parts for name in _failed(farm, part)]
    outcome.broken += [fault for fault in support.broken_promises(farm) if not _is_excused(fault, ended, failed)]


def _failed(farm: Farm, part: Part) -> list[str]:
    """Variants of which nothing more was owed: by the rule that a variant which takes its board down is left out."""
    return sorted({name for name, _ in plan.failed_cells(farm.rows(board=part.name))})


def _is_excused(fault: str, ended: Collection[str], failed: Collection[str]) -> bool:
    """What a board or a cell that was ended did not bring is no loss; that a launch counts twice always is one."""
    board, _, rest = fault.partition(" block ")
    variant = rest.partition(":")[0].rpartition(" ")[2]
    return "0 results" in fault and (board in ended or f"{board} {variant}" in failed)
