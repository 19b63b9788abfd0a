"""Accuracy and closeness: pure functions of finite float64 arrays.

z: scores of the variant [n, k], r: those of the baseline, y: class numbers [n]. Sources: Wilson (1927) for the
interval of a share, McNemar (1947) in its exact binomial form, Guo et al. (2017) for the calibration error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, softmax

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Z_95 = 1.959963984540054
BINS = 15


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float


def top1(z: Floats, y: Labels) -> Interval:
    """Share of rows whose largest score is the label's, with its Wilson 95 % interval."""
    return wilson(int((z.argmax(axis=1) == y).sum()), len(y))


def wilson(hits: int, n: int) -> Interval:
    share, z2 = hits / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def discordant(z: Floats, r: Floats, y: Labels) -> tuple[int, int]:
    """(rows that only the baseline gets right, rows that only the variant gets right)."""
    mine, theirs = z.argmax(axis=1) == y, r.argmax(axis=1) == y
    return int((theirs & ~mine).sum()), int((mine & ~theirs).sum())


def mcnemar(b: int, c: int) -> float:
    """Exact two-sided p that both are right equally often; 1 where no row tells them apart."""
    return min(1.0, 2.0 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0


def resolution_pt(b: int, c: int, n: int) -> float:
    """Half-width of the 95 % interval of the difference in top-1, in points."""
    return 100.0 * Z_95 * math.sqrt(b + c) / n


def agreement(z: Floats, r: Floats) -> float:
    """Share of rows on which both choose the same class; needs no labels and is no accuracy."""
    return float((z.argmax(axis=1) == r.argmax(axis=1)).mean())


def mae(z: Floats, y: Floats) -> float:
    return float(np.abs(z - y).mean())


def sqnr_db(z: Floats, r: Floats) -> float | None:
    """Signal to noise of z against r in dB; None where they are equal bit by bit, or r is nothing but zeros."""
    noise, signal = float(np.square(z - r).sum()), float(np.square(r).sum())
    return 10.0 * math.log10(signal / noise) if noise and signal else None


def cosine(z: Floats, r: Floats) -> tuple[float | None, int]:
    """Mean over rows of the cosine between z and r, and how many rows were skipped for being zero."""
    sizes = np.linalg.norm(z, axis=1) * np.linalg.norm(r, axis=1)
    used = sizes > 0
    value = float(((z * r).sum(axis=1)[used] / sizes[used]).mean()) if used.any() else None
    return value, int((~used).sum())


def ece(z: Floats, y: Labels) -> float:
    """Expected calibration error over 15 equal-width bins of confidence."""
    return _binned(*_gaps(z, y))


def _gaps(z: Floats, y: Labels) -> tuple[Floats, Labels]:
    """Right minus confidence of each row, and its bin (low, high]."""
    confidence = softmax(z, axis=1).max(axis=1)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return (z.argmax(axis=1) == y) - confidence, bins


def _binned(gap: Floats, bins: Labels) -> float:
    """Sum over bins of (share of rows) x abs(mean gap)."""
    return float(np.abs(np.bincount(bins, weights=gap, minlength=BINS)).sum() / len(gap))
