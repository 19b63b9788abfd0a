"""One cell against one limit, and what that makes of its fitness to ship."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from farm_reports import words
from farm_reports.bounds import READ, Bound
from farm_reports.judge.case import Case
from farm_reports.judge.confirmed import owed, ratios
from farm_reports.judge.energy import alike, millijoules
from farm_reports.judge.evidence import Evidence, Floats, log, pairs
from farm_reports.judge.screened import STATE, own, ratio
from farm_reports.parts import Value
from farm_reports.results import Accuracy, Cell, Fit, FitWord, LimitHit
from farm_reports.stats.compare import change
from farm_reports.stats.power import MIN_BLOCKS
from farm_reports.verdict import inside

HAIR = 1e-9  # of a point or of a share: sums of decimals are not exact
ORDER: tuple[FitWord, ...] = ("no", "not_measured", "undecided")


@dataclass(frozen=True)
class Check:
    """One limit at one cell; the figures are in the unit of the bound."""

    bound: Bound
    verdict: FitWord
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @property
    def text(self) -> str:
        """`size 1.21 MB, limit 1 MB`."""
        if self.value is None:
            return f"{words.METRICS[self.bound.metric]} was not measured: {self.reason}"
        return f"{words.measured(self.bound, self.value, self.low, self.high)}, limit {words.limit(self.bound)}"

    @property
    def excess(self) -> float:
        """How far beyond the limit, in parts of it; for picking the nearest and the worst."""
        if self.value is None:
            return math.inf
        if self.bound.metric == "accuracy":
            return (self.bound.value - self.value) / (100 if self.bound.relative else 1)
        if self.bound.relative:
            return math.log1p(self.value) - math.log1p(self.bound.value)
        return math.log(self.value / self.bound.value) if self.value > 0 else -math.inf


def checks(case: Case, evidence: Evidence, cell: Cell) -> list[Check]:
    """Every limit of the run at this cell."""
    if cell.state == STATE:
        return [_screened(case, evidence, cell, bound) for bound in case.bounds]
    if cell.state != "measured":
        reason = cell.reason or cell.state
        return [Check(bound, "not_measured", reason=reason) for bound in case.bounds]
    return [_check(case, evidence, cell, bound) for bound in case.bounds]


def fit(found: Sequence[Check]) -> Fit:
    """A cell fits when it is inside every limit; `by` names the limits that decided otherwise."""
    word = next((word for word in ORDER if any(check.verdict == word for check in found)), "yes")
    return Fit(
        verdict=word,
        by=[
            LimitHit(metric=check.bound.metric, limit=check.bound.text, value=check.value, text=check.text)
            for check in found
            if check.verdict == word != "yes"
        ],
    )


def _screened(case: Case, evidence: Evidence, cell: Cell, bound: Bound) -> Check:
    """Short blocks rule out; what they do not rule out was not measured."""
    found = ratio(case, evidence, bound.metric) if bound.relative else own(evidence, bound.metric)
    if bound.metric not in READ:
        check = _check(case, evidence, cell, bound)
    elif found is None or not found.known:
        check = Check(bound, "not_measured", reason=cell.reason)
    else:
        low, value, high = bound.unlogged(found.low, found.estimate, found.high)
        check = Check(bound, inside(low, high, bound.value), value, low, high)
    return check if check.verdict == "no" else Check(bound, "not_measured", reason=cell.reason)


def _check(case: Case, evidence: Evidence, cell: Cell, bound: Bound) -> Check:
    if bound.metric == "accuracy":
        return _accuracy(bound, cell.accuracy, is_baseline=cell.variant == case.baseline)
    if bound.metric == "size":
        return _size(case, cell.variant, bound)
    if bound.metric == "energy" and cell.energy_mj.value is None:
        return Check(bound, "not_measured", reason=cell.energy_mj.reason)
    return _relative(case, evidence, bound) if bound.relative else _absolute(bound, _value(cell, bound))


def _absolute(bound: Bound, value: Value) -> Check:
    if value.value is None:
        return Check(bound, "not_measured", reason=value.reason)
    low = -math.inf if value.low is None else value.low
    high = math.inf if value.high is None else value.high
    return Check(bound, inside(low, high, bound.value), value.value, value.low, value.high)


def _relative(case: Case, evidence: Evidence, bound: Bound) -> Check:
    """The paired ratio to the baseline at the level of this comparison; the baseline itself is what it is."""
    if evidence.key[1] == case.baseline:
        return Check(bound, "yes" if bound.value >= 0 else "no", 0.0)
    if bound.confirmed and owed(case, evidence):
        return Check(bound, "not_measured", reason="its confirmation is not complete")
    differences = (
        ratios(case, evidence) if bound.confirmed else paired(evidence, case.reference(evidence), bound.metric)
    )
    if isinstance(differences, str):
        return Check(bound, "not_measured", reason=differences)
    if differences.size < MIN_BLOCKS:
        return Check(bound, "not_measured", reason=f"{differences.size} valid pairs, {MIN_BLOCKS} are needed")
    board, variant, _ = evidence.key
    found = change(differences, case.level(variant, bound.metric), case.bias_floor(board, bound.metric))
    if not found.known:
        return Check(bound, "undecided", math.expm1(found.estimate))
    value, low, high = (math.expm1(log) for log in (found.estimate, found.low, found.high))
    return Check(bound, inside(low, high, bound.value), value, low, high)


def paired(evidence: Evidence, reference: Evidence | None, metric: str) -> Floats | str:
    """Differences of the logs of a metric other than the median in the blocks that both have; or why there are none."""
    if metric == "energy" and reference is not None and not alike(evidence, reference):
        reference = None
    arms = [_logs(arm, metric) if arm else {} for arm in (evidence, reference)]
    one, other = arms
    return "too few iterations in a launch" if one is None or other is None else pairs(one, other)


def _logs(evidence: Evidence, metric: str) -> dict[int, float] | None:
    if metric == "peak_memory":
        return log(evidence.fact("peak_memory"))
    if metric == "energy":
        return log(millijoules(evidence))
    tail = evidence.tails.get(0.99)
    if tail is None or tail.value is None or not tail.each_speaks:
        return None
    return log({block: own.value for block, own in zip(sorted(evidence.blocks), tail.each, strict=True)})


def _value(cell: Cell, bound: Bound) -> Value:
    values = {
        "latency_p50": cell.latency_ms.p50,
        "latency_p99": cell.latency_ms.p99,
        "peak_memory": cell.peak_rss_bytes,
        "energy": cell.energy_mj,
    }
    return values[bound.metric]


def _size(case: Case, variant: str, bound: Bound) -> Check:
    sizes = [case.variants[name].bytes if name in case.variants else None for name in (variant, case.baseline)]
    mine, baseline = sizes
    if mine is None or (bound.relative and not baseline):
        return Check(bound, "not_measured", reason="the size of the file is not known")
    value = mine / baseline - 1 if bound.relative and baseline else float(mine)
    return Check(bound, "yes" if value <= bound.value + HAIR else "no", value)


def _accuracy(bound: Bound, score: Accuracy, *, is_baseline: bool) -> Check:
    if score.metric is None or score.value is None:
        return Check(bound, "not_measured", reason=score.reason or "no labelled dataset")
    if not bound.relative:
        better = score.value <= bound.value if score.metric == "mae" else score.value >= bound.value
        return Check(bound, "yes" if better else "no", score.value)
    if is_baseline:
        return Check(bound, "yes" if bound.value <= 0 else "no", 0.0)
    if score.delta_pt is None:
        return Check(bound, "not_measured", reason="no difference in points to the baseline")
    return Check(bound, "yes" if score.delta_pt >= bound.value - HAIR else "no", score.delta_pt)
