"""The worst case of a run explained: what it is, which operators it comes from, what part of its distribution moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from farm_reports.explained import Line, Over, Why
from farm_reports.judge.case import Case
from farm_reports.judge.subject import Subject, subject
from farm_reports.profiled import Profile
from farm_reports.results import Cell, Results
from farm_reports.stats.profile_difference import difference
from farm_reports.stats.shift import NS_PER_MS, moved, quantile_changes, reach, twenty

Key = tuple[str, str, str]
Ns = npt.NDArray[Any]
Pool = Callable[[Key], Ns | None]  # the pooled iterations of a cell in ns
LEAST = 20  # iterations that a drawing of twenty stands for
MEDIAN = 0.5
TOLD = (MEDIAN, 0.9, 0.95, 0.99)


def explained(results: Results, pooled: Pool, past: Pool | None = None) -> Results:
    """The results with their worst case. `past`: what the earlier run has; to be asked again once it is compared with."""
    return results.model_copy(update={"why": why(results, pooled, past or _nothing)})


def pool(case: Case) -> Pool:
    """The iterations of the valid launches of a cell, one launch after the other."""

    def of(place: Key) -> Ns | None:
        evidence = case.evidence.get(place)
        return np.concatenate(evidence.samples) if evidence and evidence.samples else None

    return of


def why(results: Results, pooled: Pool, past: Pool) -> Why | None:
    """None where there is no comparison to explain."""
    chosen = subject(results)
    if chosen is None:
        return None
    found = _named(results, chosen)
    mine, other = pooled(chosen.cell.key), _reference(chosen, pooled, past)
    if mine is None or other is None or min(len(mine), len(other)) < LEAST:
        return found
    return found.model_copy(update=_distributions(chosen, mine, other))


def _named(results: Results, chosen: Subject) -> Why:
    cell = chosen.cell
    mine, other = _profiles(results, chosen)
    known = mine is not None and other is not None and mine.operators and other.operators
    return Why(
        board=cell.board,
        variant=cell.variant,
        point_key=cell.point_key,
        rule=chosen.rule,
        reference=chosen.reference,
        similar=chosen.similar,
        line=chosen.line,
        operators=difference(mine, other) if known and mine and other else None,
        reason=None if known else _missing(results, chosen, mine, other),
    )


def _profiles(results: Results, chosen: Subject) -> tuple[Profile | None, Profile | None]:
    board, variant, point = chosen.cell.key
    own = _profile(results.profiles, (board, variant, point))
    if chosen.reference == "baseline":
        return own, _profile(results.profiles, (board, results.run.baseline, point))
    return own, _profile(results.past.profiles if results.past else [], (board, variant, point))


def _profile(profiles: Iterable[Profile], place: Key) -> Profile | None:
    return next((each for each in profiles if (each.board, each.variant, each.point_key) == place), None)


def _missing(results: Results, chosen: Subject, mine: Profile | None, other: Profile | None) -> str:
    """Why there are no operators to compare."""
    sides = ((mine, chosen.cell.variant), (other, "the past" if chosen.reference == "past" else results.run.baseline))
    told = [f"{name}: {side.reason}" for side, name in sides if side is not None and side.reason]
    absent = [name for side, name in sides if side is None or not side.operators]
    return told[0] if told else f"{' and '.join(absent)} {'were' if len(absent) > 1 else 'was'} not profiled"


def _nothing(_: Key) -> None:
    """A run without a past, or one whose iterations are not at hand."""


def _reference(chosen: Subject, pooled: Pool, past: Pool) -> Ns | None:
    if chosen.reference == "past":
        return past(chosen.cell.key)
    return None if chosen.baseline is None else pooled(chosen.baseline.key)


def _distributions(chosen: Subject, mine: Ns, other: Ns) -> dict[str, Any]:
    (top, reason), (other_top, _) = reach(mine, _told(chosen.cell)), reach(other, _reference_told(chosen))
    changes = quantile_changes(mine, other, min(top, other_top))
    return {
        "quantiles": changes,
        "moved": moved(changes),
        "over": None if chosen.line is None else _over(chosen.line, mine, other),
        "reach": top,
        "reference_reach": other_top,
        "tail_reason": reason,
    }


def _reference_told(chosen: Subject) -> float:
    """As `_told`; of the past a cell tells the median alone."""
    if chosen.reference == "baseline":
        return _told(chosen.baseline)
    since = chosen.cell.versus_past
    return 0.0 if since is None or since.past_p50_ms.value is None else MEDIAN


def _told(cell: Cell | None) -> float:
    """The highest quantile that the cell itself tells: each launch vouches for it, however alike its iterations are."""
    latency = cell.latency_ms if cell else None
    told = zip((latency.p50, latency.p90, latency.p95, latency.p99), TOLD, strict=True) if latency else ()
    return max((p for value, p in told if value.value is not None), default=0.0)


def _over(line: Line, mine: Ns, other: Ns) -> Over:
    subject_over, reference_over = (int(np.sum(twenty(values) > line.ms * NS_PER_MS)) for values in (mine, other))
    return Over(subject=subject_over, reference=reference_over)
