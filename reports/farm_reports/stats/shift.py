"""Whether a whole distribution moved or only its tail, told from the quantiles that there are iterations for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from farm_reports.explained import DOTS, Moved, QuantileChange
from farm_reports.stats.launch import TYPE_8, effective, floor
from farm_reports.stats.power import SAME

STEPS = (0.5, 0.9, 0.95, 0.99, 0.999)
PROBES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
NS_PER_MS = 1e6
GREW = 0.05  # a tail that moved less is not told from the noise of its few iterations
TWICE = 2.0
HAIR = 1e-9  # 1 - 0.95 is not 0.05

Ns = npt.NDArray[Any]


def reach(pooled: Ns, told: float = 0.0) -> tuple[float, str | None]:
    """The highest quantile with iterations enough, at least `told`; and why it goes no further."""
    highest = told
    for p in (step for step in STEPS if step > told):
        known = effective(pooled, p) if len(pooled) > 1 else float(len(pooled))
        if known < floor(p):
            return highest, f"n_eff {known:.0f} < {floor(p)}"
        highest = p
    return highest, None


def quantile_changes(mine: Ns, other: Ns, most: float) -> list[QuantileChange]:
    """Of both sides in ms, up to quantile `most`, and down to the one that mirrors it; none of a clock that stood still."""
    probes = [p for p in PROBES if max(p, 1 - p) <= most + HAIR]
    if not probes:
        return []
    sides = [
        np.quantile(np.asarray(each, dtype=np.float64), probes, method=TYPE_8) / NS_PER_MS for each in (mine, other)
    ]
    return [_change(p, *map(float, pair)) for p, *pair in zip(probes, *sides, strict=True) if min(pair) > 0]


def moved(changes: Sequence[QuantileChange]) -> Moved | None:
    """None where there are too few quantiles to tell."""
    logs = {each.p: math.log1p(each.change) for each in changes}
    if 0.5 not in logs or max(logs) < 0.9:
        return None
    middle, low, top = logs[0.5], logs[min(logs)], logs[max(p for p in logs if p <= 0.99)]
    if max(abs(middle), abs(low), abs(top)) < SAME:
        return "none"
    if abs(middle) < SAME:
        return "tail" if abs(top) >= GREW > abs(low) else "uneven"
    return _of_a_median(low / middle, top / middle)


def _of_a_median(low: float, top: float) -> Moved:
    """Of one that moved: what the ends did, in parts of that."""
    if low < 1 / TWICE:
        return "uneven"
    if top > TWICE:
        return "more_tail"
    return "whole" if top >= 1 / TWICE else "body"


def twenty(pooled: Ns) -> npt.NDArray[np.float64]:
    """Twenty iterations that stand for all of them, each for a twentieth."""
    return np.asarray(np.quantile(np.asarray(pooled, dtype=np.float64), (np.arange(DOTS) + 0.5) / DOTS))


def _change(p: float, ms: float, reference: float) -> QuantileChange:
    return QuantileChange(p=p, ms=ms, reference_ms=reference, change=ms / reference - 1)
