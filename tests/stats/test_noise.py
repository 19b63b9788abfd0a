"""The simulators are calibrated: each shows the error that its naive method is known for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind

from noise import (
    CLASSES,
    DIFFERENCES,
    Draw,
    bimodal,
    contaminated,
    generator,
    heavy,
    iterations,
    lopsided,
    normal,
    sequential,
    true_quantile,
)


@pytest.mark.parametrize(("phi", "low", "high"), [(0.5, 0.79, 0.83), (0.9, 0.39, 0.43)])
@pytest.mark.parametrize("spiky", [False, True])
def test_iterations_taken_for_independent_give_an_interval_that_covers_too_rarely(
    phi: float, low: float, high: float, *, spiky: bool
) -> None:
    ordered = np.sort(iterations(generator(1), (4000, 1000), phi, spiky=spiky), axis=1)
    reach = norm.ppf(0.975) * np.sqrt(0.25 / 1000)
    ends = ordered[:, int(1000 * (0.5 - reach)) - 1], ordered[:, int(np.ceil(1000 * (0.5 + reach))) - 1]
    truth = true_quantile(0.5, spiky=spiky)
    assert low <= np.mean((ends[0] <= truth) & (truth <= ends[1])) <= high


# two modes of like weight are the most that a mean can be told from
@pytest.mark.parametrize(
    ("draw", "high"), [(normal, 0.91), (heavy, 0.91), (contaminated, 0.91), (lopsided, 0.91), (bimodal, 0.93)]
)
def test_a_percentile_bootstrap_of_ten_launches_covers_too_rarely(draw: Draw, high: float) -> None:
    rng = generator(2)
    weights = rng.multinomial(10, [0.1] * 10, size=400) / 10
    means = np.sort(draw(rng, (4000, 10), 0.01) @ weights.T, axis=1)
    assert 0.86 <= np.mean((means[:, 9] <= 0) & (means[:, -10] >= 0)) <= high


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_difference_is_centred(name: str) -> None:
    draws = DIFFERENCES[name](generator(3), (400_000,), 0.01)
    assert abs(np.median(draws)) < 1.5e-4


@pytest.mark.parametrize(("name", "errors"), [("quiet", 0.15), ("typical", 0.27), ("noisy", 0.34)])
def test_one_variant_after_the_other_is_called_different_far_too_often(name: str, errors: float) -> None:
    first, second = sequential(generator(5), 6000, 10, CLASSES[name])
    rejected = np.mean(ttest_ind(first, second, axis=1, equal_var=False).pvalue < 0.01)
    assert rejected == pytest.approx(errors, abs=0.025)
