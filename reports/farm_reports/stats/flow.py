"""What readings say of the power of one place: told in watts, as current times voltage, or as a counter of joules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

GAP_PERIODS = 3  # without a reading, and a window tells nothing
SPARSE = 0.01  # of a window: with a longer period the readings outside would count
MOST_W = 10_000.0  # what is said beyond it, no board takes
UNITS = {"uW": 1e-6, "mW": 1e-3, "W": 1.0, "mA": 1e-3, "mV": 1e-3, "uJ": 1e-6}


class Untold(Exception):
    """Why a window has no energy: its text is the reason."""


@dataclass(frozen=True)
class Rail:
    """One place of a source. `name`: that of its readings without their quantity, `rail.KEY` or `meter.NAME`.

    `lsb_w`: the smallest step of its sensor, `lsb_j` that of a counter, `interval_ms`: how often it has a new value,
    `range_uj`: where its counter wraps; each None where nobody told.
    """

    name: str
    label: str
    lsb_w: float | None = None
    lsb_j: float | None = None
    interval_ms: float | None = None
    range_uj: int | None = None


@dataclass(frozen=True)
class Column:
    """The readings of one quantity in order: (n,) ns, (n,) W, A, V or J; `period_ns`: how often it was asked for one."""

    t_ns: Times
    value: Floats
    period_ns: float
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flow:
    """The power of a rail, W at each t_ns, or the energy that its counter had summed up by then, in J.

    `errors`: of the readings that were no use. A power is NaN where its voltage is too old.
    """

    rail: Rail
    t_ns: Times
    watt: Floats | None
    joule: Floats | None
    period_ns: float
    errors: tuple[str, ...] = ()


def columns_of(readings: Iterable[Mapping[str, Any]]) -> dict[str, Column]:
    """By the name of their source, those of power: in the order of their times, each time once."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in readings:
        if row.get("unit") in UNITS:
            rows.setdefault(str(row["source"]), []).append(row)
    return {name: _column(each) for name, each in rows.items()}


def _column(rows: Sequence[Mapping[str, Any]]) -> Column:
    """A reading without a value, or with one that cannot be, counts as asked for and not as told."""
    asked = np.unique(np.array([row["t_ns"] for row in rows], dtype=np.int64))
    told = [(row["t_ns"], value) for row in rows if (value := _value(row)) is not None]
    t_ns, first = np.unique(np.array([t for t, _ in told], dtype=np.int64), return_index=True)
    values = np.array([value for _, value in told], dtype=np.float64)[first]
    errors = dict.fromkeys(str(row.get("error") or "implausible") for row in rows if _value(row) is None)
    period_ns = float(np.median(np.diff(asked))) if asked.size > 1 else math.inf
    return Column(t_ns, values, period_ns, tuple(errors))


def _value(row: Mapping[str, Any]) -> float | None:
    value = row.get("value")
    if row.get("error") or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    found = float(value) * UNITS[row["unit"]]
    return found if found <= MOST_W or row["unit"] == "uJ" else None


def flow(rail: Rail, columns: Mapping[str, Column]) -> Flow:
    """Power as it is told, else current times voltage, else a counter. Raises Untold."""
    power, curr, volt, energy = (columns.get(f"{rail.name}.{each}") for each in ("power", "curr", "volt", "energy"))
    if power is not None:
        return Flow(rail, power.t_ns, power.value, None, power.period_ns, power.errors)
    if curr is not None and volt is not None:
        watt = curr.value * held(rail, volt, curr.t_ns)
        return Flow(rail, curr.t_ns, watt, None, curr.period_ns, curr.errors)
    if energy is not None:
        return Flow(rail, energy.t_ns, None, energy.value, energy.period_ns, energy.errors)
    raise Untold(f"no reading of {rail.label}")


