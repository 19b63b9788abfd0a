"""Intervals cover what they say, within a launch, between launches and after the stop on width."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from farm_reports.stats import signed_rank
from farm_reports.stats.launch import floor, quantile_interval
from farm_reports.stats.tails import tail
from noise import CLASSES, DIFFERENCES, Floats, generator, iterations, normal, true_quantile


def covered(draws: Floats, side: float) -> float:
    low, high = signed_rank.limits(signed_rank.walsh(draws), draws.shape[-1], side)
    return float(np.mean((low <= 0) & (high >= 0)))


@pytest.mark.parametrize("blocks", [8, 10, 16, 24])
@pytest.mark.parametrize("name", DIFFERENCES)
def test_hodges_lehmann_intervals_of_95_percent_cover(name: str, blocks: int) -> None:
    draws = DIFFERENCES[name](generator(11), (4000, blocks), 0.01)
    assert 0.938 <= covered(draws, 0.025) <= 0.975


@pytest.mark.parametrize("blocks", [8, 10, 16, 24])
@pytest.mark.parametrize("name", DIFFERENCES)
def test_hodges_lehmann_intervals_of_99_percent_cover(name: str, blocks: int) -> None:
    draws = DIFFERENCES[name](generator(12), (4000, blocks), 0.01)
    assert covered(draws, 0.005) >= 0.982


@pytest.mark.parametrize("spiky", [False, True])
@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_the_interval_of_a_launch_median_covers(phi: float, *, spiky: bool) -> None:
    truth = true_quantile(0.5, spiky=spiky)
    assert launches_covered(phi, 0.5, 1000, truth, spiky=spiky, repetitions=1000) >= 0.926


@pytest.mark.parametrize("spiky", [False, True])
def test_without_the_effective_sample_size_the_same_check_fails(
    monkeypatch: pytest.MonkeyPatch, *, spiky: bool
) -> None:
    monkeypatch.setattr("farm_reports.stats.launch.tau", lambda _: 1.0)
    truth = true_quantile(0.5, spiky=spiky)
    assert launches_covered(0.5, 0.5, 1000, truth, spiky=spiky, repetitions=1000) < 0.90


@pytest.mark.parametrize("spiky", [False, True])
@pytest.mark.parametrize(
    ("p", "phi", "n"),
    [(0.95, 0.0, 1000), (0.95, 0.5, 2000), (0.95, 0.9, 8000), (0.99, 0.0, 4000), (0.99, 0.5, 8000)],
)
def test_the_interval_of_a_tail_that_is_told_covers(p: float, phi: float, n: int, *, spiky: bool) -> None:
    truth = true_quantile(p, spiky=spiky)
    assert launches_covered(phi, p, n, truth, spiky=spiky, repetitions=1000) >= 0.926


@pytest.mark.long
@pytest.mark.parametrize("spiky", [False, True])
def test_the_interval_of_the_farthest_tail_of_the_slowest_noise_covers(*, spiky: bool) -> None:
    truth = true_quantile(0.99, spiky=spiky)
    assert launches_covered(0.9, 0.99, 40_000, truth, spiky=spiky, repetitions=1000) >= 0.926


def test_a_limit_beyond_the_last_iteration_is_undefined_and_not_the_last_iteration() -> None:
    few = np.arange(30.0)
    assert quantile_interval(few, 0.95).high is None
    assert quantile_interval(-few, 0.05).low is None


@pytest.mark.parametrize(("p", "phi", "n"), [(0.95, 0.0, 380), (0.95, 0.9, 1000), (0.99, 0.0, 1900), (0.99, 0.9, 3000)])
def test_a_tail_below_its_floor_is_never_told(p: float, phi: float, n: int) -> None:
    rng = generator(14)
    for _ in range(100):
        samples = (iterations(rng, (n,), phi, spiky=False) * 1e6).astype(np.int64)
        found = tail([samples], p)
        assert found.n_eff < floor(p)
        assert found.value is None


@pytest.mark.parametrize("launches", [8, 12])
@pytest.mark.parametrize("n", [80, 1000])
def test_the_tail_of_a_cell_covers_in_spite_of_differences_between_launches(launches: int, n: int) -> None:
    """With 1,000 iterations a launch has a p95 of its own; with 80 the tail is that of all launches together."""
    rng, repetitions, sd = generator(15), 1000, CLASSES["typical"].launch
    effects = normal(rng, (repetitions, launches, 1), sd)
    times = (iterations(rng, (repetitions, launches, n), 0.0, spiky=False) * np.exp(effects) * 1e6).astype(np.int64)
    truth = 20e6 * np.exp((0.02 if n == 1000 else np.hypot(0.02, sd)) * norm.ppf(0.95))
    found = [tail(list(run), 0.95) for run in times]
    assert all(one.each_speaks == (n == 1000) for one in found)
    told = [(one.low, one.high) for one in found if one.low is not None and one.high is not None]
    assert len(told) >= 0.95 * repetitions
    assert np.mean([low <= truth <= high for low, high in told]) >= 0.926


def launches_covered(phi: float, p: float, n: int, truth: float, *, spiky: bool, repetitions: int) -> float:
    """The share of launches whose interval holds the truth; only those count whose quantile may be told."""
    rng, many = generator(13), repetitions // 10
    found = [quantile_interval(launch, p) for _ in range(10) for launch in iterations(rng, (many, n), phi, spiky=spiky)]
    told = [one for one in found if one.n_eff >= (floor(p) if p > 0.5 else 0)]
    assert len(told) >= repetitions * 0.9
    hits = [one.low is not None and one.high is not None and one.low <= truth <= one.high for one in told]
    return float(np.mean(hits))
