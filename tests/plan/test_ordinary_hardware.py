"""Readings against each other on simulated hardware: every fault is found, clean blocks count, nothing is biased by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from farm_orchestrator.model import Phase
from farm_orchestrator.plan import Cause, block_cause, first_slots
from farm_reports import verdict
from farm_reports.readings import Readings
from farm_reports.signs import SIGNS
from farm_reports.stats.compare import change, changes
from farm_reports.stats.power import LEVEL
from farm_reports.throttling import throttled
from noise import CLASSES, RUN_BIAS, Floats, Rng, generator, slots
from noise_readings import FAULTS, PROFILES, Facts, Fault, low_clock, queued_for_a_fifth, quiet, records, spoilt
from plan_support import part_of, row

CLEAN_SLOTS, FAULTY = 500, 50
RUNS, BLOCKS, EXTRA = 500, 10, 5  # half as many blocks more are repeated at most
REJECTIONS = 0.0175  # 99.9 % band of 1 % over 2,000 runs
SLOTS = [slot for slot in first_slots(part_of(2)) if slot.phase == Phase.MEASURE][:2]
LAUNCHES = [row(slot, index) for index, slot in enumerate(SLOTS)]
EVERY_FAULT = [(name, fault) for name, faults in FAULTS.items() for fault in faults]


def found(pair: Sequence[Facts], interference: str = "drop") -> Cause | None:
    rows = [dataclasses.replace(launch, facts=facts) for launch, facts in zip(LAUNCHES, pair, strict=True)]
    return block_cause(rows, interference, cooled=True)


def dropped(pair: Sequence[Facts], interference: str = "drop") -> bool:
    cause = found(pair, interference)
    return cause is not None and cause.drops


def spoil(rng: Rng, pair: Sequence[Facts], fault: Fault) -> list[Facts]:
    """One launch of the two, by chance."""
    which = int(rng.integers(2))
    return [spoilt(rng, facts, fault) if index == which else facts for index, facts in enumerate(pair)]


@pytest.mark.parametrize(("name", "fault"), EVERY_FAULT, ids=[fault.__name__ for _, fault in EVERY_FAULT])
def test_every_fault_is_found_and_called_by_its_name(name: str, fault: Fault) -> None:
    rng = generator(41)
    told = quiet(rng, 2 * FAULTY)
    causes = [found(spoil(rng, told[i : i + 2], fault)) for i in range(0, len(told), 2)]
    assert [(cause.name, cause.drops) for cause in causes if cause] == [(name, True)] * FAULTY
    assert all(cause.text for cause in causes if cause)


def test_no_clean_slot_is_called_anything() -> None:
    told = quiet(generator(42), CLEAN_SLOTS)
    assert [found(told[i : i + 2]) for i in range(0, CLEAN_SLOTS, 2)] == [None] * (CLEAN_SLOTS // 2)


@pytest.mark.parametrize("profile", PROFILES)
def test_clean_blocks_of_ordinary_hardware_count_and_its_runs_get_a_verdict(profile: str) -> None:
    rng = generator(43)
    kept, verdicts, differ = 0, 0, 0
    latencies = slots(rng, RUNS, 2 * (BLOCKS + EXTRA), CLASSES["typical"], caps=False)
    for run in range(RUNS):
        told = records(rng, PROFILES[profile](rng, latencies.shape[1]))
        good = [not dropped(told[i : i + 2]) for i in range(0, len(told), 2)]
        kept += sum(good)
        valid, rejected = repeated(good)
        verdicts += verdict.invalid(len(valid), rejected) is None
        differences = against_itself(rng, latencies[run])[valid]
        found = change(differences, LEVEL / 2)
        differ += found.low > 0 or found.high < 0
    assert kept >= 0.9 * RUNS * (BLOCKS + EXTRA)
    assert verdicts >= 0.99 * RUNS
    assert differ <= REJECTIONS * RUNS


def repeated(good: Sequence[bool]) -> tuple[list[int], int]:
    """The blocks that count and how many were rejected, when each rejected one is repeated while that is allowed."""
    valid = [index for index, fine in enumerate(good) if fine][:BLOCKS]
    attempts = len(good) if len(valid) < BLOCKS else valid[-1] + 1
    return valid, attempts - len(valid)


def against_itself(rng: Rng, latencies: Floats) -> Floats:
    both = latencies.reshape(-1, 2)
    sign = rng.choice([-1.0, 1.0], len(both))
    differences: Floats = sign * (both[:, 0] - both[:, 1]) + rng.normal(0, RUN_BIAS)
    return differences


@pytest.mark.parametrize("fault", [low_clock, queued_for_a_fifth])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_fault_in_one_launch_is_found_on_ordinary_hardware(profile: str, fault: Fault) -> None:
    rng = generator(44)
    told = records(rng, PROFILES[profile](rng, 2 * FAULTY))
    assert all(dropped(spoil(rng, told[i : i + 2], fault)) for i in range(0, len(told), 2))


@pytest.mark.parametrize("profile", PROFILES)
def test_where_interference_is_only_noted_it_drops_nothing(profile: str) -> None:
    rng = generator(45)
    told = records(rng, PROFILES[profile](rng, 2 * FAULTY))
    causes = [found(spoil(rng, told[i : i + 2], queued_for_a_fifth), "note") for i in range(0, len(told), 2)]
    assert [(cause.name, cause.drops) for cause in causes if cause] == [("INTERFERENCE", False)] * FAULTY


@pytest.mark.parametrize("profile", ["fanless", "desktop"])
def test_the_limits_of_a_calibrated_board_would_throw_most_of_its_blocks_away(profile: str) -> None:
    rng = generator(46)
    told = records(rng, PROFILES[profile](rng, 1000))
    assert np.mean([not beyond(told[i]) and not beyond(told[i + 1]) for i in range(0, len(told), 2)]) < 0.5


def beyond(facts: Facts) -> bool:
    said = Readings(facts, SLOTS[0].point)
    return throttled(said) is not None or any((sign.read(said) or 0) > sign.limit for sign in SIGNS)


# A fifth of the blocks is dropped: what is left of a variant against itself.

DROPPED, WHOLE = 0.2, 12
Chooser = Callable[[Rng, Floats], Floats]


def by_canary(rng: Rng, both: Floats) -> Floats:
    """How far the canaries of a block's launches lie apart, each correlated one half with its latency."""
    latency = (both - both.mean()) / both.std()
    canary = 0.5 * latency + np.sqrt(0.75) * rng.normal(size=both.shape)
    apart: Floats = np.abs(canary[..., 0] - canary[..., 1])
    return apart


