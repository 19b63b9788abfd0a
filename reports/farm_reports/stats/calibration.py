"""What a board shows when it is measured against itself: the bias its runs share, and the noise of its launches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from farm_reports.stats import signed_rank
from farm_reports.stats.compare import mad_sd
from farm_reports.tables import Calibration, Trial

RUNS = 20  # A/A runs from which on a board's own bias replaces the default
# One-sided level of the interval that a standard error is read from: about one error either way. The limits of the
# 95 % interval lie among the outermost pairs of 8 blocks, where one outlier doubles them.
INNER = 0.16
# The confidence of the limit that is used for the bias. The estimate itself is too small more often than not, and with
# one that is too small a verdict errs at a margin in up to 3 % of runs instead of 1 %.
SURE = 0.8
CLASSES = (("quiet", 0.005), ("typical", 0.008), ("noisy", math.inf))  # launch to launch, up to
Floats = NDArray[np.float64]


def trial(differences: Floats) -> Trial:
    """Of the paired differences in logs of at least 8 blocks."""
    estimate, error = estimates(differences)
    return Trial(float(estimate), float(error), float(mad_sd(differences)) / math.sqrt(2), differences.size)


def calibrated(trials: Sequence[Trial]) -> Calibration:
    """The figures of a board; below RUNS runs there is no bias, with the reason."""
    if not trials:
        return Calibration()
    launch_sd = float(np.median([each.launch_sd for each in trials]))
    bare = Calibration(runs=len(trials), launch_sd=launch_sd, noise=noise(launch_sd))
    known = replace(_clock(trials, _canary(trials, bare)), trials=tuple(each.estimate for each in trials))
    if len(trials) < RUNS:
        return replace(known, reason=f"{len(trials)} of {RUNS} A/A runs are there")
    found = np.array([[each.estimate for each in trials], [each.error for each in trials]])
    idle_mc = [each.idle_mc for each in trials if each.idle_mc is not None]
    return replace(
        known,
        bias=float(bias(*found)),
        floor=float(floor(*found)),
        reason=None,
        idle_mc=float(np.median(idle_mc)) if idle_mc else None,
    )


def estimates(differences: Floats) -> tuple[Floats, Floats]:
    """Of many runs at once, blocks on the last axis: (Hodges-Lehmann estimates, their standard errors)."""
    from scipy.stats import t  # slow to import, and most commands need none

    blocks = differences.shape[-1]
    averages = signed_rank.walsh(differences)
    low, high = signed_rank.limits(averages, blocks, INNER)
    return signed_rank.estimate(averages), (high - low) / (2 * float(t.ppf(1 - INNER, blocks - 1)))


def bias(found: Floats, errors: Floats) -> Floats:
    """s_bias: what the estimates of A/A runs (last axis) vary beyond their own errors."""
    return _beyond(found, errors, 1.0)


def floor(found: Floats, errors: Floats) -> Floats:
    """The upper limit of the same, which the judge takes for it."""
    from scipy.stats import chi2

    free = found.shape[-1] - 1
    return _beyond(found, errors, free / float(chi2.ppf(1 - SURE, free)))


def noise(launch_sd: float) -> str:
    """The class of a board: quiet, typical or noisy."""
    return next(name for name, most in CLASSES if launch_sd <= most)


def _canary(trials: Sequence[Trial], known: Calibration) -> Calibration:
    clock = [each.clock_sd for each in trials if each.clock_sd is not None]
    memory = [each.memory_sd for each in trials if each.memory_sd is not None]
    reasons = [each.canary_reason for each in trials if each.canary_reason]
    return replace(
        known,
        clock_sd=float(np.median(clock)) if clock else None,
        memory_sd=float(np.median(memory)) if memory else None,
        canary_reason=None if clock and memory else next(reversed(reasons), None),
    )


def _clock(trials: Sequence[Trial], known: Calibration) -> Calibration:
    found = [each.eff_khz for each in trials if each.eff_khz is not None]
    reasons = [each.eff_khz_reason for each in trials if each.eff_khz_reason]
    absent = None if found else next(reversed(reasons), None)
    known = replace(known, canary_ns=_median([each.canary_ns for each in trials]))
    return replace(known, eff_khz=_median([each.eff_khz for each in trials]), eff_khz_reason=absent)


def _median(values: Sequence[float | None]) -> float | None:
    """Of those that are known."""
    found = [value for value in values if value is not None]
    return float(np.median(found)) if found else None


def _beyond(found: Floats, errors: Floats, factor: float) -> Floats:
    spread = factor * np.var(found, axis=-1, ddof=1)
    return np.asarray(np.sqrt(np.maximum(0.0, spread - np.mean(errors**2, axis=-1))))
