"""What the launches of a cell did over time: latency, temperature and clock on one axis, and when heat held it back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from farm_orchestrator.model import Kind, LaunchRow, Phase, State
from farm_orchestrator.reads import NONE, Line, Reads, Span, reads, soak_line
from farm_reports import throttling
from farm_reports.beside import Floats, Key, Lane
from farm_reports.parts import Value
from farm_reports.readings import Readings
from farm_reports.stats import soak
from farm_reports.tables import Calibration

if TYPE_CHECKING:
    from farm_reports.results import Board, Results

POINTS = 300  # of a line: more cannot be told apart on a screen
LAUNCHES = 100  # of a cell; a run of more is drawn by as many of them, evenly spread
SHARES = np.array((0.5, 0.95))  # of the iterations of a window that are faster than what is drawn
TIMED_PHASES = {Phase.MEASURE, Phase.CONFIRM}
UNKNOWN = Calibration()


@dataclass(frozen=True)
class Course:
    """One launch on the time axis of its cell: where it lies, and (seconds, values) of each line."""

    span: Span
    latency: tuple[Floats, Floats, Floats]
    temperature_c: Line
    clock_ghz: Line
    throttled: tuple[Span, ...]


def lanes(results: Results, rows: Iterable[LaunchRow], folder: Path, boards: Iterable[str]) -> dict[Key, Lane]:
    """Of the cell that says most of each of these boards; only its files are read. None where no heat and no clock is."""
    wanted = set(boards)
    keys = {(one.board, one.variant, one.point_key) for one in results.heat if one.board in wanted}
    found: dict[Key, list[LaunchRow]] = {key: [] for key in keys}
    for row in rows:
        if (row.board, row.variant, row.point) in keys and _timed(row):
            found[row.board, row.variant, row.point].append(row)
    known = {board.name: _calibration(board) for board in results.boards}
    made = {key: lane(some, folder, known[key[0]]) for key, some in found.items() if some}
    return {key: one for key, one in made.items() if one is not None}


def with_hottest(results: Results, drawn: Mapping[Key, Lane]) -> Results:
    """What the lanes show beyond the edges of the launches."""
    found = []
    for one in results.heat:
        lane = drawn.get((one.board, one.variant, one.point_key))
        seen = float(np.nanmax(lane.temperature_c[1])) if lane is not None and lane.temperature_c[1].size else -np.inf
        hotter = seen > (one.hottest_c.value or -np.inf)
        found.append(one.model_copy(update={"hottest_c": Value(value=seen)}) if hotter else one)
    return results.model_copy(update={"heat": found})


def lane(rows: Sequence[LaunchRow], folder: Path, known: Calibration = UNKNOWN) -> Lane | None:
    """None where neither a temperature nor a clock was read."""
    drawn = _spread(sorted(rows, key=lambda row: (row.t0 or 0.0, row.id)))
    most = max(POINTS // len(drawn) - 1, 2)
    courses = list(_courses(((row, reads(folder, row)) for row in drawn), most, known))
    if not any(one.temperature_c[0].size or one.clock_ghz[0].size for one in courses):
        return None
    t_s, p50, p95 = (_joined([one.latency[place] for one in courses]) for place in range(3))
    return Lane(
        t_s=t_s,
        p50_ms=p50,
        p95_ms=p95,
        temperature_c=_pair([one.temperature_c for one in courses]),
        clock_ghz=_pair([one.clock_ghz for one in courses]),
        throttled=tuple(span for one in courses for span in one.throttled),
        launches=tuple(one.span for one in courses),
    )


def _calibration(board: Board) -> Calibration:
    """As the judge had it."""
    if board.calibration is None:
        return UNKNOWN
    told = board.calibration.model_dump()
    return Calibration(**{**told, "trials": tuple(told["trials"])})


def _timed(row: LaunchRow) -> bool:
    """Of a dropped block too: it has heated the board all the same."""
    done = row.state in {State.DONE, State.REJECTED}
    return done and row.kind == Kind.MEASURE and row.phase in TIMED_PHASES and row.file is not None


def _spread(rows: Sequence[LaunchRow]) -> list[LaunchRow]:
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), LAUNCHES)).round().astype(int))
    return [rows[place] for place in places]


def _courses(found: Iterable[tuple[LaunchRow, Reads]], most: int, known: Calibration) -> Iterator[Course]:
    """One after the other; where a clock went back, a launch begins where the one before it ended."""
    last_s = 0.0
    for row, start_s, told in _placed(found):
        begin_s = max(start_s, last_s)
        course = _course(row, told.moved(begin_s - told.span_s[0]), most, known)
        last_s = course.span[1]
        yield course


def _placed(found: Iterable[tuple[LaunchRow, Reads]]) -> Iterator[tuple[LaunchRow, float, Reads]]:
    """When each began, in seconds since the first: by the board's clock as long as it did not start anew."""
    zero_s: float | None = None
    anchors: dict[object, float] = {}
    for row, told in found:
        began_s = told.begin_s + told.span_s[0]
        start_s = began_s + anchors.setdefault(row.boot_id or row.id, (row.t0 or 0.0) - began_s)
        zero_s = start_s if zero_s is None else zero_s
        yield row, start_s - zero_s, told


