"""Each metric against a hand-computed value or another library's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from farm_orchestrator.variants import metrics

STREAM = np.random.default_rng(3)
Z, R = STREAM.normal(size=(50, 4)), STREAM.normal(size=(50, 4))
Y = STREAM.integers(0, 4, 50)
EXACT = 1e-12


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 3), (495, 497)])
def test_the_interval_of_a_share_is_wilsons(hits: int, n: int) -> None:
    oracle = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    found = metrics.wilson(hits, n)
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=EXACT)


def test_top1_counts_rows_whose_largest_score_is_the_label() -> None:
    z = np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert metrics.top1(z, np.array([1, 1, 1])).value == pytest.approx(2 / 3, abs=EXACT)


@given(b=st.integers(0, 60), c=st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(b: int, c: int) -> None:
    oracle = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert metrics.mcnemar(b, c) == pytest.approx(oracle, abs=EXACT)


def test_discordant_rows_are_counted_on_each_side() -> None:
    z = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    r = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert metrics.discordant(z, r, np.array([0, 1, 1])) == (1, 1)


def test_the_resolution_of_497_rows_with_one_percent_discordant_is_about_nine_tenths_of_a_point() -> None:
    assert metrics.resolution_pt(2, 3, 497) == pytest.approx(0.88, abs=0.01)


def test_agreement_cosine_and_mae_by_hand() -> None:
    z, r = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[3.0, 0.0], [2.0, 2.0]])
    assert metrics.agreement(z, r) == 0.5
    for rows, value, skipped in (
        (z, (1 + 1 / math.sqrt(2)) / 2, 0),
        (np.array([[0.0, 0], [1, 0]]), 1 / math.sqrt(2), 1),
    ):
        cosine, zero_rows = metrics.cosine(rows, r)
        assert zero_rows == skipped
        assert cosine == pytest.approx(value, abs=EXACT)
    assert metrics.cosine(np.zeros((2, 2)), r) == (None, 2)
    assert metrics.mae(np.array([1.0, 5.0]), np.array([2.0, 3.0])) == 1.5


def test_sqnr_is_ten_log_ten_of_signal_over_noise_and_absent_when_exact() -> None:
    r = np.array([[10.0, 0.0]])
    assert metrics.sqnr_db(np.array([[10.0, 1.0]]), r) == pytest.approx(20.0, abs=EXACT)
    assert metrics.sqnr_db(r, r) is None
    assert metrics.sqnr_db(r, np.zeros((1, 2))) is None


def test_the_calibration_error_of_two_bins_by_hand() -> None:
    """Two rows at confidence 0.8 (one right), two at 0.6 (both right)."""
    sure, unsure = [math.log(0.8), math.log(0.2)], [math.log(0.6), math.log(0.4)]
    z = np.array([sure, sure, unsure, unsure])
    assert metrics.ece(z, np.array([0, 1, 0, 0])) == pytest.approx(0.5 * 0.3 + 0.5 * 0.4, abs=EXACT)


def test_the_calibration_error_follows_its_definition_bin_by_bin() -> None:
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == Y
    total = 0.0
    for low in range(15):
        inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert metrics.ece(Z, Y) == pytest.approx(total, abs=EXACT)


@given(shift=st.floats(-50, 50))
def test_probabilities_do_not_depend_on_a_common_shift_of_the_logits(shift: float) -> None:
    assert metrics.ece(Z + shift, Y) == pytest.approx(metrics.ece(Z, Y), abs=1e-9)
