"""Simulated readings of ordinary hardware, one record a slot, clean unless a fault is scripted; explicit seeds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from noise import SLOT_S, Floats, Rng, ar1

Facts = dict[str, Any]
WALL_NS = 12_000_000_000
CANARY_NS, CANARY_SD = 10_000, 0.003  # of one reading of the clock's part; memory varies twice as much
WANDER = 0.015  # of a clock that nobody holds
WARMING_S = 20 * 60.0
FALL, RISE_MC = 0.12, 25_000
SLICE_S = 0.003  # how long a thread waits each time it is switched out
BURST_RATE, BURST = 0.01, 0.30


@dataclass(frozen=True)
class Weather:
    """What a board does to `count` consecutive slots: its clock, its heat, and who else is there."""

    slowness: Floats
    temp_mc: Floats
    waited: Floats
    cooling: Floats


def stock(rng: Rng, count: int) -> Weather:
    """Not pinned, nothing reached: the clock wanders, some other work."""
    return Weather(
        ar1(rng, (count,), 0.9, WANDER),
        45_000 + ar1(rng, (count,), 0.9, 1_000),
        rng.uniform(0.001, 0.008, count),
        np.zeros(count),
    )


def fanless(rng: Rng, count: int) -> Weather:
    """Heats up for twenty minutes while its clock falls, and is held back all the while."""
    calm, warm = stock(rng, count), np.minimum(np.arange(count) * SLOT_S / WARMING_S, 1.0)
    return Weather(
        calm.slowness - np.log(1 - FALL * warm), calm.temp_mc + RISE_MC * warm, calm.waited, 1 + np.floor(3 * warm)
    )


def desktop(rng: Rng, count: int) -> Weather:
    """Other programs run, and now and then one of them takes a third of a core."""
    calm = stock(rng, count)
    level = np.clip(0.0225 + ar1(rng, (count,), 0.9, 0.009), 0.005, 0.04)
    waited = np.maximum(level + rng.uniform(-0.005, 0.005, count), 0) + BURST * (rng.random(count) < BURST_RATE)
    return Weather(calm.slowness, 45_000 + rng.uniform(-3_000, 3_000, count), waited, np.zeros(count))


PROFILES: dict[str, Callable[[Rng, int], Weather]] = {"stock": stock, "fanless": fanless, "desktop": desktop}


def quiet(rng: Rng, count: int) -> list[Facts]:
    """Slots that nothing disturbed, on a board that tells everything."""
    calm = stock(rng, count)
    rested = Weather(calm.slowness / 3, calm.temp_mc, rng.uniform(0, 0.002, count), calm.cooling)
    return records(rng, rested)


def records(rng: Rng, weather: Weather) -> list[Facts]:
    """The facts of the launches whose slots these are: one thread on one core."""
    count = len(weather.waited)
    clock = CANARY_NS * np.exp(weather.slowness + CANARY_SD * rng.normal(size=(2, count)))
    memory = 20 * CANARY_NS * np.exp(weather.slowness / 2 + 2 * CANARY_SD * rng.normal(size=(2, count)))
    pressure = weather.waited + rng.uniform(0, 0.004, count)
    return [
        {
            "threads": 1, "cpus": [0], "wall_ns": WALL_NS,
            "cpu_ns": int(WALL_NS * (1 - weather.waited[i])), "run_queue_ns": int(WALL_NS * weather.waited[i]),
            "foreign_cpu_ns": int(WALL_NS * weather.waited[i]), "psi_cpu_some_us": int(WALL_NS / 1000 * pressure[i]),
            "nivcsw": int(weather.waited[i] * WALL_NS / 1e9 / SLICE_S), "majflt": 0, "swap_in_pages": 0,
            "canary_clock_before_ns": float(clock[0, i]), "canary_clock_after_ns": float(clock[1, i]),
            "canary_memory_before_ns": float(memory[0, i]), "canary_memory_after_ns": float(memory[1, i]),
            "temp_mc_launch": int(weather.temp_mc[i]), "temp_mc_start": int(weather.temp_mc[i]) + 8_000,
            "temp_mc_end": int(weather.temp_mc[i]) + 9_000, "cooling_state_max": int(weather.cooling[i]),
            "throttled_bits_start": 0, "throttled_bits_end": 0, "governor_start": "schedutil",
            "governor_end": "schedutil", "devfreq_hz_start": {"dmc": 528_000_000}, "devfreq_hz_end": {"dmc": 2_112_000_000},
        }
        for i in range(count)
    ]  # fmt: skip


# Faults: each changes what was read beside one slot.

Fault = Callable[[Rng, Facts], None]


def slower(facts: Facts, share: float, *parts: str) -> None:
    for part in parts:
        facts[f"canary_{part}_ns"] /= 1 - share


def low_clock(rng: Rng, facts: Facts) -> None:
    slower(facts, rng.uniform(0.08, 0.3), "clock_before", "clock_after", "memory_before", "memory_after")


def clock_falls(rng: Rng, facts: Facts) -> None:
    slower(facts, rng.uniform(0.08, 0.3), "clock_after", "memory_after")


def other_governor(_: Rng, facts: Facts) -> None:
    facts["governor_end"] = "powersave"


def slow_memory_clock(rng: Rng, facts: Facts) -> None:
    facts["devfreq_hz_end"] = {"dmc": int(rng.choice([528_000_000, 1_056_000_000, 1_560_000_000]))}


def held_back(rng: Rng, facts: Facts) -> None:
    low_clock(rng, facts)
    facts["cooling_state_max"] = int(rng.integers(1, 9))


def firmware_holds_back(rng: Rng, facts: Facts) -> None:
    low_clock(rng, facts)
    bit = int(rng.integers(1, 4))
    facts["throttled_bits_end"] = int(rng.choice([1 << bit, 1 << bit + 16, (1 << bit) + (1 << bit + 16)]))


def low_voltage(rng: Rng, facts: Facts) -> None:
    facts["throttled_bits_end"] = int(rng.choice([0x1, 0x10000, 0x10001]))


def hot(rng: Rng, facts: Facts) -> None:
    facts["temp_mc_launch"] += int(rng.choice([-1, 1]) * rng.uniform(12_000, 30_000))


def starved(rng: Rng, facts: Facts) -> None:
    facts["cpu_ns"] = int(facts["cpu_ns"] * rng.uniform(0.3, 0.75))


def queued(rng: Rng, facts: Facts) -> None:
    facts["run_queue_ns"] += int(WALL_NS * rng.uniform(0.03, 0.3))


def queued_for_a_fifth(_: Rng, facts: Facts) -> None:
    facts["run_queue_ns"] += WALL_NS // 5


def neighbour(rng: Rng, facts: Facts) -> None:
    facts["foreign_cpu_ns"] += int(WALL_NS * rng.uniform(0.05, 0.9))


def pressed(rng: Rng, facts: Facts) -> None:
    facts["psi_cpu_some_us"] += int(WALL_NS / 1000 * rng.uniform(0.05, 0.9))


def switched(rng: Rng, facts: Facts) -> None:
    facts["nivcsw"] += int(WALL_NS / 1e9 * rng.uniform(25, 200))


def faulted(rng: Rng, facts: Facts) -> None:
    facts["majflt"] = int(rng.integers(1, 100))


def swapped(rng: Rng, facts: Facts) -> None:
    facts["swap_in_pages"] = int(rng.integers(1, 1000))


def memory_fought_over(rng: Rng, facts: Facts) -> None:
    slower(facts, rng.uniform(0.13, 0.4), "memory_after")


FAULTS: dict[str, tuple[Fault, ...]] = {
    "THROTTLED": (held_back, firmware_holds_back),
    "UNDERVOLT": (low_voltage,),
    "CLOCK_CHANGED": (low_clock, clock_falls, other_governor, slow_memory_clock),
    "INTERFERENCE": (starved, queued, neighbour, pressed, switched, faulted, swapped, memory_fought_over),
    "HOT_START": (hot,),
}


def spoilt(rng: Rng, facts: Facts, fault: Fault) -> Facts:
    changed = copy.deepcopy(facts)
    fault(rng, changed)
    return changed
