"""A change between two runs: their independent intervals combined, and how far two runs may lie apart by themselves."""

from __future__ import annotations

import math

from farm_reports.stats.compare import Interval
from farm_reports.stats.power import NOISE_SHARE, POWER, READING, z

APART = 0.05  # what two runs of one artefact may differ by, time against time, at least
TIMES_RUN_SD = 4.0


def between(past: Interval, now: Interval, side: float = READING) -> Interval:
    """The difference of two independent 95 % intervals by the square-and-add method, at the one-sided level `side`.

    What blocks of a run share is inside each of the two, so it is inside their difference twice, as it should be. The
    exact limits of 8 blocks end at level 1/256; beyond 95 % they are widened as a normal interval would be.
    """
    change, wider = now.estimate - past.estimate, z(side) / z(READING)
    below = math.hypot(now.estimate - now.low, past.high - past.estimate)
    above = math.hypot(now.high - now.estimate, past.estimate - past.low)
    return Interval(change, change - wider * below, change + wider * above)


def apart(past: Interval, now: Interval, past_launches: int, launches: int) -> float:
    """The change in logs that two runs need, time against time, before it is more than what their days differ by.

    No board has told yet how its runs vary, so half the noise between pairs of launches is taken for it, as for the
    bias of a board that was never measured against itself.
    """
    noise = max(past.error * math.sqrt(past_launches), now.error * math.sqrt(launches))
    run_sd = NOISE_SHARE * math.sqrt(2) * noise
    return max(math.log1p(APART), TIMES_RUN_SD * math.sqrt(2) * run_sd)


def sees(change: Interval, side: float, margin: float) -> float:
    """The true relative change that is called beyond the margin in 95 of 100 such pairs of runs."""
    return math.expm1(margin + (z(side) + z(1 - POWER)) * change.error)
