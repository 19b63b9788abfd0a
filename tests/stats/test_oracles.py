"""Estimates and intervals against independent computations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from farm_reports.stats.compare import change, interval, mad_sd, probability_best
from farm_reports.stats.launch import floor, quantile, summarise, upper_bound
from farm_reports.stats.power import detectable, planned_blocks
from farm_reports.stats.signed_rank import Floats, cut, limits, walsh

# values, Hodges-Lehmann estimate and exact 95 % limits: enumerated in fractions over all 2^B signs
VECTORS = {
    "even": ([0.31, -0.12, 0.55, 0.48, 0.02, 0.17, 0.29, 0.44], 0.2875, 0.025, 0.48),
    "small": ([1.0, 2.5, 2.75, 4.0, 5.5, 9.0], 4.0, 1.0, 9.0),
    "shifted": ([-3.1, -2.9, -2.95, -3.4, -3.05, -2.7, -3.3, -3.2, -2.85, -3.0], -3.05, -3.2, -2.9),
    "outlier": ([0.1, 0.12, 0.09, 0.11, 0.13, 0.08, 0.105, 7.0], 0.11, 0.09, 3.555),
    "ties": ([0.5, 0.5, 0.25, 0.75, 0.5, 0.25, 1.0, 0.5, 0.75], 0.5, 0.375, 0.75),
    "long": ([-0.55, 0.15, -0.45, 0.25, -0.35, 0.35, -0.25, 0.45, -0.15, 0.55, -0.05, 0.65, 0.05], 0.05, -0.2, 0.3),
}
FINITE = st.floats(-0.5, 0.5, allow_nan=False).map(lambda value: round(value, 6))


def samples(least: int, most: int) -> st.SearchStrategy[Floats]:
    return st.integers(least, most).flatmap(lambda count: arrays(np.float64, count, elements=FINITE))


@pytest.mark.parametrize("name", VECTORS)
def test_estimate_and_limits_equal_the_stored_ones(name: str) -> None:
    values, centre, low, high = VECTORS[name]
    found = interval(np.array(values))
    assert (found.estimate, found.low, found.high) == pytest.approx((centre, low, high), abs=1e-12)


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
