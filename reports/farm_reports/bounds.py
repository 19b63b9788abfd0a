"""Limits as a user writes them (`30ms`, `0.9x`, `+5%`, `180MB`, `-0.3pt`), read into numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

LATENCY = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "ns": 1e-6}
SIZES = {
    "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
    "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30,
}  # fmt: skip
ENERGY = {"mJ": 1.0, "J": 1e3, "uJ": 1e-3, "µJ": 1e-3}
UNITS = {
    "latency_p50": LATENCY,
    "latency_p99": LATENCY,
    "peak_memory": SIZES,
    "size": SIZES,
    "energy": ENERGY,
    "accuracy": {},
}
READ = {"latency_p50": 1e6, "peak_memory": 1.0}  # what one launch tells, in ns and bytes, to the unit of its limit
EXAMPLES = {
    "latency_p50": "30ms, 0.9x or +5%",
    "latency_p99": "45ms, 0.9x or +5%",
    "peak_memory": "180MB, 0.9x or +5%",
    "size": "1MB or 0.5x",
    "energy": "40mJ, 0.9x or +5%",
    "accuracy": "-0.3pt or 0.97",
}
WORSE = {"accuracy": "-0.3pt"}  # examples of budgets, +5% else
GATED = {"latency_p50", "latency_p99", "peak_memory", "energy"}  # a relative limit on them is judged at alpha / m
UNCONFIRMED = "not confirmed"  # how the reason of a gate begins that no fresh block has decided
UNCHANGED = "unchanged since "  # how the reason of a cell begins that is what it was, and was not measured
CONFIRMED = "latency_p50"  # where a relative limit on it leaves a gate open, fresh blocks decide
NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>[A-Za-zµ%]*)")


@dataclass(frozen=True)
class Bound:
    """A limit. `value`: ms, bytes or mJ; relative: ratio minus one; accuracy: a share, relative: points.

    Accuracy must be at least `value`, everything else at most `value`.
    """

    metric: str
    text: str
    relative: bool
    value: float

    @property
    def confirmed(self) -> bool:
        """Whether a gate on it that is left open can be measured once more, so that it is judged twice."""
        return self.relative and self.metric == CONFIRMED

    def judged(self, *, confirms: bool) -> int:
        """How often the comparison of a `ship` variant is judged at alpha / m; `confirms`: open gates get fresh blocks."""
        if not (self.relative and self.metric in GATED):
            return 0
        return 2 if confirms and self.confirmed else 1

    def unlogged(self, *logs: float) -> tuple[float, ...]:
        """Logs of what launches read of the metric, or of its ratio to the baseline, in the unit of `value`."""
        scale = 1.0 if self.relative else READ[self.metric]
        return tuple(math.exp(log) / scale - self.relative for log in logs)


def parse(metric: str, text: str) -> Bound:
    """Read one limit. Raises ValueError with a sentence that shows a right example."""
    if metric not in UNITS:
        raise ValueError(f"'{metric}' cannot be limited: write one of {', '.join(UNITS)}")
    match = NUMBER.fullmatch(str(text).strip())
    if match is None:
        raise _wrong(metric, text, "is no number with a unit")
    if metric == "accuracy":
        return _accuracy(text, **match.groupdict())
    return _amount(metric, text, **match.groupdict())


def budget(metric: str, text: str) -> Bound:
    """Read how much a metric may get worse than its own past. Raises ValueError as `parse` does."""
    bound = parse(metric, text)
    if not bound.relative:
        raise ValueError(f"'{text}' must be a change against the past, for example {WORSE.get(metric, '+5%')}")
    if (bound.value > 0) if metric == "accuracy" else (bound.value < 0):
        raise ValueError(
            f"'{text}' would ask for more than the past gave: a budget says how much worse is allowed, "
            f"for example {WORSE.get(metric, '+5%')}"
        )
    return bound


def past_metrics(budgets: Iterable[str]) -> tuple[str, ...]:
    """What is gated against the past: the budgets, else the median at the default margin."""
    return tuple(budgets) or (CONFIRMED,)


def gated_pasts(budgets: Iterable[str], cells: int, *, confirms: bool = False) -> int:
    """How many comparisons with the past are judged at alpha / m; `cells` counts those whose old artefact runs beside them."""
    gated = [metric for metric in past_metrics(budgets) if metric in GATED]
    return cells * sum(2 if confirms and metric == CONFIRMED else 1 for metric in gated)


def _amount(metric: str, text: str, sign: str, number: str, unit: str) -> Bound:
    if unit == "%":
        return _percent(metric, text, sign, float(number))
    if sign:
        raise _wrong(metric, text, "has a sign: only a change in % has one")
    if float(number) <= 0:
        raise _wrong(metric, text, "must be more than zero")
    if unit == "x":
        return Bound(metric, text, relative=True, value=float(number) - 1)
    if unit not in UNITS[metric]:
        raise _wrong(metric, text, f"has the unit '{unit}'" if unit else "has no unit")
    return Bound(metric, text, relative=False, value=float(number) * UNITS[metric][unit])


def _percent(metric: str, text: str, sign: str, number: float) -> Bound:
    if not sign:
        raise _wrong(metric, text, "has no sign: a change in % is written with + or -")
    if sign == "-" and number >= 100:
        raise _wrong(metric, text, "asks for nothing or less")
    return Bound(metric, text, relative=True, value=float(f"{sign}{number}") / 100)


def _accuracy(text: str, sign: str, number: str, unit: str) -> Bound:
    if unit == "pt" and sign:
        return Bound("accuracy", text, relative=True, value=float(sign + number))
    if unit == "pt":
        raise _wrong("accuracy", text, "has no sign: a change in points is written with - or +")
    if unit or sign or not 0 < float(number) <= 1:
        raise _wrong("accuracy", text, "is neither a share between 0 and 1 nor a change in points")
    return Bound("accuracy", text, relative=False, value=float(number))


def _wrong(metric: str, text: str, why: str) -> ValueError:
    return ValueError(f"{metric}: '{text}' {why}; write for example {EXAMPLES[metric]}")
