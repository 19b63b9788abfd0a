"""What launches of one variant after the other would take to be as exact, on a simulated board."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from farm_reports.stats.power import LEVEL
from noise import CLASSES, Floats, generator, sequential

RUNS = 1000
LEAST, MOST, GROWTH = 10, 400, 1.1  # launches of a variant; hyperfine's default is the least
SEED = 61
BOARD = CLASSES["typical"]


@dataclass(frozen=True)
class Sequential:
    """`launches` of each variant; `errors`: the share of A/A runs that are called different at alpha 1 %."""

    launches: int
    errors: float


def as_narrow(half_width: float) -> Sequential:
    """The fewest launches, but for a tenth, whose 95 % interval of Welch is as narrow (logs) in half of the runs.

    Raises RuntimeError where no such number is in reach.
    """
    for launches in _tried():
        one, other = sequential(generator(SEED), RUNS, launches, BOARD)
        if float(np.median(_reach(one, other, 0.025))) <= half_width:
            apart = np.abs(one.mean(axis=1) - other.mean(axis=1))
            return Sequential(launches, float(np.mean(apart > _reach(one, other, LEVEL / 2))))
    raise RuntimeError(f"{MOST} launches of each variant are not as narrow as {half_width:.2%}")


def _tried() -> list[int]:
    steps = math.floor(math.log(MOST / LEAST) / math.log(GROWTH))
    return [round(LEAST * GROWTH**step) for step in range(steps + 1)]


def _reach(one: Floats, other: Floats, side: float) -> Floats:
    """Half of Welch's interval of the difference of two means, run by run."""
    count = one.shape[1]
    a, b = one.var(axis=1, ddof=1) / count, other.var(axis=1, ddof=1) / count
    freedom = (count - 1) * (a + b) ** 2 / (a**2 + b**2)
    reach: Floats = student.ppf(1 - side, freedom) * np.sqrt(a + b)
    return reach
