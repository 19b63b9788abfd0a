"""One change over several boards, in logs: its mean, its interval, and how far the boards differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from farm_reports.stats.power import READING

LEAST = 3  # units below which a spread between them says nothing
UNEQUAL = 3.0  # times the smallest standard error, from where on every board counting the same wastes what is known

Floats = NDArray[np.float64]
Method = Literal["t", "hksj"]
Kind = Literal["board", "type"]


@dataclass(frozen=True)
class Reading:
    """The change on one board, and its standard error. `kind`: the type of the board."""

    board: str
    kind: str
    log: float
    error: float


@dataclass(frozen=True)
class Unit:
    """What counts once: a board, or all boards of a type by their mean."""

    name: str
    boards: tuple[str, ...]
    log: float
    error: float


@dataclass(frozen=True)
class Pooled:
    """The mean, its 95 % interval, and the interval in which the next unit would read (`next_`).

    `tau2`: variance between the units beyond their own errors, DerSimonian and Laird; `i2`: its share of all variance.
    """

    method: Method
    mean: Floats
    low: Floats
    high: Floats
    next_low: Floats
    next_high: Floats
    tau2: Floats
    i2: Floats


def units(readings: Sequence[Reading]) -> tuple[Kind, list[Unit]]:
    """Types where there are several, each the mean of its boards; the boards themselves where all are of one."""
    kinds: dict[str, list[Reading]] = {}
    for reading in readings:
        kinds.setdefault(reading.kind, []).append(reading)
    if len(kinds) in {1, len(readings)}:
        return "board", [_unit(reading.board, [reading]) for reading in readings]
    return "type", [_unit(kind, members) for kind, members in kinds.items()]


def pooled(logs: Floats, errors: Floats) -> Pooled:
    """Of at least three units with errors above zero: all count the same, unless their errors are too unequal."""
    unequal = errors.max() > UNEQUAL * errors.min()
    return random_effects(logs, errors) if unequal else unweighted(logs, errors)


def unweighted(logs: Floats, errors: Floats) -> Pooled:
    """Student's t on the units' values; units on the last axis, many fleets on the first."""
    count = logs.shape[-1]
    spread = logs.std(axis=-1, ddof=1)
    found = _Moments(logs.mean(axis=-1), spread / np.sqrt(count), spread, count - 1)
    return _around("t", found, logs, errors)


def random_effects(logs: Floats, errors: Floats) -> Pooled:
    """Hartung, Knapp, Sidik and Jonkman, never narrower than without their factor; axes as in `unweighted`.

    The factor alone is small by chance where few boards happen to agree.
    """
    count, tau2 = logs.shape[-1], _between(logs, errors)[0]
    weights = 1 / (errors**2 + tau2[..., None])
    mean, heterogeneity = _weighted(logs, weights)
    error = np.sqrt(np.maximum(1, heterogeneity / (count - 1)) / weights.sum(axis=-1))
    spread = np.sqrt(tau2 + (errors**2).mean(axis=-1))
    return _around("hksj", _Moments(mean, error, spread, count - 2), logs, errors)


def _unit(name: str, members: Sequence[Reading]) -> Unit:
    """The errors of boards are independent, so that of their mean falls with their number."""
    logs, errors = (np.array([getattr(one, field) for one in members]) for field in ("log", "error"))
    boards = tuple(one.board for one in members)
    return Unit(name, boards, float(logs.mean()), float(np.sqrt((errors**2).sum()) / len(members)))


@dataclass(frozen=True)
class _Moments:
    """A mean with its standard error, the spread of single units around it, and the degrees of freedom of that spread."""

    mean: Floats
    error: Floats
    spread: Floats
    freedom: int


def _around(method: Method, found: _Moments, logs: Floats, errors: Floats) -> Pooled:
    from scipy.special import stdtrit  # slow to import, and the lane only summarises

    mean = found.mean
    reach = stdtrit(logs.shape[-1] - 1, 1 - READING) * found.error
    further = stdtrit(found.freedom, 1 - READING) * np.hypot(found.spread, found.error)
    tau2, i2 = _between(logs, errors)
    return Pooled(method, mean, mean - reach, mean + reach, mean - further, mean + further, tau2, i2)


def _between(logs: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """(tau^2, I^2) from Cochran's Q."""
    weights = 1 / errors**2
    total = weights.sum(axis=-1)
    _, heterogeneity = _weighted(logs, weights)
    excess = np.maximum(0, heterogeneity - (logs.shape[-1] - 1))
    tau2: Floats = excess / (total - (weights**2).sum(axis=-1) / total)
    share: Floats = excess / np.where(excess > 0, heterogeneity, 1)
    return tau2, share


def _weighted(logs: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The weighted mean, and the weighted squares around it."""
    mean: Floats = (weights * logs).sum(axis=-1) / weights.sum(axis=-1)
    return mean, (weights * (logs - mean[..., None]) ** 2).sum(axis=-1)
