"""The offset of a board's clock, and the delay of its meter, are found again where they are known."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_orchestrator.meters import align
from farm_orchestrator.meters.align import Sync, Trip

MS = 1_000_000
SECOND_NS = 1_000_000_000
BURNS = [(n * 4 * SECOND_NS + 2 * SECOND_NS, n * 4 * SECOND_NS + 4 * SECOND_NS) for n in range(3)]


def trips(chance: random.Random, offset_ns: int, start_ns: int = 0) -> list[Trip]:
    """Ways there and back that differ, some very slow."""
    found, now = [], start_ns
    for _ in range(align.TRIPS):
        there, back = (int(chance.expovariate(1 / (3 * MS))) + 200_000 for _ in range(2))
        found.append(Trip(now, now + there + offset_ns, now + there + back))
        now += there + back
    return found


@given(st.integers(0, 2**32))
def test_the_offset_lies_within_its_own_error(seed: int) -> None:
    chance = random.Random(seed)
    offset_ns = chance.randint(-(10**15), 10**15)
    told = trips(chance, offset_ns)
    found = align.sync(told)
    assert abs(found.offset_ns - offset_ns) <= found.error_ns
    assert found.error_ns == -(-min(trip.took_ns for trip in told) // 2)


@given(st.integers(0, 2**32))
def test_a_clock_that_drifts_stays_within_what_both_looks_allow(seed: int) -> None:
    chance = random.Random(seed)
    offset_ns, drift = chance.randint(-(10**15), 10**15), chance.uniform(-200e-6, 200e-6)
    launch_ns = chance.randint(SECOND_NS, 900 * SECOND_NS)
    later_ns = offset_ns + int(drift * launch_ns)
    before, after = align.sync(trips(chance, offset_ns)), align.sync(trips(chance, later_ns, launch_ns))
    found = align.over(before, after)
    for share in (0.0, 0.3, 1.0):
        assert abs(found.offset_ns - (offset_ns + share * (later_ns - offset_ns))) <= found.error_ns
    assert found.error_ns <= abs(later_ns - offset_ns) / 2 + before.error_ns + after.error_ns + 1


def test_two_looks_that_agree_are_no_worse_than_one() -> None:
    assert align.over(Sync(0, 100, 10), Sync(9, 100, 10)) == Sync(9, 100, 10)


def series(
    late_ns: int, interval_ns: int, chance: random.Random, noise_w: float = 0.3
) -> tuple[list[int], list[float]]:
    """A board of 3 W that takes 7 W in a burn, read in turns that are not quite even."""
    t_ns = [
        n * interval_ns + chance.randint(0, interval_ns // 10)
        for n in range(-2 * SECOND_NS // interval_ns, 16 * SECOND_NS // interval_ns)
    ]

    def watts(at: int) -> float:
        return (7.0 if any(begin <= at - late_ns < end for begin, end in BURNS) else 3.0) + chance.gauss(0, noise_w)

    return t_ns, [watts(at) for at in t_ns]


@pytest.mark.parametrize("interval_ms", [50, 100, 500, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_a_delay_under_one_reading_is_found_to_within_one(interval_ms: int, seed: int) -> None:
    chance, interval_ns = random.Random(seed), interval_ms * MS
    late_ns = chance.randint(-interval_ns // 3, interval_ns // 3)
    found = align.lag(BURNS, *series(late_ns, interval_ns, chance), interval_ns=interval_ns, lsb_w=0.1)
    assert found.ns is not None, found.reason
    assert abs(found.ns - late_ns) < interval_ns


@pytest.mark.parametrize("seed", range(5))
def test_a_meter_that_is_late_is_told_by_how_much(seed: int) -> None:
    found = align.lag(BURNS, *series(1_500 * MS, 100 * MS, random.Random(seed)), interval_ns=100 * MS, lsb_w=0.1)
    assert found.ns is None
    late = float(found.reason.split(" ms late")[0].rsplit(" ", 1)[1])
    assert late == pytest.approx(1500, abs=100)


def test_a_meter_that_shows_nothing_is_told_what_it_showed() -> None:
    chance = random.Random(1)
    t_ns, power_w = series(0, 100 * MS, chance)
    noise = [chance.gauss(3, 1) for _ in t_ns]
    for watts, lsb_w, why in (
        (noise, 0.1, "does not show the load chirp (correlation 0."),
        ([3.0] * len(t_ns), 0.1, "moved the meter by 0 W"),
        (power_w, 5.0, "a step of it is 5 W"),
    ):
        found = align.lag(BURNS, t_ns, watts, interval_ns=100 * MS, lsb_w=lsb_w)
        assert found.ns is None
        assert why in found.reason
    few = align.lag(BURNS, t_ns[20:25], power_w[20:25], interval_ns=100 * MS, lsb_w=0.1)
    assert few.reason == "5 readings beside the load chirp, 8 are needed"
