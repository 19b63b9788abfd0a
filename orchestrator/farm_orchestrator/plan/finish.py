"""When a run will be through: what it still wants of each board, and who else wants that board; pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from statistics import NormalDist

from farm_orchestrator.model import Part, Phase, State
from farm_orchestrator.plan.blocks import Series, series
from farm_orchestrator.plan.course import Course
from farm_orchestrator.plan.estimate import NO_PAST, PROCESS_S, Costs, cost_s
from farm_orchestrator.plan.profiling import PROFILE_S, more_s
from farm_orchestrator.plan.progress import (
    STEP,
    compared,
    confirmed,
    failed_cells,
    judged,
    profiled,
    stopped,
    time_left_s,
)

TURN_S = 5.0  # launches that follow each other so closely: what lies between them belongs to the second
PRIOR = 3  # launches, or blocks, that what is known of the board counts as
LATEST = 40  # launches that speak for the next ones
LEAST = 0.1  # of a launch, that a running one takes at least from now on
FEW = 4  # blocks, or launches, that say little
EVER = 1e-9
TIMED = (Phase.SCREEN, Phase.MEASURE, Phase.CONFIRM)
Paces = Mapping[tuple[str, int], Sequence[float]]  # (run, phase) -> seconds of its launches, the latest last


@dataclass(frozen=True)
class Load:
    """What a run wants of a board: `left_s` seconds, of which it had `spent` since it came. `until_s`: then it is over."""

    run: str
    board: str
    priority: int
    left_s: float
    spent: float = 0.0
    until_s: float = math.inf


@dataclass
class _Share:
    load: Load
    left_s: float = field(init=False)
    spent: float = field(init=False)

    def __post_init__(self) -> None:
        self.left_s, self.spent = self.load.left_s, self.load.spent


def finish_s(run: str, loads: Iterable[Load]) -> float | None:
    """Seconds until the last of its boards is through with it; None where it wants nothing any more."""
    boards: dict[str, list[Load]] = defaultdict(list)
    for load in loads:
        boards[load.board].append(load)
    ends = [board_ends_s(wanting).get(run) for wanting in boards.values()]
    return max((end for end in ends if end is not None), default=None)


def board_ends_s(wanting: Iterable[Load]) -> dict[str, float]:
    """When one board is through with each run: the highest priority first, equal ones in turns."""
    ends: dict[str, float] = {}
    classes: dict[int, list[_Share]] = defaultdict(list)
    for load in wanting:
        classes[load.priority].append(_Share(load))
    now_s = 0.0
    for priority in sorted(classes, reverse=True):
        now_s = _shared(classes[priority], now_s, ends)
    return ends


def _shared(going: list[_Share], now_s: float, ends: dict[str, float]) -> float:
    """Who had least goes on until they had as much as the next, or are through, or over."""
    while going:
        low = min(one.spent for one in going)
        served = [one for one in going if one.spent <= low + EVER]
        others = [one.spent - low for one in going if one.spent > low + EVER]
        over_s = min(max(0.0, one.load.until_s - now_s) for one in going) / len(served)
        step = min((*(one.left_s for one in served), over_s, *others))
        now_s += step * len(served)
        for one in served:
            one.left_s, one.spent = one.left_s - step, one.spent + step
        for one in [one for one in going if one.left_s <= EVER or one.load.until_s <= now_s + EVER]:
            going.remove(one)
            ends[one.load.run] = now_s
    return now_s


def paces(rows: Iterable[Course]) -> Paces:
    """Of the launches of one board, whatever run they are of: from the end of the one before, where there is no rest."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    ended = [(row.t1, row.t0, row.run, row.phase) for row in rows if row.t0 is not None and row.t1 is not None]
    last: float | None = None
    for t1, t0, run, phase in sorted(ended):
        begun = t0 if last is None or t0 - last > TURN_S else last
        found[run, phase].append(max(0.0, t1 - begun))
        last = t1
    return found


@dataclass(frozen=True)
class Judged:
    """A series as it is: how many blocks of it are `planned`, and the logs `held` against each other, of which every
    interval is to be as narrow as `goal`.
    """

    at: Series
    planned: int
    goal: float
    held: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Known:
    """What all that was measured on a board tells of what will be: `pace`: how many times as long as expected a timed
    launch takes; `noise`: the variance of differences from block to block, None while there are none.

    `judged`: the series of each run.
    """

    seen: Paces
    costs: Costs
    pace: float
    noise: float | None
    judged: Mapping[str, Sequence[Judged]]


