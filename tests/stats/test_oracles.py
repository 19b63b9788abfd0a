"""Estimates and intervals against independent computations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import wilcoxon

from farm_reports.stats.compare import change, interval, mad_sd, probability_best
from farm_reports.stats.launch import floor, quantile, summarise, tau, upper_bound
from farm_reports.stats.power import detectable, planned_blocks
from farm_reports.stats.signed_rank import Floats, _cumulative, cut, limits, walsh
from noise import ar1, generator

# values; estimate and limits at 95 % and 99 %, and the one-sided p, as R 4.2.2 prints them with 17 digits:
# wilcox.test(x, conf.int = TRUE, conf.level = ...) and wilcox.test(x, alternative = "greater")
VECTORS = {
    "even": (
        [0.31, -0.12, 0.55, 0.48, 0.02, 0.17, 0.29, 0.44],
        (0.28749999999999998, 0.025000000000000008, 0.47999999999999998),
        (0.28749999999999998, -0.12, 0.55000000000000004),
        0.011718750000000003,
    ),
    "small": ([1.0, 2.5, 2.75, 4.0, 5.5, 9.0], (4.0, 1.0, 9.0), None, 0.015625000000000007),
    "shifted": (
        [-3.1, -2.9, -2.95, -3.4, -3.05, -2.7, -3.3, -3.2, -2.85, -3.0],
        (-3.0499999999999998, -3.2000000000000002, -2.8999999999999999),
        (-3.0499999999999998, -3.2999999999999998, -2.8250000000000002),
        1.0,
    ),
    "outlier": (
        [0.1, 0.12, 0.09, 0.11, 0.13, 0.08, 0.105, 7.0],
        (0.11, 0.089999999999999997, 3.5550000000000002),
        (0.11, 0.080000000000000002, 7.0),
        0.0039062500000000009,
    ),
    "paired": (
        [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01],
        (0.46000000000000008, 0.010000000000000009, 0.78600000000000003),
        (0.46000000000000008, -0.11350000000000005, 0.9870000000000001),
        0.01953125,
    ),
    "long": (
        [-0.0131, 0.0074, 0.0205, -0.0042, 0.0163, 0.0011, 0.0098, -0.0087, 0.0256, 0.0034,
         0.0147, -0.0193, 0.0061, 0.0119, 0.0302, -0.0026, 0.0083, 0.0178, 0.0045, -0.0065],
        (0.0061749999999999999, -0.00019999999999999966, 0.012299999999999998),
        (0.0061749999999999999, -0.0024000000000000002, 0.0147),
        0.026584625244140625,
    ),
}  # fmt: skip
# equal values, of which R gives an approximation: enumerated in fractions over all 2^B signs
TIES = ([0.5, 0.5, 0.25, 0.75, 0.5, 0.25, 1.0, 0.5, 0.75], 0.5, 0.375, 0.75)
FINITE = st.floats(-0.5, 0.5, allow_nan=False).map(lambda value: round(value, 6))


def samples(least: int, most: int) -> st.SearchStrategy[Floats]:
    return st.integers(least, most).flatmap(lambda count: arrays(np.float64, count, elements=FINITE))


@pytest.mark.parametrize("name", VECTORS)
def test_estimate_and_limits_equal_those_of_r(name: str) -> None:
    values, at_95, at_99, _ = VECTORS[name]
    for side, expected in ((0.025, at_95), (0.005, at_99)):
        found = interval(np.array(values), side)
        if expected is None:
            assert not found.known, "R falls back to another level here and says so"
        else:
            assert (found.estimate, found.low, found.high) == pytest.approx(expected, rel=0, abs=1e-12)


def test_equal_values_have_the_limits_of_all_signs() -> None:
    values, *expected = TIES
    found = interval(np.array(values))
    assert [found.estimate, found.low, found.high] == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("name", VECTORS)
def test_the_signed_rank_p_equals_that_of_r_and_of_scipy(name: str) -> None:
    values, *_, p = VECTORS[name]
    assert p_greater(np.array(values)) == pytest.approx(p, rel=1e-12)
    assert p_greater(np.array(values)) == pytest.approx(
        wilcoxon(values, alternative="greater", method="exact").pvalue, rel=1e-12
    )


def p_greater(values: Floats) -> float:
    """P(W+ >= w) from the distribution that the limits are cut from; by symmetry P(W+ <= B(B+1)/2 - w)."""
    averages = walsh(values)
    return float(_cumulative(values.size)[averages.size - np.count_nonzero(averages > 0)])


@pytest.mark.parametrize("side", [0.025, 0.01, 0.005])
@pytest.mark.parametrize("count", [8, 9, 12, 17, 24, 40])
def test_a_shift_lies_inside_the_limits_exactly_where_scipy_does_not_reject_it(count: int, side: float) -> None:
    values = np.random.default_rng(count).normal(0.01, 0.02, count)
    low, high = limits(walsh(values), count, side)
    for beyond_low in (values - low, high - values):
        outside, inside = (
            wilcoxon(beyond_low + hair, alternative="greater", method="exact").pvalue for hair in (1e-9, -1e-9)
        )
        assert outside <= side < inside


@pytest.mark.parametrize("count", range(1, 13))
@pytest.mark.parametrize("side", [0.025, 0.01, 0.005, 0.001])
def test_the_cut_equals_an_enumeration_of_all_signs(count: int, side: float) -> None:
    signs = itertools.product((0, 1), repeat=count)
    totals = np.bincount([sum(rank for rank, up in enumerate(row, 1) if up) for row in signs])
    assert cut(count, side) == int(np.sum(np.cumsum(totals) / 2**count <= side))


@given(samples(6, 30))
@settings(max_examples=100, deadline=None)
def test_swapping_the_arms_negates_everything_exactly(values: Floats) -> None:
    one, other = change(values), change(-values)
    assert (other.estimate, other.low, other.high) == (-one.estimate, -one.high, -one.low)


@given(samples(6, 20), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_blocks_changes_nothing(values: Floats, random: object) -> None:
    mixed = list(values)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert change(np.array(mixed)) == change(values)


def test_another_unit_changes_no_ratio() -> None:
    rng = np.random.default_rng(4)
    arms = rng.lognormal(1, 0.01, (2, 12))
    in_ms, in_us = (np.log(arms[0] * unit) - np.log(arms[1] * unit) for unit in (1.0, 1000.0))
    one, other = change(in_ms), change(in_us)
    assert (one.low, one.estimate, one.high) == pytest.approx((other.low, other.estimate, other.high), abs=1e-12)


@pytest.mark.parametrize(("gated", "blocks"), [(1, 7), (5, 9), (20, 11), (100, 14)])
def test_the_fewest_blocks_that_can_decide_so_many_gates(gated: int, blocks: int) -> None:
    assert planned_blocks(1, gated) == blocks
    assert cut(blocks, 0.01 / gated) == 1
    assert cut(blocks - 1, 0.01 / gated) == 0


def test_six_blocks_have_an_interval_and_five_have_none() -> None:
    assert cut(6, 0.025) == 1
    low, high = limits(walsh(np.arange(5.0)), 5, 0.025)
    assert (float(low), float(high)) == (-math.inf, math.inf)
    assert not change(np.arange(5.0)).known


def test_quantiles_are_of_type_eight() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0])
    ordered = np.sort(values)
    for p in (0.3, 0.5, 0.8):
        place = p * (values.size + 1 / 3) + 1 / 3
        whole = math.floor(place)
        by_hand = ordered[whole - 1] + (place - whole) * (ordered[whole] - ordered[whole - 1])
        assert quantile(values, p) == pytest.approx(by_hand, abs=1e-12)
        assert quantile(values, p) == np.quantile(values, p, method="median_unbiased")


@pytest.mark.parametrize(("p", "least"), [(0.90, 64), (0.95, 130), (0.99, 662)])
def test_the_early_stopping_bound_needs_as_many_queries_as_mlperf_says(p: float, least: int) -> None:
    values = np.arange(float(least))
    assert upper_bound(values, p, least) == values[-2]
    assert upper_bound(values[:-1], p, least - 1) is None


def test_the_early_stopping_bound_lies_above_the_quantile_in_99_of_100_samples() -> None:
    rng = np.random.default_rng(8)
    truth = 1.2815515655446004  # of a normal, p90
    bounds = [upper_bound(rng.normal(size=400), 0.9, 400) for _ in range(1000)]
    assert sum(bound is not None and bound >= truth for bound in bounds) >= 980  # 99.9 % band of 99 %


def test_the_floors_of_the_tails() -> None:
    assert (floor(0.90), floor(0.95), floor(0.99)) == (200, 400, 2000)


def test_a_slot_tells_only_the_tails_it_has_iterations_for() -> None:
    rng = np.random.default_rng(1)
    ns = (4e6 * rng.lognormal(0, 0.02, 1000)).astype(np.int64)
    found = summarise(ns)
    assert (found.n, found.min_ns, found.max_ns) == (1000, ns.min(), ns.max())
    assert found.p90_ns is not None
    assert found.p95_ns is not None
    assert found.p99_ns is None
    assert found.p50_ns == round(quantile(ns, 0.5))
    assert summarise(ns[:150]).p90_ns is None


def test_a_slot_of_equal_or_single_iterations_has_figures() -> None:
    assert summarise(np.full(300, 7)).n_eff == 300
    assert summarise(np.array([7])).p50_ns == 7


def test_correlated_iterations_count_for_less() -> None:
    steps = np.random.default_rng(2).normal(size=4000)
    series = np.cumsum(steps) * 1000 + 10**8
    assert summarise(series.astype(np.int64)).n_eff < 200 < summarise((steps * 1e3 + 1e6).astype(np.int64)).n_eff


@pytest.mark.parametrize("phi", [0.0, 0.9, 0.999])
@pytest.mark.parametrize("n", [2, 7, 1_000, 1_024, 1_025, 20_000])
def test_the_correlation_time_is_geyer_s_by_definition(n: int, phi: float) -> None:
    series = ar1(generator(n), (n,), phi, 1.0)
    centred = series - series.mean()
    lags = np.correlate(centred, centred, "full")[n - 1 :] / (centred @ centred)
    pairs = lags[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    kept = list(itertools.takewhile(lambda pair: pair > 0, pairs))
    assert tau(series) == pytest.approx(max(1.0, 2 * sum(itertools.accumulate(kept, min)) - 1), rel=1e-9)


def test_mad_sd_is_the_standard_deviation_of_a_normal_sample() -> None:
    assert mad_sd(np.random.default_rng(3).normal(0, 2, 100_000)) == pytest.approx(2, rel=0.02)


def test_probability_best_is_seeded_and_knows_a_tie_from_a_lead() -> None:
    clear = probability_best([0.0, 0.1], [0.002, 0.002], seed=1)
    tie = probability_best([0.0, 0.0], [0.002, 0.002], seed=1)
    assert clear[0] == 1.0
    assert 0.45 < tie[0] < 0.55
    assert probability_best([0.0, 0.003], [0.002, 0.002], 7) == probability_best([0.0, 0.003], [0.002, 0.002], 7)


def test_more_blocks_see_smaller_effects_down_to_the_bias() -> None:
    effects = [detectable(blocks, 0.006) or math.inf for blocks in (8, 12, 20, 40, 10_000)]
    assert effects == sorted(effects, reverse=True)
    assert effects[-1] == pytest.approx(math.expm1(0.005 + 3.605 * 0.005), abs=2e-4)
    assert detectable(2, 0.006) is None


def test_the_distribution_of_many_blocks_is_still_exact() -> None:
    assert planned_blocks(1, 1, 1e-12) == 40
    assert [cut(blocks, 1e-12) for blocks in (39, 40)] == [0, 1]
    assert cut(200, 0.025) == pytest.approx(200 * 201 / 4 - 1.96 * math.sqrt(200 * 201 * 401 / 24), rel=0.005)
