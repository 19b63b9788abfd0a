"""From a cold model to a slot that rests: windows of warm-up, then slots until one holds the rule."""

from array import array
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Callable, Deque, Generic, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from farm_agents import loop, trend, warmup
from farm_agents.clock import Clock
from farm_agents.loop import Pace, Reading, Runtime, Slot, Spans, Timed, Window
from farm_agents.warmup import Rest, Rule, Shape
from farm_agents.wire import Json


@dataclass(frozen=True)
class Glance:
    """What of the board must rest as well, at one moment; None where it does not matter, or nobody can tell.

    `held`: what takes clock away, in words.
    """

    t_ns: int
    temp_mc: Optional[int] = None
    cooling: Optional[int] = None
    held: Optional[str] = None


Look = Callable[[int], Glance]  # told the time in ns


@dataclass(frozen=True)
class Beat:
    """A window of the warm-up: its end, its median, what took clock away then."""

    t_ns: int
    p50_ns: int
    held: Optional[str] = None


@dataclass(frozen=True)
class Warm:
    """What the warm-up saw from `t0_ns` on. `p50_ns`: of its last window; `rest`: None where it had too few windows."""

    n: int
    elapsed_ns: int
    p50_ns: int
    shape: Shape
    rest: Optional[Rest]
    t0_ns: int = 0
    beats: Tuple[Beat, ...] = ()


@dataclass(frozen=True)
class Trial(Generic[Reading]):
    """A slot that was measured, with what was read beside it; `glances`: at both ends of it."""

    timed: Timed[Reading]
    facts: Json = field(default_factory=dict)
    readings: List[Json] = field(default_factory=list)
    glances: Tuple[Glance, ...] = ()


@dataclass(frozen=True)
class Settled(Generic[Reading]):
    """The slot that counts. `warm`: with the slots that became warm-up; `rest`: None where nobody could tell."""

    trial: Trial[Reading]
    warm: Warm
    slides: int
    rest: Optional[Rest]


def warm_up(runtime: Runtime, clock: Clock, rule: Rule, period_ns: Optional[float] = None, look: Look = Glance) -> Warm:
    """Windows until the rule holds or its time is over; between them the last ones are judged, in them nothing."""
    ring, pace = array("q", [0]) * loop.RING, Pace(clock.now(), period_ns)
    t0_ns = pace.origin_ns
    seen = _Seen(rule, look, t0_ns)
    for _ in range(_most_windows(rule)):
        spans = Spans(t0_ns, rule.window_ns, seen.iterations, rule.most_ns - seen.elapsed_ns)
        window = loop.window(runtime, clock, ring, pace, spans)
        t0_ns = window.t1_ns
        seen.add(window, period_ns)
        if seen.over:
            break
    return seen.warm


def _most_windows(rule: Rule) -> int:
    """As many as the time holds, so that a clock that stands or goes back ends it too."""
    return rule.windows + rule.most_ns // max(1, rule.window_ns) + 1


