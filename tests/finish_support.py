"""Fleets that measure in no time: real plans and a real store, launches whose length and latency a seed says."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, update

from farm_orchestrator import store
from farm_orchestrator.model import PRESETS, Phase
from farm_orchestrator.plan.estimate import PROCESS_S, launch_s
from farm_orchestrator.store import Claim, NewRun, Store, schema
from store_support import Clock, Lane, cells_of, measured, part, slots_of

LOOKS = 30.0  # seconds from one look at the estimate to the next
NOISES = (0.002, 0.005, 0.01)


@dataclass(frozen=True)
class Guess:
    """What was said of a run at a moment, as seconds since the epoch."""

    at: float
    finish: float


@dataclass
class Course:
    """One run from its start to its end, and what was said of that meanwhile."""

    run: str
    begun: float
    ended: float = 0.0
    guesses: list[Guess] = field(default_factory=list)

    @property
    def half(self) -> Guess:
        """The one nearest to half time."""
        middle = (self.begun + self.ended) / 2
        return min(self.guesses, key=lambda guess: abs(guess.at - middle))

    @property
    def error(self) -> float:
        """At half time: what the finish was off, of the whole time."""
        return abs(self.half.finish - self.ended) / (self.ended - self.begun)

    @property
    def error_of_rest(self) -> float:
        """The same, of the time that was left."""
        return abs(self.half.finish - self.ended) / max(1.0, self.ended - self.half.at)


@dataclass(frozen=True)
class Board:
    """`slow`: how much longer its launches take than was expected; `noise`: of the medians from launch to launch."""

    name: str
    slow: float
    noise: float


class Fleet:
    """A seed's boards and runs, measured to the end. `noises`: of which each board has one."""

    def __init__(self, seed: int, folder: Path, runs: int = 3, noises: Sequence[float] = NOISES) -> None:
        self.random = random.Random(seed)
        self.clock = Clock()
        self.state = Store.open(folder / f"{seed}.db", self.clock)
        self.boards = {f"b{i}": self._board(f"b{i}", noises) for i in range(self.random.randint(2, 4))}
        self.coming = [(self.clock() + self.random.uniform(0, 60) * index, index) for index in range(runs)]
        self.courses: dict[str, Course] = {}
        self.lanes: dict[str, Lane] = {}
        self.at_work: list[tuple[float, str, Claim]] = []

    def measure(self) -> list[Course]:
        """Whichever board is through first; looks at the queue in between."""
        look = self.clock()
        while self.at_work or self.coming:
            while self.coming and (not self.at_work or self.coming[0][0] <= self.at_work[0][0]):
                self._begin(*self.coming.pop(0))
            if self.at_work:
                self._end(*heapq.heappop(self.at_work))
            if self.clock() >= look:
                self._look()
                look = self.clock() + LOOKS
        self.state.close()
        return list(self.courses.values())

    def _board(self, name: str, noises: Sequence[float]) -> Board:
        return Board(name, self.random.lognormvariate(0.0, 0.4), self.random.choice(noises))

    def _begin(self, moment: float, index: int) -> None:
        self.clock.s = max(self.clock.s, moment)
        run = f"20260101-{index:06}-aaaa"
        names = sorted(self.random.sample(sorted(self.boards), self.random.randint(1, len(self.boards))))
        preset = PRESETS[self.random.choice(("quick", "ci"))]
        variants = ["base", *(f"v{i}" for i in range(self.random.randint(1, 4)))]
        parts = [part(run, name, variants, blocks=8, most=preset.blocks_max, recipe=preset) for name in names]
        new = NewRun(run, None, preset, 1, self.clock(), {}, priority=self.random.choice((0, 0, 0, 1)))
        store.insert_run(self.state, new, parts, cells_of(parts), slots_of(parts))
        self.state.submit(lambda connection: _stand(connection, run))
        self.courses[run] = Course(run, self.clock())
        for name in names:
            if name not in self.lanes:
                self.lanes[name] = Lane(self.state, name).start()
            if all(busy != name for _, busy, _ in self.at_work):
                self._next(name)

    def _end(self, moment: float, name: str, claim: Claim) -> None:
        self.clock.s = max(self.clock.s, moment)
        noise = self.random.lognormvariate(0.0, self.boards[name].noise)
        self.lanes[name].end(claim, measured(int(1e6 * noise)))
        self._next(name)
        for run in store.close_finished(self.state):
            self.courses[run].ended = self.clock()

    def _next(self, name: str) -> None:
        claim = self.lanes[name].try_claim()
        if claim is not None:
            heapq.heappush(self.at_work, (self.clock() + self._takes(claim), name, claim))

    def _takes(self, claim: Claim) -> float:
        usual = PROCESS_S if claim.row.phase < Phase.SCREEN else launch_s(claim.part.recipe_in(Phase(claim.row.phase)))
        return usual * self.boards[claim.row.board].slow * self.random.lognormvariate(0.0, 0.15)

    def _look(self) -> None:
        for each in store.queue(self.state):
            if each.finish is not None:
                self.courses[each.run].guesses.append(Guess(self.clock(), each.finish))


def courses(seeds: Iterable[int], folder: Path, noises: Sequence[float] = NOISES) -> list[Course]:
    """Of runs that were long enough to be looked at in the middle."""
    found = [course for seed in seeds for course in Fleet(seed, folder, noises=noises).measure()]
    return [course for course in found if course.guesses and course.ended - course.begun > 4 * LOOKS]


def _stand(connection: Connection, run: str) -> None:
    """Nobody need renew it."""
    connection.execute(update(schema.run).where(schema.run.c.run == run).values(standing=1))