def held(rail: Rail, volt: Column, t_ns: Times) -> Floats:
    """A voltage between its slower readings: the last one before, the first one for what came earlier. NaN: too old."""
    if not volt.t_ns.size:
        raise Untold(f"no voltage of {rail.label}{_why(volt.errors)}")
    at = np.maximum(np.searchsorted(volt.t_ns, t_ns, side="right") - 1, 0)
    stale = np.abs(t_ns - volt.t_ns[at]) > GAP_PERIODS * volt.period_ns
    return np.where(stale, np.nan, volt.value[at])


def joules(found: Flow, cuts: Times) -> Floats:
    """Of the k parts between k + 1 cuts in ns: (k,) J. Raises Untold where the readings do not cover them."""
    first, last = covering(found, cuts)
    seconds = (found.t_ns[first:last] - cuts[0]) / 1e9
    at = (cuts - cuts[0]) / 1e9
    if found.watt is not None:
        dense = found.period_ns <= SPARSE * (cuts[-1] - cuts[0])
        watt = found.watt[first:last]
        return np.diff(integral(seconds, watt if dense else within(watt), at))
    if found.joule is None:
        raise AssertionError("a flow is of power or of energy")
    return np.diff(np.interp(at, seconds, unwrapped(found.rail, seconds, found.joule[first:last])))


def covering(found: Flow, cuts: Times) -> tuple[int, int]:
    """The readings from the last one before the window to the first one after it. Raises Untold for a gap."""
    t_ns = found.t_ns
    first, last = int(np.searchsorted(t_ns, cuts[0], side="right")) - 1, int(np.searchsorted(t_ns, cuts[-1])) + 1
    if first < 0 or last > t_ns.size:
        raise Untold(f"no reading of {found.rail.label} {'before' if first < 0 else 'after'} it{_why(found.errors)}")
    longest_ns = float(np.diff(t_ns[first:last]).max(initial=0))
    if longest_ns > GAP_PERIODS * found.period_ns:
        raise Untold(f"gap of {longest_ns / 1e9:.1f} s in {found.rail.label}{_why(found.errors)}")
    if found.watt is not None and np.isnan(found.watt[first:last]).any():
        raise Untold(f"gap in the voltage of {found.rail.label}")
    return first, last


def _why(errors: Sequence[str]) -> str:
    return f" ({', '.join(errors[:3])})" if errors else ""


def within(watt: Floats) -> Floats:
    """As if the power outside the window had been that inside: what lies there is other work, or none, and a line towards
    it takes from the window what a seldom asked sensor cannot give back.
    """
    return watt if watt.size < 3 else np.concatenate((watt[1:2], watt[1:-1], watt[-2:-1]))


def integral(t_s: Floats, watt: Floats, at_s: Floats) -> Floats:
    """Of power that moves in straight lines between its readings, from the first of them to each of `at_s`: J."""
    steps = np.diff(t_s)
    summed = np.concatenate(([0.0], np.cumsum((watt[1:] + watt[:-1]) / 2 * steps)))
    place = np.clip(np.searchsorted(t_s, at_s, side="right") - 1, 0, t_s.size - 2)
    into = at_s - t_s[place]
    slope = np.diff(watt)[place] / steps[place]
    return np.asarray(summed[place] + watt[place] * into + slope * into**2 / 2)


def unwrapped(rail: Rail, t_s: Floats, joule: Floats) -> Floats:
    """The readings of a counter as one that never wraps, from 0: J. Raises Untold where it cannot be known.

    Values above `range_uj` exist, and harm nothing before they go back.
    """
    steps = np.diff(joule)
    back = steps < 0
    if back.any() and rail.range_uj is None:
        raise Untold(f"the counter of {rail.label} went back, and nobody knows where it wraps")
    span_j = (rail.range_uj or 0) / 1e6
    if (joule[:-1][back] > span_j).any():
        raise Untold(f"the counter of {rail.label} went back from above its range")
    steps = steps + span_j * back
    if (steps > MOST_W * np.diff(t_s)).any():
        raise Untold(f"the counter of {rail.label} jumped")
    return np.concatenate(([0.0], np.cumsum(steps)))
