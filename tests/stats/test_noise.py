"""The simulators are calibrated: each shows the error that its naive method is known for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind

from noise import CLASSES, DIFFERENCES, generator, iterations, normal, sequential, true_quantile


@pytest.mark.parametrize(("phi", "low", "high"), [(0.5, 0.79, 0.84), (0.9, 0.38, 0.45)])
@pytest.mark.parametrize("spiky", [False, True])
def test_iterations_taken_for_independent_give_an_interval_that_covers_too_rarely(
    phi: float, low: float, high: float, *, spiky: bool
) -> None:
    ordered = np.sort(iterations(generator(1), (2000, 1000), phi, spiky=spiky), axis=1)
    reach = norm.ppf(0.975) * np.sqrt(0.25 / 1000)
    ends = ordered[:, int(1000 * (0.5 - reach)) - 1], ordered[:, int(np.ceil(1000 * (0.5 + reach))) - 1]
    truth = true_quantile(0.5, spiky=spiky)
    assert low <= np.mean((ends[0] <= truth) & (truth <= ends[1])) <= high


def test_a_percentile_bootstrap_of_ten_launches_covers_too_rarely() -> None:
    rng = generator(2)
    sample = normal(rng, (1500, 10), 0.01)
    means = np.stack([sample[:, rng.integers(0, 10, 10)].mean(axis=1) for _ in range(400)], axis=1)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    assert 0.86 <= np.mean((low <= 0) & (high >= 0)) <= 0.91


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_difference_is_centred(name: str) -> None:
    draws = DIFFERENCES[name](generator(3), (400_000,), 0.01)
    assert abs(np.median(draws)) < 1.5e-4


@pytest.mark.parametrize(("name", "errors"), [("quiet", 0.15), ("typical", 0.27), ("noisy", 0.34)])
def test_one_variant_after_the_other_is_called_different_far_too_often(name: str, errors: float) -> None:
    first, second = sequential(generator(5), 6000, 10, CLASSES[name])
    rejected = np.mean(ttest_ind(first, second, axis=1, equal_var=False).pvalue < 0.01)
    assert rejected == pytest.approx(errors, abs=0.025)
