"""A run in a store on a clock that the test turns, and a lane that measures what it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm_orchestrator import plan, store
from farm_orchestrator.model import (
    FLOOR,
    PRESETS,
    Failed,
    Feeds,
    FileRef,
    LaunchRow,
    Lost,
    Measured,
    Part,
    Point,
    Recipe,
    Slot,
    State,
    Variant,
)
from farm_orchestrator.store import CellRow, Claim, NewRun, Store
from farm_reports.tables import Summary

DIGEST = "0" * 64
RUN = "20260101-000000-aaaa"
QUICK = PRESETS["quick"]
BROKEN = Failed("load", "INVALID_GRAPH", "no such operator: Foo")
NO_MEMORY = Failed("slot", "OUT_OF_MEMORY", "killed at 812 MB")
OPEN = {State.PENDING, State.RUNNING}


@dataclass
class Clock:
    """Seconds since the epoch, as the test says."""

    s: float = 1_000_000.0

    def __call__(self) -> float:
        return self.s

    def pass_s(self, seconds: float) -> None:
        self.s += seconds


def variant(name: str, sha256: str = DIGEST, *, labelled: bool = False) -> Variant:
    feeds = Feeds(DIGEST, 1, {"x": "x"})
    dataset = Feeds(DIGEST, 1, {"x": "x"}, rows=10) if labelled else None
    return Variant(name, sha256, (FileRef(f"{name}.onnx", sha256, 10),), 17, feeds, dataset=dataset)


def part(
    run: str = RUN,
    board: str = "b0",
    names: Sequence[str] = ("fp32", "int8"),
    *,
    points: int = 1,
    blocks: int = 2,
    most: int | None = None,
    recipe: Recipe = QUICK,
    labelled: bool = False,
    profile: bool = False,
    **fields: Any,
) -> Part:
    return Part(
        run=run,
        board={"name": board, **fields},
        points=tuple(Point(threads=1 + index) for index in range(points)),
        variants=tuple(variant(name, labelled=labelled) for name in names),
        recipe=recipe,
        seed=1,
        baseline=names[0],
        agent=FileRef("agent.pyz", DIGEST, 1),
        floor=variant(FLOOR),
        planned_blocks=blocks,
        max_blocks=most or blocks,
        profile=profile,
    )


def cells_of(parts: Iterable[Part]) -> list[CellRow]:
    return [
        CellRow(each.name, variant.name, point.key, variant.sha256)
        for each in parts
        for variant in each.variants
        for point in each.points
    ]


def slots_of(parts: Iterable[Part]) -> list[Slot]:
    return [slot for each in parts for slot in plan.first_slots(each)]


def insert(state: Store, *parts: Part, attached: bool = True, created: float | None = None) -> str:
    run = parts[0].run
    made = state.now() if created is None else created
    new = NewRun(run, "a name", parts[0].recipe, 1, made, {"git": None})
    store.insert_run(state, new, parts, cells_of(parts), slots_of(parts))
    if attached:
        store.attach(state, run, 100.0)
    return run


def measured(p50_ns: int = 1_000_000, boot_id: str = "boot-1", **fields: Any) -> Measured:
    summary = Summary(500, 480.0, p50_ns, p50_ns + 9, None, None, p50_ns + 1, p50_ns - 5, p50_ns + 50)
    facts = fields.pop("facts", {"cpu_ns": 100, "wall_ns": 100, "threads": 1})
    return Measured(facts, summary=summary, boot_id=boot_id, **fields)


def narrow(claim: Claim) -> Measured:
    """A steady board: every launch of a variant takes the same time, so no more blocks are owed."""
    return measured(1_000_000 if claim.row.variant == claim.part.baseline else 500_000)


def noisy(claim: Claim) -> Measured:
    """Pairs that differ from block to block: the interval stays wide, two more blocks are owed up to the cap."""
    return measured(1_000_000 + 300_000 * (claim.row.id % 3))


Answer = Callable[[Claim], Measured | Failed | Lost]


@dataclass
class Lane:
    """Holds one board and does what a lane does, one step at a time."""

    state: Store
    board: str = "b0"
    owner: str = "me"
    fence: int = 0
    ttl_s: float = 6.0
    current: store.BlockId | None = None
    claims: list[LaunchRow] = field(default_factory=list)

    def start(self) -> Lane:
        fence = store.acquire(self.state, self.board, self.owner, self.ttl_s)
        assert fence is not None, f"{self.board} is held by somebody else"
        self.fence = fence
        store.sweep(self.state, self.board, fence)
        return self

    def claim(self) -> Claim:
        claimed = self.try_claim()
        assert claimed is not None, "nothing is due"
        return claimed

    def try_claim(self) -> Claim | None:
        claimed = store.claim(self.state, self.board, self.fence, self.current)
        if claimed is not None:
            self.current = claimed.block
            self.claims.append(claimed.row)
        return claimed

    def end(self, claim: Claim, outcome: Measured | Failed | Lost, folder: Path | None = None) -> bool:
        if isinstance(outcome, Lost):
            return store.lose(self.state, claim, outcome)
        return store.commit(self.state, claim, outcome, folder)

    def run(self, answer: Answer = narrow, launches: int = 1000) -> int:
        """Measures until nothing is due or so many launches are through; how many were."""
        for count in range(launches):
            claimed = self.try_claim()
            if claimed is None:
                return count
            self.end(claimed, answer(claimed))
        return launches

    def until_phase(self, answer: Answer, phase: int, launches: int = 0) -> Claim:
        """The launch after so many of the phase, running."""
        while True:
            claimed = self.claim()
            if claimed.row.phase == phase and launches == 0:
                return claimed
            launches -= claimed.row.phase == phase
            self.end(claimed, answer(claimed))

    def stop(self) -> None:
        store.release(self.state, self.board, self.fence)


def until_measuring(lane: Lane) -> Claim:
    """Runs the checks; the first launch of the first compared block, running."""
    while True:
        claimed = lane.claim()
        if claimed.row.phase == 3:
            return claimed
        lane.end(claimed, measured())


def rows(state: Store, run: str = RUN, /, **where: Any) -> list[LaunchRow]:
    """Launches whose fields are as told."""
    every = store.launches(state, run)
    return [row for row in every if all(getattr(row, name) == value for name, value in where.items())]


def states(found: Iterable[LaunchRow]) -> Counter[str]:
    return Counter(row.state for row in found)


def extra_left(state: Store, run: str = RUN, board: str = "b0") -> int:
    return next(row.extra_left for row in store.part_rows(state, run) if row.part.name == board)


def broken_promises(state: Store, run: str) -> list[str]:
    """What of the invariants of a finished run does not hold; empty when all do."""
    every = store.launches(state, run)
    places = Counter((row.board, row.block, row.attempt, row.position) for row in every)
    faults = [f"twice: {place}" for place, count in places.items() if count > 1]
    faults += [f"still open: {row}" for row in every if row.state in OPEN]
    for spec in store.part_rows(state, run):
        faults += _of_part(spec, [row for row in every if row.board == spec.part.name])
    return faults


def _of_part(spec: store.PartRow, every: list[LaunchRow]) -> list[str]:
    faults = []
    gone = plan.failed_cells(every)
    for number in {row.block for row in every}:
        attempts = {row.attempt for row in every if row.block == number}
        faults += [] if attempts == set(range(max(attempts) + 1)) else [f"block {number} leaves out an attempt"]
        used = {a for a in attempts if any(_used(row) for row in every if (row.block, row.attempt) == (number, a))}
        last = [row for row in every if (row.block, row.attempt) == (number, max(attempts))]
        if used - {max(attempts)}:
            faults.append(f"block {number} is used in an attempt that was repeated: {used}")
        torn = [row for row in last if not _used(row) and (row.variant, row.point) not in gone]
        failed_once = {row.id for row in torn if row.state == State.FAILED}
        if used and [row for row in torn if row.id not in failed_once]:
            faults.append(f"block {number} is used in part: {states(last)}")
        spent = spec.extra_left == 0 or max(attempts) >= plan.MAX_ATTEMPTS - 1 or spec.ended is not None
        if torn and not used and not spent:
            faults.append(f"block {number} was given up without a reason: {states(last)}")
    return faults


def _used(row: LaunchRow) -> bool:
    return row.state == State.DONE and row.dropped is None
