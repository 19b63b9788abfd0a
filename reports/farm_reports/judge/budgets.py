"""The gates of a run that is held against its past: each metric with a budget, on every cell that both runs measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from farm_reports import points, verdict
from farm_reports.bounds import GATED, UNCHANGED, Bound
from farm_reports.judge.gates import SEVERITY
from farm_reports.judge.likeness import Both, Key, Pair
from farm_reports.judge.limits import HAIR
from farm_reports.judge.since import logs
from farm_reports.parts import Value
from farm_reports.past import VersusPast
from farm_reports.results import Cell, FitWord, Gate, GateCell, GateWord
from farm_reports.stats.between import apart, between
from farm_reports.stats.compare import Interval
from farm_reports.stats.power import LEVEL, MARGIN

LATENCY = "latency_p50"
DEFAULT = Bound(LATENCY, f"+{MARGIN * 100:g}%", relative=True, value=MARGIN)  # the one gate where nobody set a budget
WORDS: Mapping[str, GateWord] = {"regressed": "failed", "inconclusive": "inconclusive", "invalid": "not_measured"}
POINT = 100.0


def level(both: Both, budgets: Sequence[Bound]) -> float:
    """The error that each gate may make, alpha / m: m are the comparisons whose interval decides a gate."""
    metrics = sum(bound.metric in GATED for bound in budgets) or 1
    return LEVEL / max(metrics * sum(pair.why is None for pair in both.pairs), 1)


def gates(both: Both, found: Mapping[Key, VersusPast], budgets: Sequence[Bound], side: float) -> list[Gate]:
    """One a budget; without any the default on the median. `found`: the comparisons of medians; `side`: the level of each."""
    return [_gate(both, bound, found, side) for bound in budgets or (DEFAULT,)]


def joined(found: Iterable[Gate]) -> list[Gate]:
    """Those of single boards as those of their run."""
    by_metric: dict[str, list[Gate]] = {}
    for gate in found:
        by_metric.setdefault(gate.metric, []).append(gate)
    return [_whole(each[0], [cell for gate in each for cell in gate.cells]) for each in by_metric.values()]


def owed(both: Both, pair: Pair) -> bool:
    """Whether a gate asks for this cell: the earlier run has it, and nobody left it out on purpose."""
    if kept(both, pair):
        return True
    asked = pair.then is not None and pair.now.state != "screened_out"
    return asked and (both.within is not None or (pair.then is not None and pair.then.state == "measured"))


def kept(both: Both, pair: Pair) -> bool:
    """Whether the cell is of the very file of then, which no block need tell; one that was left out is not asked for."""
    there = both.within is not None and pair.key in both.within.old and pair.then is None
    return there and not (pair.now.reason or "").startswith(UNCHANGED)


def _gate(both: Both, bound: Bound, found: Mapping[Key, VersusPast], side: float) -> Gate:
    asked = [pair for pair in both.pairs if owed(both, pair)]
    known = points.of(pair.now for pair in both.pairs)
    return _whole(
        Gate(kind="budget", metric=bound.metric, bound=bound.text, verdict="not_measured", worst=None, cells=[]),
        [points.placed(_asked(both, pair, bound, found, side), pair.now, known) for pair in asked],
    )


def _whole(gate: Gate, cells: list[GateCell]) -> Gate:
    word = verdict.gate(cell.verdict for cell in cells)
    worst = max(cells, key=lambda cell: _badness(gate.metric, cell), default=None)
    return gate.model_copy(update={"verdict": word, "worst": worst, "cells": cells})


def _asked(both: Both, pair: Pair, bound: Bound, found: Mapping[Key, VersusPast], side: float) -> GateCell:
    versus = found.get(pair.key)
    if kept(both, pair) and pair.now.state == "measured":
        return GateCell(
            board=pair.now.board, variant=pair.now.variant, value=None, verdict="passed",
            reason=versus.reason if versus else None,
        )  # fmt: skip
    if bound.metric == LATENCY and versus is not None:
        return _median(pair, versus)
    return _cell(both, pair, bound, side)


def _badness(metric: str, cell: GateCell) -> tuple[int, float]:
    value = -math.inf if cell.value is None else cell.value
    return SEVERITY.index(cell.verdict), -value if metric == "accuracy" and cell.value is not None else value


def _median(pair: Pair, versus: VersusPast) -> GateCell:
    """A small change, which there is only without a budget, warns and does not fail."""
    if versus.ratio is None:
        return _open(pair, versus.reason)
    small = versus.verdict == "regressed" and versus.small
    ends = (versus.gate_low or versus.low, versus.gate_high or versus.high)
    low, high = (None if end is None else end - 1 for end in ends)
    return GateCell(
        board=pair.now.board,
        variant=pair.now.variant,
        value=versus.ratio - 1,
        low=low,
        high=high,
        verdict="passed" if small else WORDS.get(versus.verdict, "passed"),
        reason="a small change: it lies within 2 %" if small else versus.reason or _across(versus),
    )


def _across(versus: VersusPast) -> str | None:
    if versus.basis != "absolute" or versus.margin is None:
        return None
    return f"time against time, so only beyond {versus.margin * 100:.1f} %"


def _open(pair: Pair, why: str | None) -> GateCell:
    """A cell that the past had and this run has not: its own fault fails, anything else is not measured."""
    word: GateWord = "failed" if pair.now.state == "failed" or pair.refused else "not_measured"
    return GateCell(board=pair.now.board, variant=pair.now.variant, value=None, verdict=word, reason=why or pair.why)


def _cell(both: Both, pair: Pair, bound: Bound, side: float) -> GateCell:
    if pair.then is None or pair.why is not None:
        return _open(pair, pair.why)
    return JUDGES[bound.metric](both, pair, pair.then, bound, side)


def _size(both: Both, pair: Pair, _: Cell, bound: Bound, __: float) -> GateCell:
    sizes = both.sizes(pair)
    if not sizes[0] or sizes[1] is None:
        return _open(pair, "the size of the file is not known")
    return _exact(pair, sizes[1] / sizes[0] - 1, worse=sizes[1] / sizes[0] - 1 > bound.value + HAIR)


def _accuracy(_: Both, pair: Pair, then: Cell, bound: Bound, __: float) -> GateCell:
    """The values themselves, as for a limit; only where both runs scored the same number of rows."""
    was, now = then.accuracy, pair.now.accuracy
    if was.value is None or now.value is None or now.metric != was.metric or now.metric != "top1":
        return _open(pair, now.reason or was.reason or "the two runs have no share of right answers")
    if was.rows != now.rows:
        return _open(pair, f"{was.rows} rows were scored then and {now.rows} now")
    points = (now.value - was.value) * POINT
    return _exact(pair, points, worse=points < bound.value - HAIR)


def _exact(pair: Pair, value: float, *, worse: bool) -> GateCell:
    word: GateWord = "failed" if worse else "passed"
    return GateCell(board=pair.now.board, variant=pair.now.variant, value=value, verdict=word)


def _memory(both: Both, pair: Pair, then: Cell, bound: Bound, side: float) -> GateCell:
    return _measured(both, pair, (then.peak_rss_bytes, pair.now.peak_rss_bytes), bound, side)


def _tail(both: Both, pair: Pair, then: Cell, bound: Bound, side: float) -> GateCell:
    return _measured(both, pair, (then.latency_ms.p99, pair.now.latency_ms.p99), bound, side, drifts=True)


def _energy(both: Both, pair: Pair, then: Cell, bound: Bound, side: float) -> GateCell:
    sensors = [(cell.energy.scope, cell.energy.source) if cell.energy else None for cell in (then, pair.now)]
    if sensors[0] != sensors[1]:
        return _open(pair, "the energy was measured at another place in the earlier run")
    return _measured(both, pair, (then.energy_mj, pair.now.energy_mj), bound, side, drifts=True)


def _measured(
    both: Both, pair: Pair, values: tuple[Value, Value], bound: Bound, side: float, *, drifts: bool = False
) -> GateCell:
    """Paired in blocks, else figure against figure; `drifts`: what the day of a board does to it cancels out nowhere."""
    if both.within is not None:
        absent = next((each.reason for each in reversed(values) if each.value is None), None)
        change = absent or both.within.change(pair.key, bound.metric, side)
        return _open(pair, change) if isinstance(change, str) else _judged(pair, change, bound.value)
    one, other = map(logs, values)
    if one is None or other is None:
        return _open(pair, values[1].reason or values[0].reason or "one of the runs has no interval")
    found, reason, most = between(one, other, side), None, bound.value
    if drifts and pair.then is not None:
        most = max(most, math.expm1(apart(one, other, pair.then.launches.valid, pair.now.launches.valid)))
        reason = f"figure against figure, so only beyond {most * 100:.1f} %" if most > bound.value else None
    return _judged(pair, found, most, reason)


def _judged(pair: Pair, found: Interval, most: float, reason: str | None = None) -> GateCell:
    value, low, high = _shares(found)
    word = verdict.inside(low, high, most + HAIR)
    words: Mapping[FitWord, GateWord] = {
        "yes": "passed",
        "no": "failed",
        "undecided": "inconclusive",
        "not_measured": "not_measured",
    }
    return GateCell(
        board=pair.now.board, variant=pair.now.variant, value=value, low=low if found.known else None,
        high=high if found.known else None, verdict=words[word], reason=reason,
    )  # fmt: skip


def _shares(found: Interval) -> tuple[float, float, float]:
    return math.expm1(found.estimate), math.expm1(found.low), math.expm1(found.high)


JUDGES: Mapping[str, Callable[[Both, Pair, Cell, Bound, float], GateCell]] = {
    "size": _size,
    "accuracy": _accuracy,
    "peak_memory": _memory,
    "latency_p99": _tail,
    "energy": _energy,
}
