"""From repeated measurements to one figure: interleaved pairs with an exact interval, or the middle of a few runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farm_reports.stats import signed_rank

Floats = NDArray[np.float64]
SIDE = 0.025  # of a two-sided 95 % interval


@dataclass(frozen=True)
class Figure:
    """`low` and `high` are the 95 % interval, or the value itself where there is none."""

    value: float
    low: float
    high: float
    note: str = ""

    @property
    def has_interval(self) -> bool:
        return self.low < self.high


def exactly(value: float, note: str = "") -> Figure:
    return Figure(value, value, value, note)


def middle(values: Sequence[float], unit: str, digits: int = 2) -> Figure:
    """The median of runs that had no partner."""
    return exactly(float(np.median(values)), spread(values, unit, digits))


def worst(values: Sequence[float], unit: str, digits: int = 2) -> Figure:
    return exactly(max(values), spread(values, unit, digits))


def spread(values: Sequence[float], unit: str, digits: int = 2) -> str:
    if len(values) == 1:
        return "1 run"
    return f"{len(values)} runs, {min(values):.{digits}f} to {max(values):.{digits}f} {unit}"


def interleaved(arms: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Floats]:
    """Forward and back again in each round (A B B A), so that drift hits all arms alike: two values each per round."""
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(rounds):
        for name in (*arms, *reversed(tuple(arms))):
            taken[name].append(arms[name]())
    return {name: np.asarray(values) for name, values in taken.items()}


def ratio(above: Floats, below: Floats) -> Figure:
    """Of paired positive values, over the logarithms of their ratios."""
    value, low, high = _hodges_lehmann(np.log(above / below))
    return Figure(math.exp(value), math.exp(low), math.exp(high), _pairs(above))


def difference(left: Floats, right: Floats) -> Figure:
    return Figure(*_hodges_lehmann(left - right), _pairs(left))


def _hodges_lehmann(pairs: Floats) -> tuple[float, float, float]:
    """Estimate and limits; fewer pairs than an interval takes have none, so the estimate stands for both."""
    averages = signed_rank.walsh(pairs)
    value = float(signed_rank.estimate(averages))
    low, high = signed_rank.limits(averages, pairs.size, SIDE)
    return (value, float(low), float(high)) if np.isfinite(low) else (value, value, value)


def _pairs(values: Floats) -> str:
    few = signed_rank.cut(values.size, SIDE) == 0
    return f"{values.size} pairs" + (", too few for an interval" if few else "")
