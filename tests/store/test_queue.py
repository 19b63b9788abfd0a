"""What is told of the queue, against the same reckoned launch by launch from everything the store has."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import mean, variance

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import Failed, LaunchRow, Lost, Measured, Part, Phase, State
from farm_orchestrator.plan.blocks import Series, series
from farm_orchestrator.plan.finish import FEW, PRIOR, TIMED, Known, finish_s, known, launch_s, left_s
from farm_orchestrator.plan.progress import failed_cells, judged
from farm_orchestrator.store import Claim, Store
from farm_orchestrator.store.costs import launch_costs
from farm_orchestrator.store.queue import loads_of
from store_support import BROKEN, NO_MEMORY, Clock, Lane, insert, measured, part

NAMES = ("base", *(f"v{index}" for index in range(10)))
RUNS = ("20260101-000000-aaaa", "20260101-000001-bbbb")
BOARDS = ("b0", "b1")


def some_outcome(rng: random.Random, claim: Claim) -> Measured | Failed | Lost:
    if claim.row.phase < Phase.MEASURE:
        return measured()
    odd: dict[int, Measured | Failed | Lost] = {0: NO_MEMORY, 1: Lost("link_lost", "reset"), 2: measured(rejected="THROTTLED"), 3: measured(boot_id="other"),
           4: BROKEN if claim.row.variant == "v3" else NO_MEMORY}  # fmt: skip
    return odd.get(rng.randrange(40), measured(int(1e6 * rng.lognormvariate(0.0, 0.01))))


def measure(state: Store, clock: Clock, rng: random.Random) -> None:
    """Two runs share two boards; each is left somewhere in the middle, with a launch under way."""
    made = [part(run, board, NAMES, points=2, blocks=8, most=12) for run in RUNS for board in BOARDS]
    insert(state, *made[:2])
    insert(state, *made[2:])
    for board in BOARDS:
        lane = Lane(state, board).start()
        for _ in range(rng.randrange(20, 160)):
            claim = lane.try_claim()
            if claim is None:
                clock.pass_s(30.0)
                continue
            clock.pass_s(rng.uniform(2.0, 9.0))
            lane.end(claim, some_outcome(rng, claim))
        lane.try_claim()
    clock.pass_s(3.0)
    for run in RUNS:
        store.attach(state, run, 100.0)


def plain_series(at: Series, part_of: Part, rows: Sequence[LaunchRow]) -> tuple[int, float, list[list[float]]]:
    here = [row for row in rows if row.phase == Phase.MEASURE and row.point == at.point and row.variant in at.names]
    return len({row.block for row in here}), *judged(part_of, here, at, failed_cells(rows))


def plain_noise(parts: Sequence[tuple[Part, Sequence[LaunchRow]]]) -> float | None:
    every = [logs for spec, rows in parts for at in series(spec) for logs in plain_series(at, spec, rows)[2]]
    spread = [variance(logs) for logs in every if len(logs) >= FEW]
    return mean(spread) if spread else None


def plain_more(one: Part, at: Series, rows: Sequence[LaunchRow], noise: float | None) -> int:
    from farm_orchestrator.plan.finish import _half_width

    planned, goal, held = plain_series(at, one, rows)
    widest = 0.0
    for logs in held:
        own = len(logs) - 1
        if noise is None:
            spread = math.sqrt(variance(logs)) if len(logs) >= FEW else 0.0
        else:
            spread = math.sqrt(((variance(logs) * own if own > 0 else 0.0) + PRIOR * noise) / (max(own, 0) + PRIOR))
        widest = max(widest, spread)
    wanted = [blocks for blocks in range(8, one.max_blocks, 2) if widest * _half_width(blocks) <= goal]
    return max(0, (wanted or [one.max_blocks])[0] - planned)


def plain_left_s(one: Part, rows: Sequence[LaunchRow], told: Known, noise: float | None, now: float) -> float:
    """No screening, no profiles, nothing confirmed; the baseline may have failed."""
    owed = sum(launch_s(one, told, row.phase) for row in rows if row.state == State.PENDING)
    if not any(name == one.baseline for name, _ in failed_cells(rows)):
        spent = sum(max(0.0, row.t1 - row.t0) for row in rows if row.t0 is not None and row.t1 is not None)
        more = sum(plain_more(one, at, rows, noise) * len(at.names) for at in series(one))
        owed += min(more * launch_s(one, told, Phase.MEASURE), max(0.0, 45 * 60.0 - spent))
    timed = [row for row in rows if row.phase in TIMED and row.t1 is not None]
    used = sum(row.state == State.DONE and row.dropped is None for row in timed)
    waste = min(2.0, (len(timed) + 1) / (used + 1)) if len(timed) >= FEW else 1.0
    at_work = [(row, launch_s(one, told, row.phase)) for row in rows if row.state == State.RUNNING]
    return owed * waste + sum(max(0.1 * cost, cost - (now - (row.t0 or now))) for row, cost in at_work)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_left_is_what_launch_by_launch_is_left(state: Store, clock: Clock, seed: int) -> None:
    measure(state, clock, random.Random(seed))
    specs = {(each.run, each.name): each for run in RUNS for each in store.parts(state, run)}
    rows = {key: [row for row in store.launches(state, key[0]) if row.board == key[1]] for key in specs}
    loads = {(load.run, load.board): load for load in state.read(lambda c: loads_of(c, state.now(c)))}
    assert loads.keys() == {key for key in specs if any(row.state in {"pending", "running"} for row in rows[key])}
    costs = launch_costs(state, BOARDS)
    for (run, board), load in loads.items():
        beside = [(specs[key], rows[key]) for key in loads if key[1] == board]
        told = known(beside, costs)
        noise = plain_noise(beside)
        assert told.noise == (None if noise is None else pytest.approx(noise))
        plain = plain_left_s(specs[run, board], rows[run, board], told, noise, state.now())
        assert load.left_s == pytest.approx(plain), (run, board)
        assert left_s(specs[run, board], rows[run, board], told, state.now()) == pytest.approx(plain)
    for each in store.queue(state):
        left = finish_s(each.run, loads.values())
        assert each.finish == (None if left is None else pytest.approx(state.now() + left))
