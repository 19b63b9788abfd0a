"""Who needs no long blocks: variants that a few short ones show to be outside a limit, or far slower than one inside."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm_orchestrator.model import LaunchRow, Part, Phase, Recipe, State
from farm_orchestrator.plan.blocks import layout_of
from farm_orchestrator.plan.progress import failed_cells
from farm_orchestrator.plan.shaping import read_limits, ship_of, shipped
from farm_reports.readings import Readings as Said
from farm_reports.verdict import inside

if TYPE_CHECKING:
    from farm_reports.bounds import Bound
    from farm_reports.stats.compare import Interval

BLOCKS = 4
MORE_THAN = 4  # variants
FITS = {"yes": True, "no": False}
DOMINATED = 1.5  # times the time of the best variant that fits
Logs = Mapping[int, float]


@dataclass(frozen=True)
class Leaver:
    """A cell that is measured no further, and why."""

    variant: str
    point: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """Logs of one metric of a variant at a point, by round of blocks: its own, and those of the ratio to the baseline."""

    own: Logs
    ratio: Logs


Readings = Mapping[str, Reading]  # by variant


def screen_blocks(recipe: Recipe, names: Sequence[str], baseline: str, ship: Sequence[str]) -> int:
    """Short blocks of a point: none for short blocks themselves, for a few variants, or where nobody may leave."""
    if recipe.preset == "quick" or not recipe.compare or len(names) <= MORE_THAN:
        return 0
    return BLOCKS if len(shipped(ship, names, baseline)) + 1 < len(names) else 0


def leaving(part: Part, rows: Sequence[LaunchRow]) -> tuple[Leaver, ...]:
    """The cells that go no further, from the screening launches of a part; never the baseline, never a `ship` variant.

    A variant leaves when the whole interval of a reading lies beyond its limit, or when its time lies beyond 1.5 x that
    of a variant which certainly meets every limit: then there is no limit that only the slower one meets.
    """
    gone = failed_cells(rows)
    used = [row for row in rows if _counts(row) and (row.variant, row.point) not in gone]
    stay = {part.baseline, *ship_of(part)}
    bounds = read_limits(part.limits, part.recipe)
    found = []
    for point in part.points:
        here = [row for row in used if row.point == point.key]
        why = _reasons(part, bounds, _readings(part, here, _p50), _readings(part, here, _memory))
        found += [Leaver(name, point.key, reason) for name, reason in why.items() if name not in stay]
    return tuple(found)


def _reasons(part: Part, bounds: Sequence[Bound], times: Readings, memory: Readings) -> dict[str, str]:
    """By variant: outside a limit, else dominated."""
    checks = {name: [_check(part, bound, name, times, memory) for bound in bounds] for name in times}
    outside = {name: next((each for each in found if each.fits is False), None) for name, found in checks.items()}
    fitting = [name for name, found in checks.items() if all(each.fits for each in found)]
    best = min(fitting, key=lambda name: (_mean(times[name].ratio), name), default=None)
    return {name: each.text for name, each in outside.items() if each is not None} | {
        name: reason
        for name in times
        if best is not None and outside[name] is None and (reason := _dominated(times, name, best)) is not None
    }


@dataclass(frozen=True)
class _Check:
    """One limit at one variant; `fits` None: nobody can tell yet."""

    fits: bool | None
    text: str = ""


def _check(part: Part, bound: Bound, name: str, times: Readings, memory: Readings) -> _Check:
    if name == part.baseline and bound.relative:
        return _Check(bound.value <= 0 if bound.metric == "accuracy" else bound.value >= 0)
    if bound.metric == "size":
        size = part.variant(name).bytes / (part.variant(part.baseline).bytes if bound.relative else 1) - bound.relative
        return _Check(size <= bound.value, f"size {_figure(bound, size)}, limit {bound.text}")
    readings = {"latency_p50": times, "peak_memory": memory}.get(bound.metric, {})
    if name not in readings:
        return _Check(None)
    logs = readings[name].ratio if bound.relative else readings[name].own
    found = _interval(logs.values())
    low, value, high = bound.unlogged(found.low, found.estimate, found.high)
    name = bound.metric.removeprefix("latency_").replace("_", " ")
    what = f"{name} {_figure(bound, value)} ({_figure(bound, low)} to {_figure(bound, high)})"
    return _Check(FITS.get(inside(low, high, bound.value)), f"{what} in {len(logs)} short blocks, limit {bound.text}")


def _dominated(times: Readings, name: str, best: str) -> str | None:
    """Paired round by round, through the baseline where the two are in different groups."""
    mine, other = times[name].ratio, times[best].ratio
    found = _interval(mine[each] - other[each] for each in sorted(mine.keys() & other.keys()))
    if name == best or found.low <= math.log(DOMINATED):
        return None
    ratio, low, high = (f"{math.exp(log):.2f}" for log in (found.estimate, found.low, found.high))
    return (
        f"{ratio} x the time of {best} ({low} to {high}) in {len(mine)} short blocks; from {DOMINATED} x on it leaves"
    )


def _readings(part: Part, rows: Iterable[LaunchRow], value: Callable[[LaunchRow], float | None]) -> dict[str, Reading]:
    """Of each variant with a baseline beside it. The baseline is in every group: its own reading is their mean."""
    blocks: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        if found := value(row):
            blocks[row.block][row.variant] = math.log(found)
    own: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    ratio: dict[str, dict[int, float]] = defaultdict(dict)
    for block, logs in blocks.items():
        _, ordinal = layout_of(part, block).place(block)
        for name, log in logs.items() if part.baseline in logs else ():
            own[name][ordinal].append(log)
            ratio[name][ordinal] = log - logs[part.baseline]
    return {name: Reading({at: _middle(logs) for at, logs in own[name].items()}, ratio[name]) for name in own}


def _counts(row: LaunchRow) -> bool:
    return row.phase == Phase.SCREEN and row.state == State.DONE and row.dropped is None


def _p50(row: LaunchRow) -> float | None:
    return row.p50_ns


def _memory(row: LaunchRow) -> float | None:
    return Said(row.facts, row.point).amount("peak_memory")


def _interval(logs: Iterable[float]) -> Interval:
    import numpy as np

    from farm_reports.stats.compare import Interval
    from farm_reports.stats.short import short

    values = np.array(list(logs))
    return short(values) if values.size else Interval(0.0, -math.inf, math.inf)


def _figure(bound: Bound, value: float) -> str:
    if bound.relative:
        return f"{100 * value:+.1f} %"
    return f"{value:.3g} ms" if bound.metric == "latency_p50" else f"{value / 1e6:.3g} MB"


def _mean(logs: Logs) -> float:
    return _middle(list(logs.values()))


def _middle(logs: Sequence[float]) -> float:
    return sum(logs) / len(logs)
