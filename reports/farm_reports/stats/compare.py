"""Intervals of a change in logs, with the floor for a bias that all blocks of a run share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farm_reports.stats import signed_rank
from farm_reports.stats.power import BIAS, NOISE_SHARE, READING, z

Floats = NDArray[np.float64]
DRAWS = 4000


@dataclass(frozen=True)
class Interval:
    """An estimate and its limits; infinite limits where there are too few blocks for any."""

    estimate: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def error(self) -> float:
        """The standard error that a 95 % interval stands for."""
        return (self.high - self.low) / (2 * z(READING))


def interval(values: Floats, side: float = READING) -> Interval:
    """Hodges-Lehmann estimate of at least one value, with its exact interval."""
    averages = signed_rank.walsh(values)
    low, high = signed_rank.limits(averages, values.size, side)
    return Interval(float(signed_rank.estimate(averages)), float(low), float(high))


def change(differences: Floats, side: float = READING, floor: float | None = None) -> Interval:
    """A paired change in logs: the exact interval, widened by the board's own floor, or by `assumed_bias` without one."""
    estimate, low, high = changes(differences, side, held(differences, floor))
    return Interval(float(estimate), float(low), float(high))


def changes(differences: Floats, side: float, bias: float | Floats) -> tuple[Floats, Floats, Floats]:
    """Of many runs at once, blocks on the last axis: (estimates, lows, highs), widened by the `bias` of each run."""
    averages = signed_rank.walsh(differences)
    estimates = signed_rank.estimate(averages)
    low, high = signed_rank.limits(averages, differences.shape[-1], side)
    reach = z(side) * bias
    return estimates, estimates - np.hypot(estimates - low, reach), estimates + np.hypot(high - estimates, reach)


def held(differences: Floats, floor: float | None) -> float | Floats:
    """The bias that an interval holds: the board's own `floor`, else what is assumed of a board that has none."""
    return assumed_bias(differences) if floor is None else floor


def assumed_bias(differences: Floats) -> Floats:
    """What all blocks of a run may share, on a board that was never measured against itself; runs on the first axes.

    Never below the default, and a share of the noise between the pairs: 0.5 % means nothing on a machine whose
    launches differ by 20 %.
    """
    return np.maximum(BIAS, NOISE_SHARE * mad_sd(differences))


def mad_sd(values: Floats) -> Floats:
    """The standard deviation that the median absolute deviation of a normal sample (last axis) stands for."""
    middle = np.median(values, axis=-1, keepdims=True)
    return np.asarray(1.4826 * np.median(np.abs(values - middle), axis=-1))


def probability_best(estimates: Sequence[float], errors: Sequence[float], seed: int, bias: float = BIAS) -> list[float]:
    """The share of seeded draws in which each candidate is the lowest."""
    rng = np.random.Generator(np.random.PCG64(seed))
    spread = np.hypot(np.asarray(errors), bias)
    draws = rng.normal(np.asarray(estimates), spread, size=(DRAWS, len(estimates)))
    return [float(share) for share in np.bincount(draws.argmin(axis=1), minlength=len(estimates)) / DRAWS]
