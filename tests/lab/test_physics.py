"""Virtual boards heat, throttle and choose their clocks as the equations say, whatever the length of a step."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_lab import physics
from farm_lab.physics import Condition, Hardware, Knobs, Load
from farm_lab.tree import FREQS_KHZ

LOW, HIGH = FREQS_KHZ[0], FREQS_KHZ[-1]
BOARD = Hardware(opps=(FREQS_KHZ,))
NO_TRIP = replace(BOARD, trip_c=None)
FULL = Load(used=1.0)
FREE = Knobs("schedutil", LOW, HIGH)
FASTEST = Knobs("performance", LOW, HIGH)


def pinned(khz: int) -> Knobs:
    return Knobs("userspace", LOW, HIGH, khz)


def played(
    board: Hardware, load: Load | Callable[[float, float], Load], knobs: Knobs, until_s: float, start_c: float = 40.0
) -> Iterator[tuple[float, Condition]]:
    """Steps of every length up to 0.2 s; a load may depend on where a step begins and ends."""
    chance, t, now = Random(7), 0.0, physics.start(board, start_c)
    while t < until_s:
        dt = min(chance.uniform(0.02, 0.2), until_s - t) or 1e-9
        now = physics.step(board, now, load(t, t + dt) if callable(load) else load, [knobs], dt)
        t += dt
        yield t, now


def last(board: Hardware, load: Load | Callable[[float, float], Load], knobs: Knobs, until_s: float) -> Condition:
    return list(played(board, load, knobs, until_s))[-1][1]


def test_heating_follows_the_closed_form_to_a_tenth_of_a_degree() -> None:
    for t, now in played(NO_TRIP, FULL, FASTEST, 90.0):
        assert now.t_c == pytest.approx(85.3 - (85.3 - 40.0) * math.exp(-t / 12.0), abs=0.1)


@pytest.mark.parametrize(
    ("khz", "settled_c"),
    [(600_000, 37.4), (1_000_000, 41.4), (1_500_000, 51.1), (1_800_000, 59.9), (2_400_000, 85.3)],
)
def test_each_clock_settles_at_its_temperature(khz: int, settled_c: float) -> None:
    assert last(NO_TRIP, busy(khz), pinned(khz), 200.0).t_c == pytest.approx(settled_c, abs=0.06)


def busy(khz: int) -> Load:
    """All that a board has at this clock."""
    return Load(used=khz / HIGH)


def test_an_idle_board_settles_at_its_own() -> None:
    assert last(BOARD, Load(), FREE, 200.0).t_c == pytest.approx(35.8, abs=0.06)


def test_the_trip_is_reached_when_the_closed_form_says() -> None:
    expected_s = 12.0 * math.log((85.3 - 40.0) / (85.3 - 60.0))
    reached_s = next(t for t, now in played(BOARD, FULL, FASTEST, 60.0) if now.t_c > 60.0)
    assert reached_s == pytest.approx(expected_s, abs=0.2)
    slowed_s = next(t for t, now in played(BOARD, FULL, FASTEST, 60.0) if now.cool)
    assert reached_s <= slowed_s <= reached_s + physics.REVIEW_S + 0.2


def test_under_full_load_it_settles_one_clock_below_its_highest() -> None:
    now = last(BOARD, FULL, FREE, 200.0)
    assert (now.clocks[0].khz, now.cool) == (1_800_000, 1)
    assert now.t_c == pytest.approx(59.9, abs=0.5)
    assert physics.speed(BOARD, now) == 0.75
    assert now.was_capped


def test_the_energy_of_a_square_wave_is_its_area() -> None:
    def wave(begin: float, end: float) -> Load:
        """One second of load, one of rest, as counters of CPU time see them."""
        return Load(used=(worked(end) - worked(begin)) / (end - begin))

    def worked(t: float) -> float:
        return t // 2 + min(t % 2, 1.0)

    assert last(NO_TRIP, wave, FASTEST, 120.0).energy_j == pytest.approx(120.0 * (6.7 + 1.2) / 2, rel=0.01)


def test_a_time_scale_makes_it_heat_so_many_times_faster() -> None:
    scaled = last(replace(NO_TRIP, time_scale=10.0), FULL, FASTEST, 3.0)
    assert scaled.t_c == pytest.approx(last(NO_TRIP, FULL, FASTEST, 30.0).t_c, abs=0.1)
    assert scaled.energy_j == pytest.approx(3.0 * 6.7)


def test_schedutil_follows_the_load() -> None:
    assert last(BOARD, Load(), FREE, 5.0).clocks[0].khz == LOW
    climbing = [now.clocks[0].khz for _, now in played(NO_TRIP, FULL, FREE, 5.0)]
    assert climbing[-1] == HIGH
    assert last(NO_TRIP, Load(used=0.5), FREE, 20.0).clocks[0].khz == 1_500_000


def test_waiting_for_the_machine_is_no_idleness_of_the_board() -> None:
    now = physics.start(BOARD)
    assert physics.utilisation(BOARD, now, Load(used=0.3, waited=0.9)) == 1.0
    assert physics.utilisation(BOARD, now, Load(used=0.3)) == 0.3


def test_what_throttles_silently_goes_on_asking_for_its_highest_clock() -> None:
    board = replace(BOARD, silent=True)
    now = last(board, FULL, FASTEST, 200.0)
    assert (now.clocks[0].asked_khz, now.clocks[0].khz, now.clocks[0].changes) == (HIGH, 1_800_000, 0)
    assert physics.speed(board, now) == 0.75


def test_the_time_at_each_clock_adds_up_and_changes_are_counted() -> None:
    clock = last(BOARD, FULL, FREE, 60.0).clocks[0]
    assert sum(clock.spent_s) == pytest.approx(60.0)
    assert sum(s > 0 for s in clock.spent_s) > 1
    assert clock.changes >= 1


def test_a_board_without_clocks_heats_all_the_same() -> None:
    bare = Hardware(opps=(), trip_c=None)
    now = physics.start(bare)
    for _ in range(1000):
        now = physics.step(bare, now, FULL, [], 0.1)
    assert now.t_c == pytest.approx(85.3, abs=0.1)
    assert physics.speed(bare, now) == 1.0


@given(
    st.lists(st.integers(100_000, 3_000_000), min_size=1, max_size=12, unique=True).map(sorted),
    st.sampled_from(["performance", "powersave", "userspace", "schedutil", "ondemand", "?"]),
    st.tuples(st.integers(0, 4_000_000), st.integers(0, 4_000_000)), st.integers(0, 12), st.floats(0.0, 1.0),
)  # fmt: skip
def test_a_governor_asks_for_an_opp_within_the_limits(
    opps: list[int], governor: str, limits: tuple[int, int], cool: int, u: float
) -> None:
    highest = physics.cap(opps, cool)
    asked = physics.governed(opps, Knobs(governor, *limits), highest, u, opps[0])
    assert asked in opps
    assert asked <= max(min(limits[1], highest), opps[0])


def test_a_room_that_warms_takes_the_board_with_it() -> None:
    warming = replace(NO_TRIP, drift_c_h=3.0, time_scale=10.0)
    assert last(warming, busy(LOW), pinned(LOW), 360.0).t_c == pytest.approx(37.4 + 3.0, abs=0.1)


def test_without_power_a_board_cools_to_its_room_whatever_runs() -> None:
    assert last(physics.off(BOARD), FULL, FASTEST, 120.0).t_c == pytest.approx(25.0, abs=0.1)


def test_it_is_too_hot_only_where_there_is_such_a_heat() -> None:
    hot = physics.start(BOARD, 85.0)
    assert not physics.overheated(BOARD, hot)
    assert physics.overheated(replace(BOARD, critical_c=85.0), hot)
    assert not physics.overheated(replace(BOARD, critical_c=85.1), hot)


def test_a_clock_that_is_held_down_runs_slower_than_it_is_told() -> None:
    now = last(replace(NO_TRIP, held_khz=1_600_000), FULL, FASTEST, 5.0)
    assert (now.clocks[0].asked_khz, now.clocks[0].khz) == (HIGH, 1_500_000)
    assert physics.speed(BOARD, now) == 0.625
