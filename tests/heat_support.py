"""Runs on a virtual board that heats, on simulated time: the physics, the stand-in's truth, the plan's order and rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from farm_lab import physics, synthetic
from farm_lab.physics import Condition, Hardware, Knobs, Load
from farm_lab.profiles import find
from farm_orchestrator.model import LaunchRow, Phase, Point, Slot
from farm_orchestrator.plan import block_cause, next_slots, requeue
from farm_orchestrator.plan.blocks import planned_slots
from farm_reports.stats.compare import Floats, interval
from plan_support import make, row

STEP_S = 0.1
GAP_S = 0.2  # idle, from the end of a launch to the start of the next
OPPS = (600_000, 1_000_000, 1_500_000, 1_800_000, 2_400_000)
BASE, OTHER = "base", "other"
LOOK_S = synthetic.LOOK_NS / synthetic.NS
SPARE = 0.5  # blocks that are measured again, per planned block


def hardware(profile: str, **changes: Any) -> Hardware:
    of = find(profile).physics
    known = {name: of[name] for name in ("t_amb_c", "r_th_k_w", "tau_s", "p_idle_w", "p_max_w", "trip_c", "silent")}
    return Hardware(**{**known, "opps": (OPPS,), **changes})


class Board:
    """One board whose time only passes when told to."""

    def __init__(self, made: Hardware) -> None:
        self.hardware = made
        self.condition: Condition = physics.start(made)
        self.owed_s = self.passed_s = 0.0
        self.knobs = [Knobs("schedutil", opps[0], opps[-1]) for opps in made.opps]

    def rest(self, seconds: float) -> None:
        self._pass(seconds, 0.0)

    def work(self, seconds: float) -> None:
        self._pass(seconds, 1.0)

    def says(self) -> dict[str, Any]:
        """What the physics tells the stand-in, without the noise of a sensor."""
        now = self.condition
        return {"speed": physics.speed(self.hardware, now), "temp_mc": round(now.t_c * 1000), "cool": now.cool,
                "khz": now.clocks[0].asked_khz, "changes": now.clocks[0].changes, "governor": "schedutil",
                "t_ns": round(self.passed_s * synthetic.NS)}  # fmt: skip

    def _pass(self, seconds: float, duty: float) -> None:
        self.owed_s += seconds
        self.passed_s += seconds
        while self.owed_s >= STEP_S:
            self.owed_s -= STEP_S
            load = physics.declared(self.hardware, self.condition, duty) if duty else Load()
            self.condition = physics.step(self.hardware, self.condition, load, self.knobs, STEP_S)


class Launch(synthetic.Launch):
    """The stand-in on such a board: what it sleeps for passes there."""

    def __init__(self, board: Board, job: dict[str, Any], truth: dict[str, Any], seed: str) -> None:
        super().__init__(job, truth, "b0", seed, start_ns=0, weather="simulated")
        self.on = board

    def look(self) -> float:
        if self.seen:
            self.on.work(LOOK_S)
        return super().look()

    def sight(self) -> dict[str, Any]:
        return self.on.says()


@dataclass(frozen=True)
class World:
    """What is true: `other` takes so many times as long as `base`; launches differ by `launch_sd`."""

    made: Hardware
    ratio: float
    base_ms: float = 4.0
    launch_sd: float = 0.003

    @property
    def truth(self) -> dict[str, Any]:
        ms = {BASE: self.base_ms, OTHER: self.base_ms * self.ratio}
        return {**synthetic.TRUTH, "ms": ms, "launch_sd": self.launch_sd, "sleep_s": 0.0}


class Run:
    """The launches of one run, one after the other on one board."""

    def __init__(self, world: World, seed: int) -> None:
        self.part = make((BASE, OTHER), seed=seed).parts[0]
        self.recipe = self.part.recipe.to_json()
        self.board, self.world, self.seed = Board(world.made), world, str(seed)
        self.launches = 0

    def launch(self, slot: Slot) -> LaunchRow:
        """From the idle moment before it to its facts."""
        self.launches += 1
        job = {"launch": f"{self.launches}.1", "kind": "measure", "recipe": self.recipe,
               "point": Point.from_key(slot.point).to_json(), "model": {"name": slot.variant, "bytes": 1}}  # fmt: skip
        launch = Launch(self.board, job, self.world.truth, self.seed)
        self.board.rest(GAP_S)
        self.board.work(self.recipe["warmup_s"])
        timed = synthetic.invent(launch)
        launch.look()
        facts = synthetic.facts(launch, timed, synthetic.Soak(0))
        return row(slot, self.launches, p50_ns=round(float(np.median(timed.latency_ns))), facts=facts)


@dataclass(frozen=True)
class Estimate:
    """Of the log ratio, from so many blocks, and how many were dropped beside them."""

    estimate: float
    blocks: int
    dropped: int


def interleaved(world: World, seed: int) -> Estimate:
    """Blocks in the plan's order, judged by the plan's rules."""
    run, dropped = Run(world, seed), 0
    part, rows = run.part, list[LaunchRow]()
    waiting = [*_blocks(planned_slots(part))]
    while waiting:
        block = waiting.pop(0)
        mine = [run.launch(slot) for slot in block]
        cause = block_cause(mine, "note", cooled=False, lab=True)
        if cause is not None and cause.drops:
            dropped += 1
            rows += [replace(each, dropped=cause.name.value, state="rejected") for each in mine]
            if dropped <= SPARE * part.planned_blocks:
                waiting += _blocks(requeue(part, rows, block[0].block, block[0].attempt))
        else:
            rows += mine
        waiting = waiting or [*_blocks(next_slots(part, rows))]
    found = differences(rows)
    return Estimate(interval(found).estimate, found.size, dropped)


def sequential(world: World, seed: int) -> float:
    """The log ratio from all launches of the one and then all of the other, as many as the blocks have."""
    run = Run(world, seed)
    in_turn = sorted(planned_slots(run.part), key=lambda slot: slot.variant != BASE)
    rows = [run.launch(slot) for slot in in_turn]
    middles = {name: interval(np.array([*logs(rows, name).values()])).estimate for name in (BASE, OTHER)}
    return middles[OTHER] - middles[BASE]


def logs(rows: Sequence[LaunchRow], name: str) -> dict[int, float]:
    valid = (each for each in rows if each.variant == name and each.dropped is None and each.p50_ns)
    return {each.block: math.log(each.p50_ns or 1) for each in valid}


def differences(rows: Sequence[LaunchRow]) -> Floats:
    base, other = logs(rows, BASE), logs(rows, OTHER)
    return np.array([other[block] - base[block] for block in sorted(base.keys() & other.keys())])


def _blocks(slots: Sequence[Slot]) -> Iterator[tuple[Slot, ...]]:
    found: dict[tuple[int, int], list[Slot]] = {}
    for slot in slots:
        assert slot.phase == Phase.MEASURE
        found.setdefault((slot.block, slot.attempt), []).append(slot)
    yield from (tuple(each) for each in found.values())
