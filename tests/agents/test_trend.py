"""The slope of Theil and Sen, and the rate of a temperature out of readings with holes."""

import numpy as np
import pytest
from scipy.stats import theilslopes

from farm_agents import trend

SECOND = 1_000_000_000


def rate(*readings: tuple[float, int | None]) -> float | None:
    return trend.rate_mc([(int(t_s * SECOND), temp) for t_s, temp in readings])


def test_the_slope_is_that_of_theil_and_sen() -> None:
    rng = np.random.default_rng(5)
    for count in (2, 5, 6, 12):
        times, values = np.cumsum(rng.uniform(0.1, 2.0, count)).tolist(), rng.normal(size=count).tolist()
        expected = theilslopes(values, times).slope
        assert trend.slope([*zip(times, values, strict=True)]) == pytest.approx(expected, abs=1e-12)


def test_a_rate_is_that_of_ten_seconds() -> None:
    assert rate((0, 40_000), (2.5, 40_500), (5, 41_000)) == pytest.approx(2000.0)
    assert rate((0, 41_000), (20, 40_000)) == pytest.approx(-500.0)


def test_one_odd_reading_does_not_move_it() -> None:
    assert rate(*((k, 40_000 + (9_000 if k == 5 else 0)) for k in range(11))) == 0.0


def test_a_hole_between_known_readings_is_bridged_and_one_at_the_end_is_not() -> None:
    assert rate((0, 40_000), (2.5, None), (5, 41_000)) == pytest.approx(2000.0)
    assert rate((0, 40_000), (1, 40_000), (5, None)) is None
    assert rate((0, None), (4, 40_000), (5, 40_000)) is None
    assert rate((0, None), (1, 40_000), (5, 41_000)) == pytest.approx(2500.0)


def test_too_little_tells_nothing() -> None:
    assert rate() is None
    assert rate((0, 40_000)) is None
    assert rate((0, None), (1, None), (2, None)) is None
    assert rate((0, 40_000), (1, None)) is None


@pytest.mark.parametrize("times", [(1, 1), (2, 1), (0, 5, 3)])
def test_a_clock_that_stands_or_goes_back_tells_nothing(times: tuple[int, ...]) -> None:
    assert rate(*((t, 40_000 + t) for t in times)) is None


def test_half_a_degree_in_ten_seconds_still_stands() -> None:
    assert [trend.stands(rate) for rate in (-500.0, 0.0, 500.0, 500.1, -501.0)] == [True, True, True, False, False]