def _course(row: LaunchRow, told: Reads, most: int, known: Calibration) -> Course:
    return Course(
        span=told.span_s,
        latency=_latency(told, row, most),
        temperature_c=thinned(*told.temperature_c, most),
        clock_ghz=thinned(*told.clock_ghz, most),
        throttled=_throttled(told, throttling.throttled(Readings(row.facts, row.point), known)),
    )


def _throttled(told: Reads, evidence: str | None) -> tuple[Span, ...]:
    """As the readings tell it; where they do not say when, and the slot was held back, all of the slot."""
    found, slot = told.held_back(), told.slot_s
    seen = any(start < slot[1] and end > slot[0] for start, end in found)
    return found if evidence is None or seen else (*found, slot)


def _latency(told: Reads, row: LaunchRow, most: int) -> tuple[Floats, Floats, Floats]:
    """Windows of the soak, of which the median alone is known, then those of the slot."""
    warming = soak.read(row.facts.get("soak"))
    early_s, early_ms = thinned(*(NONE if warming is None else soak_line(told, row, warming)), most // 2)
    windows = list(_stretches(told.latency_ms.size, max(most - early_s.size, 1)))
    halves = [_halves(told.latency_ms[one]) for one in windows]
    late = [float(told.t_s[one].mean()) for one in windows]
    p50, p95 = ([float(half[place]) for half in halves] for place in range(2))
    return (
        np.concatenate((early_s, late)),
        np.concatenate((early_ms, p50)),
        np.concatenate((np.full(early_s.size, np.nan), p95)),
    )


def _halves(window: Floats) -> Floats:
    """The median and p95, as numpy's quantile has them: that takes five times as long, and there are hundreds of windows."""
    ordered = np.sort(window)
    found: Floats = np.interp(SHARES * (ordered.size - 1), np.arange(ordered.size), ordered)
    return found


def thinned(t_s: Floats, values: Floats, most: int) -> tuple[Floats, Floats]:
    """At most so many of the points, with the lowest and the highest of each stretch; what is no number goes."""
    good = np.isfinite(t_s) & np.isfinite(values)
    t_s, values = t_s[good], values[good]
    if t_s.size <= most:
        return t_s, values
    stretches = _stretches(t_s.size, max(most // 2, 1))
    kept = sorted({place for one in stretches for place in _extremes(values, one)})[: max(most, 1)]
    return t_s[kept], values[kept]


def _extremes(values: Floats, one: slice) -> set[int]:
    return {one.start + int(np.argmin(values[one])), one.start + int(np.argmax(values[one]))}


def _stretches(size: int, count: int) -> Iterator[slice]:
    """At most so many, of about the same length, none empty."""
    ends = np.linspace(0, size, min(size, count) + 1).round().astype(int)
    return (slice(start, end) for start, end in pairwise(ends.tolist()))


def _joined(parts: Sequence[Floats]) -> Floats:
    """With a gap after each but the last."""
    gaps = [np.append(part, np.nan) for part in parts]
    return np.concatenate(gaps)[:-1]


def _pair(parts: Sequence[Line]) -> Line:
    known = [part for part in parts if part[0].size]
    return (_joined([t_s for t_s, _ in known]), _joined([values for _, values in known])) if known else NONE
