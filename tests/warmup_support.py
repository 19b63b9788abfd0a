"""Simulated warm-ups of a 20 ms model under a clock that only moves when told to; seeds are explicit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import noise
from farm_agents import loop, steady
from farm_agents.fakes import FakeClock
from farm_agents.loop import Limits, Timed
from farm_agents.measure import limits_of, rule_of
from farm_agents.spec import read
from farm_agents.steady import Glance, Settled, Trial
from farm_agents.warmup import Rule
from farm_agents.wire import Job
from farm_orchestrator.model import PRESETS

MS, SECOND = 1_000_000, 1_000_000_000
BASE_NS = 20 * MS
PHI, SD = 0.6, 0.01
SPIKE_RATE, SPIKE = 0.01, 0.2
HUNTING_S, HUNTING = 8.0, 0.05
HEATING_C = 20.0
CALLS = 4096  # of noise, again and again

Curve = Callable[[float], float]  # seconds since the first call -> latency, 1 at rest


@dataclass(frozen=True)
class Shape:
    """How a latency comes to rest; `temp_c`: what the board's sensor says beside it."""

    curve: Curve
    outliers: int = 0
    temp_c: Curve | None = None


def falling(tau_s: float) -> Curve:
    return lambda t: 1 + 0.3 * math.exp(-t / tau_s)


def hunting(seed: int) -> Curve:
    phase = noise.generator(seed).uniform(0, HUNTING_S)
    return lambda t: 1 + (HUNTING if (t + phase) % HUNTING_S < HUNTING_S / 2 else -HUNTING)


def corpus(name: str, seed: int) -> Shape:
    shapes: dict[str, Shape] = {
        "flat": Shape(lambda _: 1.0),
        "exponential 1 s": Shape(falling(1.0)),
        "exponential 6 s": Shape(falling(6.0)),
        "step at 10 s": Shape(lambda t: 1.12 if t < 10 else 1.0),
        "hunting": Shape(hunting(seed)),
        "outliers first": Shape(lambda _: 1.0, outliers=3),
        "heat ramp": Shape(
            lambda t: 1 - 0.08 / 1.08 * math.exp(-t / 60), temp_c=lambda t: 40 - HEATING_C * math.exp(-t / 60)
        ),
    }
    return shapes[name]


class ShapedRuntime:
    """Each call takes what its shape says at that moment, times a noise that remembers."""

    binding: Any = None

    def __init__(self, clock: FakeClock, shape: Shape, seed: int, base_ns: int = BASE_NS) -> None:
        rng = noise.generator(seed)
        spikes = 1 + SPIKE * (rng.random(CALLS) < SPIKE_RATE)
        drawn = base_ns * np.exp(noise.ar1(rng, (CALLS,), PHI, SD)) * spikes
        drawn[: shape.outliers] *= 10
        self.noise = [*drawn.tolist()]
        self.clock, self.shape, self.calls, self.t0_ns = clock, shape, 0, clock.time_ns

    @property
    def passed_s(self) -> float:
        return (self.clock.time_ns - self.t0_ns) / SECOND

    def call(self, binding: Any) -> None:
        del binding
        self.clock.time_ns += int(self.shape.curve(self.passed_s) * self.noise[self.calls % CALLS])
        self.calls += 1

    def temp_mc(self) -> int | None:
        return None if self.shape.temp_c is None else round(self.shape.temp_c(self.passed_s) * 1000)


def asked(preset: str, **changes: float) -> tuple[Rule, Limits]:
    """What the runner reads out of a job of this preset."""
    digest = "ab" * 32
    model = {"variant": digest, "file": "m.onnx", "bytes": 1}
    recipe = {**PRESETS[preset].to_json(), **changes}
    point = {"provider": "CPUExecutionProvider"}
    work = read(Job("1.1", "measure", model, {"sha256": digest, "arrays": {}}, point, recipe, 60.0))
    return rule_of(work), limits_of(work)


def launch(runtime: Any, clock: FakeClock, preset: str, *, heat: bool = False, **recipe: float) -> Settled[int]:
    """Warm-up, the reading of the peak, slots: as the runner does it."""
    rule, limits = asked(preset, **recipe)
    look = (lambda t_ns: Glance(t_ns, runtime.temp_mc())) if heat else Glance
    warm = steady.warm_up(runtime, clock, rule, limits.period_ns, look)
    loop.again(runtime, clock, 5)

    def measure(p50_ns: int) -> Trial[int]:
        room = loop.buffers(loop.most_iterations(limits, p50_ns), paced=limits.period_ns is not None)
        start = look(clock.now())
        loop.again(runtime, clock, loop.SETTLE)
        slot = loop.one_slot(
            runtime, clock, room, limits
        )  # without the garbage collector: it would be most of the time
        return Trial(Timed(slot, slot.t0_ns, slot.t1_ns), glances=(start, look(clock.now())))

    return steady.settle(warm, rule, measure)


def simulated(name: str, seed: int, preset: str = "standard", *, heat: bool = False, **recipe: float) -> Settled[int]:
    clock = FakeClock()
    return launch(ShapedRuntime(clock, corpus(name, seed), seed), clock, preset, heat=heat, **recipe)


def bias(settled: Settled[int]) -> float:
    """Of the median that would be reported, against the latency at rest."""
    return float(np.median(settled.trial.timed.slot.latency_ns)) / BASE_NS - 1
