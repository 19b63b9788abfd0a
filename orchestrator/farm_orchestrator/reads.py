"""What the file of one launch tells over time, on one scale: seconds since its first timed iteration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from farm_orchestrator import store as stored
from farm_orchestrator.model import LaunchRow
from farm_reports.beside import Floats
from farm_reports.clocks import changed, planned_khz
from farm_reports.readings import Readings
from farm_reports.stats.soak import Soak
from farm_reports.throttling import HELD_BACK

if TYPE_CHECKING:
    import pyarrow as pa

Span = tuple[float, float]
Line = tuple[Floats, Floats]  # seconds, values
COLDEST_C, HOTTEST_C = -40.0, 150.0
HIGHEST_GHZ = 20.0
LONGEST_S, AFTER_S = 1800.0, 10.0  # before and after a slot: what lies farther off has another clock
NONE: Line = (np.empty(0), np.empty(0))


@dataclass(frozen=True)
class Reads:
    """`begin_s`: the first iteration on the board's own clock. `states`: what tells that clock is taken away, above 0."""

    begin_s: float
    t_s: Floats
    latency_ms: Floats
    slot_s: Span
    span_s: Span
    temperature_c: Line
    clock_ghz: Line
    states: tuple[Line, ...]
    shift_s: float = 0.0

    def moved(self, by_s: float) -> Reads:
        """On another scale, that many seconds on."""
        return replace(
            self,
            t_s=self.t_s + by_s,
            slot_s=_later(self.slot_s, by_s),
            span_s=_later(self.span_s, by_s),
            temperature_c=_on(self.temperature_c, by_s),
            clock_ghz=_on(self.clock_ghz, by_s),
            states=tuple(_on(line, by_s) for line in self.states),
            shift_s=self.shift_s + by_s,
        )

    def held_back(self) -> tuple[Span, ...]:
        """The spans in which any of the states told so, each to the reading that no longer did."""
        found = sorted(span for line in self.states for span in _active(line, self.span_s[1]))
        merged: list[Span] = []
        for start, end in found:
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return tuple(merged)


def reads(folder: Path, row: LaunchRow) -> Reads:
    """Of a launch that has a file with iterations. Raises StoreError."""
    samples, told = stored.read_launch(folder / str(row.file))
    t_ns, latency_ns = (stored.integers(samples[name]) for name in ("t_ns", "latency_ns"))
    begin_ns = int(t_ns[0]) if t_ns.size else 0
    t_s, latency_ms = (t_ns - begin_ns) / 1e9, latency_ns / 1e6
    slot = (0.0, float(t_s[-1] + latency_ms[-1] / 1e3) if t_ns.size else 0.0)
    lines = _lines(told, begin_ns, (-_reach(row), slot[1] + AFTER_S))
    said = Readings(row.facts, row.point)
    temperature, clock = _hottest(lines, said, slot), _fastest(lines)
    states = tuple(_states(lines, said))
    known = [line[0] for line in (temperature, clock, *states) if line[0].size]
    warmed = said.facts.get("soak")
    soaked = [soaked_s] if (soaked_s := _soak_start(warmed, begin_ns)) is not None else []
    first = min([slot[0], *soaked, *(float(times[0]) for times in known)])
    last = max([slot[1], *(float(times[-1]) for times in known)])
    return Reads(begin_ns / 1e9, t_s, latency_ms, slot, (first, last), temperature, clock, states)


def soak_line(told: Reads, row: LaunchRow, warming: Soak) -> Line:
    """The middle of each window of the soak, and its median in ms."""
    start_s = _soak_start(row.facts.get("soak"), round(told.begin_s * 1e9))
    if start_s is None:
        return NONE
    begins = np.concatenate(([0.0], warming.t_s[:-1]))
    middles = start_s + told.shift_s + (begins + warming.t_s) / 2
    before = middles < told.slot_s[0]
    return middles[before], warming.median_ns[before] / 1e6


def _soak_start(told: Any, begin_ns: int) -> float | None:
    t0_ns = told.get("t0_ns") if isinstance(told, dict) else None
    start_s = (t0_ns - begin_ns) / 1e9 if type(t0_ns) is int else None
    return start_s if start_s is not None and -LONGEST_S <= start_s <= 0 else None


