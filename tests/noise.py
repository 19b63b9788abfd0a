"""Simulated noise with explicit seeds, in log units: inside a launch, between launches, over a run on one board."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import norm

Floats = NDArray[np.float64]
Rng = np.random.Generator


def generator(seed: int) -> Rng:
    return np.random.Generator(np.random.PCG64(seed))


def ar1(rng: Rng, shape: tuple[int, ...], phi: float, sd: float) -> Floats:
    """A stationary AR(1) along the last axis with marginal standard deviation `sd`."""
    steps = rng.normal(0, sd * np.sqrt(1 - phi**2), shape)
    steps[..., 0] = rng.normal(0, sd, shape[:-1])
    series: Floats = lfilter([1.0], [1.0, -phi], steps, axis=-1)
    return series


# Iterations inside a launch.

ITERATION_SD = 0.02
SPIKE_RATE, SPIKE_MEAN = 0.02, 0.3


def iterations(rng: Rng, shape: tuple[int, ...], phi: float, *, spiky: bool) -> Floats:
    """Latencies of a 20 ms model: lognormal, or the same with rare spikes."""
    times = 20.0 * np.exp(ITERATION_SD * ar1(rng, shape, phi, 1.0))
    return times * _spikes(rng, shape) if spiky else times


@cache
def true_quantile(p: float, *, spiky: bool) -> float:
    """Closed form for lognormal; ten million independent draws for spiky."""
    if not spiky:
        return float(20.0 * np.exp(ITERATION_SD * norm.ppf(p)))
    rng = generator(99)
    draws = 20.0 * np.exp(ITERATION_SD * rng.normal(size=10_000_000))
    return float(np.quantile(draws * _spikes(rng, draws.shape), p))


def _spikes(rng: Rng, shape: tuple[int, ...]) -> Floats:
    return 1 + rng.exponential(SPIKE_MEAN, shape) * (rng.random(shape) < SPIKE_RATE)


# Differences between launches, median (or pseudo-median) zero.

Draw = Callable[[Rng, tuple[int, ...], float], Floats]


def normal(rng: Rng, shape: tuple[int, ...], sd: float) -> Floats:
    return rng.normal(0, sd, shape)


def heavy(rng: Rng, shape: tuple[int, ...], sd: float) -> Floats:
    draws: Floats = rng.standard_t(3, shape) * (sd / np.sqrt(3))
    return draws


def contaminated(rng: Rng, shape: tuple[int, ...], sd: float) -> Floats:
    draws: Floats = rng.normal(0, 1, shape) * np.where(rng.random(shape) < 0.1, 5.0, 1.0)
    return draws * (sd / math.sqrt(0.9 + 0.1 * 25))


def bimodal(rng: Rng, shape: tuple[int, ...], sd: float) -> Floats:
    draws: Floats = 1.5 * rng.choice([-1.0, 1.0], shape) + rng.normal(0, 0.5, shape)
    return draws * (sd / math.sqrt(1.5**2 + 0.5**2))


LOPSIDED, LOPSIDED_CENTRE = 0.5, 1.0594  # sigma of the lognormal, and its pseudo-median (twenty million pairs)
LOPSIDED_SD = math.sqrt((math.exp(LOPSIDED**2) - 1) * math.exp(LOPSIDED**2))


def lopsided(rng: Rng, shape: tuple[int, ...], sd: float) -> Floats:
    """A lognormal, centred at its pseudo-median."""
    return (rng.lognormal(0, LOPSIDED, shape) - LOPSIDED_CENTRE) * (sd / LOPSIDED_SD)


def skewed(rng: Rng, shape: tuple[int, ...], sd: float) -> Floats:
    """The difference of two skewed launches: symmetric, as paired differences are."""
    return (rng.lognormal(0, LOPSIDED, shape) - rng.lognormal(0, LOPSIDED, shape)) * (sd / LOPSIDED_SD / math.sqrt(2))


DIFFERENCES: dict[str, Draw] = {
    "normal": normal, "t3": heavy, "contaminated": contaminated, "bimodal": bimodal, "skewed": skewed,
}  # fmt: skip


# One board, one run.


@dataclass(frozen=True)
class Board:
    """A class of boards: launch effect, heating, slow noise; the rest is common to all."""

    launch: float
    heat: float
    slow: float


# heating is set so that comparing one variant after the other errs in 15 / 27 / 34 % of runs, as on real boards
CLASSES = {
    "quiet": Board(0.004, 0.0085, 0.003),
    "typical": Board(0.006, 0.0270, 0.005),
    "noisy": Board(0.010, 0.0500, 0.008),
}
SLOT_S, HEAT_S, SLOW_PHI = 32.0, 900.0, 0.9
CAP_START, CAP_SLOTS, CAP_SIZE = 0.01, 3.0, 0.08
RUN_BIAS = 0.002
OUTLIER_RATE, OUTLIER_MEAN = 0.02, 0.03


def slots(rng: Rng, runs: int, count: int, board: Board, *, caps: bool = True) -> Floats:
    """What the board adds to `count` consecutive launches of each run: shape (runs, count)."""
    noise, capped = watched_slots(rng, runs, count, board)
    return noise if caps else noise - CAP_SIZE * capped


def watched_slots(rng: Rng, runs: int, count: int, board: Board) -> tuple[Floats, NDArray[np.bool_]]:
    """The same, and which of the launches ran inside a frequency cap, as the board's own readings tell."""
    shape = (runs, count)
    outliers = rng.exponential(OUTLIER_MEAN, shape) * (rng.random(shape) < OUTLIER_RATE)
    heating = board.heat * (1 - np.exp(-np.arange(count) * SLOT_S / HEAT_S))
    noise: Floats = rng.normal(0, board.launch, shape) + ar1(rng, shape, SLOW_PHI, board.slow) + heating + outliers
    capped = _capped(rng, shape)
    return noise + CAP_SIZE * capped, capped


def paired(rng: Rng, runs: int, blocks: int, board: Board, *, effect: float = 0.0, caps: bool = True) -> Floats:
    """Differences (changed minus baseline) of `blocks` randomised blocks of two: shape (runs, blocks)."""
    both = slots(rng, runs, 2 * blocks, board, caps=caps).reshape(runs, blocks, 2)
    first = rng.random((runs, blocks)) < 0.5
    difference: Floats = np.where(first, both[..., 0] - both[..., 1], both[..., 1] - both[..., 0])
    return difference + rng.normal(0, RUN_BIAS, (runs, 1)) + effect


def sequential(rng: Rng, runs: int, blocks: int, board: Board) -> tuple[Floats, Floats]:
    """The same board measured the wrong way: all launches of one variant, then all of the other."""
    both = slots(rng, runs, 2 * blocks, board)
    return both[:, :blocks], both[:, blocks:] + rng.normal(0, RUN_BIAS, (runs, 1))


def _capped(rng: Rng, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Slots inside a frequency cap: an episode starts now and then and lasts a geometric number of slots."""
    starts = rng.random(shape) < CAP_START
    lengths = rng.geometric(1 / CAP_SLOTS, shape)
    ends = np.where(starts, np.arange(shape[-1]) + lengths, 0)
    capped: NDArray[np.bool_] = np.arange(shape[-1]) < np.maximum.accumulate(ends, axis=-1)
    return capped
