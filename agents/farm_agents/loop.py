"""The timed loop, over anything that can be called and a clock; it knows no onnxruntime, no files, no statistics."""

import gc
from array import array
from dataclasses import dataclass
from typing import Any, Callable, Generic, Optional, Protocol, TypeVar

from farm_agents.clock import Clock

SECOND_NS = 1_000_000_000
ROOM = 1.5  # times what the warm-up promises; 1.2 was filled where launches have two speeds 22 % apart
MOST = 1_000_000  # iterations of a slot: 8 MB of latencies
RING = 1 << 16  # latencies that a window of the warm-up keeps, the last ones
SETTLE = 10  # iterations before the slot that bring back the caches
Reading = TypeVar("Reading")


class Runtime(Protocol):
    """One inference is `call(binding)`."""

    @property
    def call(self) -> Callable[[Any], None]: ...
    @property
    def binding(self) -> Any: ...


@dataclass(frozen=True)
class Pace:
    """Calls start at `origin_ns` and whole periods after it; None: one after the other."""

    origin_ns: int
    period_ns: Optional[float]


@dataclass(frozen=True)
class Spans:
    """When a window of the warm-up begins and ends: at `window_ns` and `least` iterations, or at `left_ns`."""

    t0_ns: int
    window_ns: int
    least: int
    left_ns: int


@dataclass(frozen=True)
class Window:
    """A window of the warm-up: its count, its ends, the latencies that found room."""

    n: int
    t0_ns: int
    t1_ns: int
    latency_ns: "array[int]"

    @property
    def elapsed_ns(self) -> int:
        return max(0, self.t1_ns - self.t0_ns)


@dataclass(frozen=True)
class Limits:
    """When a slot ends: at `slot_ns`, but not before `least` iterations unless `cap_ns` is reached."""

    slot_ns: int
    cap_ns: int
    least: int
    period_ns: Optional[float] = None


@dataclass(frozen=True)
class Buffers:
    """Preallocated room for a slot; every page is written, so that none is faulted in during the slot."""

    latency_ns: "array[int]"
    start_delay_ns: Optional["array[int]"]


@dataclass(frozen=True)
class Slot:
    """Raw data of a slot. `missed`: paced calls that overran their period. `capped`: the buffer filled first.

    The first `n` entries of the room count; they are cut out on demand, when nothing is counted any more.
    """

    t0_ns: int
    t1_ns: int
    n: int
    room: Buffers
    capped: bool
    missed: Optional[int]

    @property
    def latency_ns(self) -> "array[int]":
        return self.room.latency_ns[: self.n]

    @property
    def start_delay_ns(self) -> Optional["array[int]"]:
        delays = self.room.start_delay_ns
        return None if delays is None else delays[: self.n]


@dataclass(frozen=True)
class Timed(Generic[Reading]):
    """A slot between two readings of the counters."""

    slot: Slot
    before: Reading
    after: Reading


def window(runtime: Runtime, clock: Clock, ring: "array[int]", pace: Pace, spans: Spans) -> Window:
    """Iterations of the warm-up until both the time and the count of a window are reached, or no time is left.

    A clock that goes back ends the window: nothing that it says of its length is true.
    """
    call, binding, now, sleep_until = runtime.call, runtime.binding, clock.now, clock.sleep_until
    room, period, t0 = len(ring), pace.period_ns, spans.t0_ns
    n, b = 0, t0
    while True:
        if period is not None:
            sleep_until(pace.origin_ns + _multiple(b - pace.origin_ns, period))
        a = now()
        call(binding)
        b = now()
        ring[n % room] = b - a
        n += 1
        passed = b - t0
        if (passed >= spans.window_ns and n >= spans.least) or not 0 <= passed < spans.left_ns or n >= MOST:
            return Window(n, t0, b, ring[: min(n, room)])


def _multiple(elapsed_ns: int, period_ns: float) -> int:
    """The first multiple of the period that is not before `elapsed_ns`."""
    return int(-(-elapsed_ns // period_ns) * period_ns)


def again(runtime: Runtime, clock: Clock, most: int) -> None:
    """A few iterations that nobody times; of a slow model fewer, but one at least."""
    start = clock.now()
    for _ in range(most):
        runtime.call(runtime.binding)
        if clock.now() - start >= SECOND_NS:
            return


def most_iterations(limits: Limits, p50_ns: int) -> int:
    """Room for more iterations than the warm-up promises, since a processor may speed up; at most 8 MB."""
    step_ns = max(1.0, float(p50_ns), limits.period_ns or 0.0)
    return int(min(MOST, max(limits.least, -(-ROOM * limits.slot_ns // step_ns))))


def buffers(n: int, *, paced: bool) -> Buffers:
    return Buffers(array("q", [0]) * n, array("q", [0]) * n if paced else None)


def timed(
    runtime: Runtime,
    clock: Clock,
    room: Buffers,
    limits: Limits,
    *,
    before: Callable[[], Reading],
    after: Callable[[], Reading],
) -> Timed[Reading]:
    """One slot between two readings of the counters, with the garbage collector emptied, frozen and off."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        again(runtime, clock, SETTLE)
        start = before()
        slot = one_slot(runtime, clock, room, limits)
        return Timed(slot, start, after())
    finally:
        gc.enable()
        gc.unfreeze()


def one_slot(runtime: Runtime, clock: Clock, room: Buffers, limits: Limits) -> Slot:
    if limits.period_ns is None or room.start_delay_ns is None:
        return _tight(runtime, clock, room, limits)
    return _paced(runtime, clock, room, room.start_delay_ns, limits)


def _tight(runtime: Runtime, clock: Clock, room: Buffers, limits: Limits) -> Slot:
    call, binding, now, ts = runtime.call, runtime.binding, clock.now, room.latency_ns
    n_max, enough = len(ts), limits.least - 1
    k = -1
    b = t0 = now()
    t_end, t_cap = t0 + limits.slot_ns, t0 + limits.cap_ns
    for k in range(n_max):
        a = now()
        call(binding)
        b = now()
        ts[k] = b - a
        if b >= t_end and (k >= enough or b >= t_cap):
            break
    return Slot(t0, b, k + 1, room, capped=b < t_end, missed=None)


def _paced(runtime: Runtime, clock: Clock, room: Buffers, delays: "array[int]", limits: Limits) -> Slot:
    call, binding, now, sleep_until = runtime.call, runtime.binding, clock.now, clock.sleep_until
    ts, period = room.latency_ns, limits.period_ns or 0.0
    n_max, enough = len(ts), limits.least - 1
    k = -1
    missed = tick = 0
    b = t0 = now()
    t_end, t_cap = t0 + limits.slot_ns, t0 + limits.cap_ns
    for k in range(n_max):
        deadline = t0 + int(tick * period)
        sleep_until(deadline)
        a = now()
        call(binding)
        b = now()
        ts[k] = b - a
        delays[k] = a - deadline
        tick += 1
        if b > t0 + int(tick * period):
            missed += 1
            tick = int(-(-(b - t0) // period))
        if b >= t_end and (k >= enough or b >= t_cap):
            break
    return Slot(t0, b, k + 1, room, capped=b < t_end, missed=missed)