def by_latency(_: Rng, both: Floats) -> Floats:
    """How much slower the first of the two was."""
    apart: Floats = np.maximum(both[..., 0] - both[..., 1], 0)
    return apart


def rejections(choose: Chooser, name: str) -> float:
    """The share of 2,000 runs of a variant against itself that are called different at 1 %."""
    rng, board = generator(47), CLASSES[name]
    both = slots(rng, 2000, 2 * WHOLE, board).reshape(2000, WHOLE, 2)
    swapped = rng.random((2000, WHOLE, 1)) < 0.5
    both = np.where(swapped, both[..., ::-1], both)
    apart = choose(rng, both)
    scale = 0.04 / np.quantile(apart, 1 - DROPPED)
    bias = rng.normal(0, RUN_BIAS, 2000)
    differ, gone = 0, 0
    for run in range(2000):
        keep = np.array([not dropped(canaries(far * scale)) for far in apart[run]])
        gone += int(np.sum(~keep))
        differences = both[run, keep, 0] - both[run, keep, 1] + bias[run]
        _, low, high = changes(differences, LEVEL / 2, RUN_BIAS)
        differ += int(low > 0 or high < 0)
    assert gone == pytest.approx(DROPPED * 2000 * WHOLE, rel=0.05)
    return differ / 2000


def canaries(apart: float) -> list[Facts]:
    """Two launches whose clocks lie so far apart."""
    times = (10_000.0, 10_000.0 * (1 + apart))
    return [{"canary_clock_before_ns": ns, "canary_clock_after_ns": ns} for ns in times]


@pytest.mark.parametrize("name", CLASSES)
def test_dropping_by_a_canary_that_goes_with_the_latency_finds_no_difference_that_is_not_there(name: str) -> None:
    assert rejections(by_canary, name) <= REJECTIONS


def test_dropping_by_the_latency_itself_would() -> None:
    assert rejections(by_latency, "typical") > REJECTIONS
