"""A cell against its own past: change, interval, word."""

from __future__ import annotations

import math
from dataclasses import dataclass

from farm_reports import verdict
from farm_reports.judge.likeness import Both, Pair
from farm_reports.parts import Value
from farm_reports.past import Basis, VersusPast
from farm_reports.results import Cell
from farm_reports.stats.between import apart, between, sees
from farm_reports.stats.compare import Interval
from farm_reports.stats.power import MARGIN, READING


@dataclass(frozen=True)
class Change:
    """`past`, `now`: what the two runs say in logs. `least`: in logs, what they may differ by of themselves."""

    basis: Basis
    past: Interval
    now: Interval
    least: float

    def margins(self, budget: float | None) -> tuple[float, float, float]:
        """(worse, same, better) in logs, with the budget as a share."""
        return verdict.past_margins(budget, self.least)


def versus(both: Both, pair: Pair, side: float | None, budget: float | None) -> VersusPast:
    """The comparison of the medians. `side`: the level at which a gate judges it; `budget`: a share, None: the default."""
    absent = Value(value=None, reason=pair.why or "not measured in the earlier run")
    p50 = pair.then.latency_ms.p50 if pair.then is not None else absent
    same_file = both.same_file(pair)
    change = None if pair.why is not None else changed(both, pair)
    if change is None:
        why = pair.why or "one of the runs has no interval"
        return VersusPast(
            ratio=None, low=None, high=None, verdict="invalid", past_p50_ms=p50, same_file=same_file, reason=why
        )
    return _judged(change, side, budget, p50, same_file=same_file)


def changed(both: Both, pair: Pair) -> Change | None:
    """Against the one baseline where both runs have it, else time against time."""
    if pair.then is None:
        return None
    ratios = [_ratio(cell) for cell in (pair.then, pair.now)] if both.one_baseline else [None, None]
    if ratios[0] is not None and ratios[1] is not None:
        return Change("baseline", ratios[0], ratios[1], 0.0)
    times = [logs(cell.latency_ms.p50) for cell in (pair.then, pair.now)]
    if times[0] is None or times[1] is None:
        return None
    least = apart(times[0], times[1], pair.then.launches.valid, pair.now.launches.valid)
    return Change("absolute", times[0], times[1], least)


def logs(value: Value) -> Interval | None:
    """A figure with its interval, in logs."""
    if not value.value or not value.low or not value.high or min(value.value, value.low, value.high) <= 0:
        return None
    return Interval(math.log(value.value), math.log(value.low), math.log(value.high))


def _ratio(cell: Cell) -> Interval | None:
    found = cell.versus_baseline
    if found is None or found.provisional or found.verdict == "invalid":
        return None
    return logs(Value(value=found.ratio, low=found.low, high=found.high))


def _judged(
    change: Change, side: float | None, budget: float | None, past_p50: Value, *, same_file: bool | None
) -> VersusPast:
    drawn = between(change.past, change.now)
    gate = None if side is None else between(change.past, change.now, side)
    worse, same, better = change.margins(budget)
    decisive = gate or drawn
    word = verdict.against_past(decisive, worse, same, better)
    return VersusPast(
        ratio=math.exp(drawn.estimate),
        low=math.exp(drawn.low),
        high=math.exp(drawn.high),
        gate_low=math.exp(gate.low) if gate else None,
        gate_high=math.exp(gate.high) if gate else None,
        verdict=word,
        basis=change.basis,
        margin=math.expm1(worse),
        sees=sees(drawn, side or READING, max(MARGIN, change.least)),
        small=word in {"regressed", "improved"} and verdict.small(decisive) and budget is None,
        past_p50_ms=past_p50,
        same_file=same_file,
    )