def known(parts: Sequence[tuple[Part, Sequence[Course]]], costs: Costs = NO_PAST) -> Known:
    """`parts`: those of one board, with all their launches, without facts."""
    seen = paces(row for _, rows in parts for row in rows)
    took = {(part.run, phase): seen.get((part.run, phase), ()) for part, _ in parts for phase in TIMED}
    wanted = {(part.run, phase): _expected(part, phase, costs) for part, _ in parts for phase in TIMED}
    expected = sum(wanted[key] * len(times) for key, times in took.items())
    pace = sum(map(sum, took.values())) / expected if expected else 1.0
    every = {part.run: list(_judged(part, rows)) for part, rows in parts}
    logs = (each for found in every.values() for one in found for each in one.held)
    spread = [_variance(each) for each in logs if len(each) >= FEW]
    return Known(seen, costs, pace, math.fsum(spread) / len(spread) if spread else None, every)


def left_s(part: Part, rows: Sequence[Course], told: Known, now: float) -> float:
    """Seconds of its board that the part still wants. `rows`: all its launches, as they were `told`."""
    cost = partial(launch_s, part, told)
    owed = sum(
        count * cost(phase) for phase, count in Counter(r.phase for r in rows if r.state == State.PENDING).items()
    )
    at_work = sum(_rest_s(row, cost(row.phase), now) for row in rows if row.state == State.RUNNING)
    profiles = more_s(part) if part.profile and not profiled(rows) else 0.0
    return (owed + _coming_s(part, rows, told)) * _waste(rows) + at_work + profiles


def launch_s(part: Part, told: Known, phase: int) -> float:
    """Seconds of a launch: as they were so far, and while there are few as the board makes one expect."""
    took = told.seen.get((part.run, phase), ())[-LATEST:]
    prior = PRIOR if len(took) < FEW else 0
    expected = _expected(part, Phase(phase), told.costs) * (told.pace if phase in TIMED else 1.0)
    return (sum(took) + prior * expected) / (len(took) + prior)


def _coming_s(part: Part, rows: Sequence[Course], told: Known) -> float:
    """Of the blocks that nobody has planned yet: after the screening all; then those that open intervals will ask for."""
    if not part.recipe.compare or stopped(part, rows) or confirmed(rows) or profiled(rows):
        return 0.0
    each_s = launch_s(part, told, Phase.MEASURE)
    if part.screen_blocks and not compared(rows):
        return each_s * part.planned_blocks * sum(len(at.names) for at in series(part))
    more = sum(_more(part, one, told.noise) * len(one.at.names) for one in told.judged[part.run])
    return min(more * each_s, max(0.0, time_left_s(part, rows)))


def _more(part: Part, one: Judged, noise: float | None) -> int:
    """Blocks that the series will ask for beyond those that are planned."""
    widest = max((_spread(logs, noise) for logs in one.held), default=0.0)
    sizes = range(part.planned_blocks, part.max_blocks, STEP)
    wanted = next((blocks for blocks in sizes if widest * _half_width(blocks) <= one.goal), part.max_blocks)
    return max(0, wanted - one.planned)


def _spread(logs: Sequence[float], noise: float | None) -> float:
    """The standard deviation; what is known of the board counts as some blocks more."""
    own = len(logs) - 1
    if noise is None:
        return math.sqrt(_variance(logs)) if own + 1 >= FEW else 0.0
    return math.sqrt(((_variance(logs) * own if own > 0 else 0.0) + PRIOR * noise) / (max(own, 0) + PRIOR))


def _judged(part: Part, rows: Sequence[Course]) -> Iterator[Judged]:
    """Each launch is looked at once: a part has thousands, in many series."""
    gone = failed_cells(rows)
    cells: dict[tuple[str, str], list[Course]] = defaultdict(list)
    for row in rows:
        if row.phase == Phase.MEASURE:
            cells[row.variant, row.point].append(row)
    for at in series(part):
        here = [row for name in at.names for row in cells.get((name, at.point), ())]
        yield Judged(at, len({row.block for row in here}), *judged(part, here, at, gone))


def _variance(logs: Sequence[float]) -> float:
    """In floats: that of the library counts in fractions."""
    middle = math.fsum(logs) / len(logs)
    return math.fsum((log - middle) ** 2 for log in logs) / (len(logs) - 1)


@cache
def _half_width(blocks: int) -> float:
    """Of a typical sample of so many, in its standard deviations."""
    import numpy as np

    from farm_reports.stats.signed_rank import half_width

    return half_width(np.array([NormalDist().inv_cdf((place + 0.5) / blocks) for place in range(blocks)]))


def _expected(part: Part, phase: Phase, costs: Costs) -> float:
    if phase < Phase.SCREEN:
        return PROCESS_S
    return PROFILE_S if phase == Phase.PROFILE else cost_s(part, phase, costs)


def _rest_s(row: Course, cost: float, now: float) -> float:
    return max(LEAST * cost, cost - max(0.0, now - (row.t0 or now)))


def _waste(rows: Sequence[Course]) -> float:
    """How many timed launches it took for one that counts."""
    timed = [row for row in rows if row.phase in TIMED and row.t1 is not None]
    used = sum(row.state == State.DONE and row.dropped is None for row in timed)
    return min(2.0, (len(timed) + 1) / (used + 1)) if len(timed) >= FEW else 1.0