def _reach(row: LaunchRow) -> float:
    """How long before its slot a launch can have begun."""
    took_s = 0.0 if row.t0 is None or row.t1 is None else row.t1 - row.t0
    return min(took_s, LONGEST_S) if took_s > 0 else LONGEST_S


def _lines(told: pa.Table, begin_ns: int, within: Span) -> dict[tuple[str, str], Line]:
    """By (source, unit), in the order of time; what has no value or another launch's time is left out."""
    t_s = (stored.integers(told["t_ns"]) - begin_ns) / 1e9
    values = np.array(told["value"].to_pylist(), dtype=np.float64)
    good = np.isfinite(values) & (t_s >= within[0]) & (t_s <= within[1])
    places: dict[tuple[str, str], list[int]] = {}
    for place, name in enumerate(zip(told["source"].to_pylist(), told["unit"].to_pylist(), strict=True)):
        if good[place]:
            places.setdefault(name, []).append(place)
    return {name: _sorted(t_s[mine], values[mine]) for name, mine in places.items()}


def _sorted(t_s: Floats, values: Floats) -> Line:
    order = np.argsort(t_s, kind="stable")
    return t_s[order], values[order]


def _hottest(lines: Mapping[tuple[str, str], Line], said: Readings, slot: Span) -> Line:
    """The zone that says what the facts say of the processor at the slot's edges: the board chose it by its family."""
    edges = [(at, mc) for at, mc in zip(slot, map(said.number, ("temp_mc_start", "temp_mc_end")), strict=True) if mc]
    zones = {name: line for (name, unit), line in lines.items() if unit == "mC"}
    if not edges or not zones:
        return NONE
    best = min(zones, key=lambda name: (_apart(zones[name], edges), -zones[name][0].size, name))
    t_s, values = zones[best][0], zones[best][1] / 1e3
    sane = (values > COLDEST_C) & (values < HOTTEST_C)
    return t_s[sane], values[sane]


def _apart(line: Line, edges: Sequence[tuple[float, float]]) -> float:
    t_s, values = line
    return float(sum(abs(values[int(np.argmin(np.abs(t_s - at)))] - mc) for at, mc in edges))


def _fastest(lines: Mapping[tuple[str, str], Line]) -> Line:
    """Of the policies whose clock was read most often, which are those of the measured CPUs, the one with the highest."""
    clocks = {name: line for (name, unit), line in lines.items() if unit == "kHz" and name.endswith(".cur")}
    if not clocks:
        return NONE
    best = max(clocks, key=lambda name: (clocks[name][0].size, float(clocks[name][1].max()), name))
    t_s, values = clocks[best][0], clocks[best][1] / 1e6
    sane = (values > 0) & (values < HIGHEST_GHZ)
    return t_s[sane], values[sane]


def _states(lines: Mapping[tuple[str, str], Line], said: Readings) -> Iterator[Line]:
    """Cooling that is at work, firmware that says so now, a limit below the clock that was set or found."""
    planned, foreign = planned_khz(said), changed(said)
    for (name, unit), (t_s, values) in lines.items():
        policy = name.removesuffix(".max")
        if unit == "state" and name.startswith("cooling."):
            yield t_s, values
        elif unit == "bits":
            sane = (values >= 0) & (values < 1 << 32)
            yield t_s[sane], (values[sane].astype(np.int64) & HELD_BACK).astype(np.float64)
        elif unit == "kHz" and name.endswith(".max") and policy not in foreign:
            yield t_s, (values < planned.get(policy, values.max())).astype(np.float64)


def _active(line: Line, end_s: float) -> Iterator[Span]:
    t_s, values = line
    ends = np.append(t_s[1:], max(end_s, t_s[-1])) if t_s.size else t_s
    for start, end, value in zip(t_s.tolist(), ends.tolist(), values.tolist(), strict=True):
        if value > 0:
            yield start, end


def _later(span: Span, by_s: float) -> Span:
    return span[0] + by_s, span[1] + by_s


def _on(line: Line, by_s: float) -> Line:
    return line[0] + by_s, line[1]
