"""The interval of a few short launches: too few for ranks, so Student's t, with the floor for a shared bias."""

from __future__ import annotations

import math

import numpy as np

from farm_reports.stats.compare import Floats, Interval, assumed_bias
from farm_reports.stats.power import READING, z

STUDENT = (12.706205, 4.302653, 3.182446)  # two-sided 95 %, by degrees of freedom from 1 on
MOST = len(STUDENT) + 1


def short(logs: Floats) -> Interval:
    """The mean of one to four logs with its 95 % interval; infinite limits where there is a single one."""
    estimate = float(logs.mean())
    if logs.size < 2:
        return Interval(estimate, -math.inf, math.inf)
    reach = STUDENT[logs.size - 2] * float(logs.std(ddof=1)) / math.sqrt(logs.size)
    wide = math.hypot(reach, z(READING) * float(assumed_bias(np.asarray(logs))))
    return Interval(estimate, estimate - wide, estimate + wide)
