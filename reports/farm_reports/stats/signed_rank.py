"""Hodges-Lehmann estimates with exact signed-rank intervals; arrays hold blocks on their last axis."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@cache
def _cumulative(blocks: int) -> Floats:
    """P(W+ <= w), w = 0 .. B(B+1)/2, of the signed-rank statistic without ties: convolution over ranks 1..B."""
    mass = np.ones(1)
    for rank in range(1, blocks + 1):
        mass = np.concatenate([mass, np.zeros(rank)]) / 2 + np.concatenate([np.zeros(rank), mass]) / 2
    return np.cumsum(mass)


def cut(blocks: int, side: float) -> int:
    """How many Walsh averages an interval leaves out at either end, plus one; 0: no interval at this level.

    The largest k with P(W+ <= k-1) <= side, the error allowed on one side.
    """
    return int(np.searchsorted(_cumulative(blocks), side * (1 + 1e-12), side="right"))


def walsh(values: Floats) -> Floats:
    """The sorted averages of all pairs i <= j."""
    i, j = np.triu_indices(values.shape[-1])
    averages: Floats = np.sort((values[..., i] + values[..., j]) / 2, axis=-1)
    return averages


def estimate(averages: Floats) -> Floats:
    """Hodges-Lehmann estimate from sorted Walsh averages: their median."""
    middle: Floats = np.median(averages, axis=-1)
    return middle


def limits(averages: Floats, blocks: int, side: float) -> tuple[Floats, Floats]:
    """The exact limits at one-sided level `side`; infinite where so few blocks have none."""
    k = cut(blocks, side)
    if k == 0:
        open_end = np.full(averages.shape[:-1], np.inf)
        return -open_end, open_end
    return averages[..., k - 1], averages[..., averages.shape[-1] - k]


def half_width(values: Floats, side: float = 0.025) -> float:
    """Half the width of the interval of one sample; infinite where it has none."""
    if values.size == 0:
        return math.inf
    low, high = limits(walsh(values), values.size, side)
    return float(high - low) / 2