class _Seen:
    """The windows of a warm-up up to now."""

    def __init__(self, rule: Rule, look: Look, t0_ns: int) -> None:
        self.rule = rule
        self.look = look
        self.t0_ns = t0_ns
        self.beats: List[Beat] = []
        self.n = self.elapsed_ns = 0
        self.p50_ns = 0
        self.step_ns = float("inf")
        self.shape: Optional[Shape] = None
        self.levels: Deque[float] = deque(maxlen=rule.windows)
        self.glances: Deque[Glance] = deque(maxlen=rule.windows)
        self.rest: Optional[Rest] = None

    @property
    def iterations(self) -> int:
        """Of the next window; the first one only tells how fast the model is."""
        return warmup.COARSE_ITERATIONS if self.shape is None else self.shape.iterations

    @property
    def over(self) -> bool:
        if self.elapsed_ns >= self.rule.most_ns:
            return True
        enough = self.elapsed_ns >= self.rule.least_ns and self.n >= self.rule.least_n
        return enough and self.rest is not None and self.rest.steady

    @property
    def warm(self) -> Warm:
        shape = self.shape or warmup.shape_of(self.rule, self.p50_ns)
        return Warm(self.n, self.elapsed_ns, self.p50_ns, shape, self.rest, self.t0_ns, tuple(self.beats))

    def add(self, window: Window, period_ns: Optional[float]) -> None:
        self.n += window.n
        self.elapsed_ns += window.elapsed_ns
        middle_ns = int(warmup.middle_ns(window.latency_ns))
        shape = self._fitted(max(middle_ns, period_ns or 0.0))
        whole = window.n >= shape.iterations and window.elapsed_ns >= self.rule.window_ns
        if whole or not self.levels:
            self.p50_ns = middle_ns
        if not whole:
            return
        self.levels.append(warmup.level(window.latency_ns))
        glance = self.look(window.t1_ns)
        self.glances.append(glance)
        self.beats.append(Beat(window.t1_ns, middle_ns, glance.held))
        self.rest = self._judged(shape.windows)

    def _fitted(self, step_ns: float) -> Shape:
        """As fine as the fastest window allows: the first calls may be far slower than the model is."""
        self.step_ns = min(self.step_ns, step_ns)
        shape = warmup.shape_of(self.rule, self.step_ns)
        if shape != self.shape:
            self.shape, self.rest = shape, None
            self.levels.clear()
            self.glances.clear()
        return shape

    def _judged(self, windows: int) -> Optional[Rest]:
        last, glances = list(self.levels)[-windows:], list(self.glances)[-windows:]
        return _judged(last, self.rule, glances) if len(last) == windows else None


def settle(warm: Warm, rule: Rule, measure: Callable[[int], Trial[Reading]]) -> Settled[Reading]:
    """Measures a slot and judges its own windows: one that does not rest becomes warm-up while that has time left.

    `measure` is told the median latency that it may expect.
    """
    slides = 0
    while True:
        trial = measure(warm.p50_ns)
        slot = trial.timed.slot
        levels = slot_levels(slot, rule)
        rest = _judged(levels, rule, trial.glances) if levels else None
        slid = _with(warm, slot, rule)
        if rest is None or rest.steady or slid.elapsed_ns >= rule.most_ns:
            return Settled(trial, warm, slides, rest or _still_broken(warm))
        warm, slides = slid, slides + 1


def slot_levels(slot: Slot, rule: Rule) -> List[float]:
    latency_ns = np.frombuffer(slot.room.latency_ns, np.int64)[: slot.n]
    return warmup.slot_levels(latency_ns, slot.t1_ns - slot.t0_ns, rule)


def _judged(levels: List[float], rule: Rule, glances: Sequence[Glance]) -> Rest:
    heat_mc = trend.rate_mc([(glance.t_ns, glance.temp_mc) for glance in glances])
    cooling = max((glance.cooling for glance in glances if glance.cooling is not None), default=None)
    return warmup.rest_of(levels, rule, heat_mc, cooling)


def _with(warm: Warm, slot: Slot, rule: Rule) -> Warm:
    """The warm-up, longer by a slot that does not count."""
    p50_ns = int(warmup.middle_ns(slot.latency_ns)) if slot.n else warm.p50_ns
    elapsed_ns = warm.elapsed_ns + max(0, slot.t1_ns - slot.t0_ns)
    beats = (*warm.beats, *_beats(slot, rule))
    return replace(warm, n=warm.n + slot.n, elapsed_ns=elapsed_ns, p50_ns=p50_ns, beats=beats)


def _beats(slot: Slot, rule: Rule) -> Iterator[Beat]:
    """A slot as windows of as many iterations each, about as long as the rule's."""
    latency_ns, length_ns = slot.latency_ns, max(0, slot.t1_ns - slot.t0_ns)
    count = min(slot.n, max(1, length_ns // max(1, rule.window_ns)))
    for k in range(count):
        part = latency_ns[k * slot.n // count : (k + 1) * slot.n // count]
        yield Beat(slot.t0_ns + (k + 1) * length_ns // count, int(warmup.middle_ns(part)))


def _still_broken(warm: Warm) -> Optional[Rest]:
    """A slot too short to tell: what the warm-up saw to its end counts, but its rest proves nothing of the slot."""
    return warm.rest if warm.rest is not None and not warm.rest.steady else None
