"""Comparisons and gates to words; words to the exit code."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from farm_reports.stats.power import MARGIN, MIN_BLOCKS, SAME

if TYPE_CHECKING:
    from farm_reports.past import PastWord
    from farm_reports.results import BaselineWord, FitWord, Gate, GateWord, RunWord
    from farm_reports.stats.compare import Interval


def invalid(valid: int, rejected: int) -> str | None:
    """Why a comparison is invalid, or None. `rejected` counts attempts of blocks; lost ones are in neither number."""
    if rejected * 2 > valid + rejected:
        return f"{rejected} of {valid + rejected} blocks were rejected"
    if valid < MIN_BLOCKS:
        return f"{valid} valid blocks, {MIN_BLOCKS} are needed"
    return None


def against_baseline(change: Interval) -> BaselineWord:
    """The word of a valid comparison, from the interval of its change in logs with the floor."""
    if change.low > MARGIN:
        return "slower"
    if change.high < -MARGIN:
        return "faster"
    if change.high < SAME and change.low > -SAME:
        return "same"
    return "undecided"


def against_past(change: Interval, worse: float = MARGIN, same: float = SAME, better: float = MARGIN) -> PastWord:
    """The word of a comparison with the past, from the same interval; the margins in logs, all positive.

    A budget moves `worse` and `same` to where it lies; only the worse side counts against a variant.
    """
    if change.low > worse:
        return "regressed"
    if change.high < -better:
        return "improved"
    return "equivalent" if change.high < same else "inconclusive"


def past_margins(budget: float | None, least: float = 0.0) -> tuple[float, float, float]:
    """(worse, same, better) of `against_past`. `budget`: a share; `least`: in logs, what the two may differ by of themselves."""
    if budget is not None:
        worse = max(math.log1p(budget), least)
        return worse, worse, max(MARGIN, least)
    return max(MARGIN, least), max(SAME, least), max(MARGIN, least)


def inside(low: float, high: float, most: float) -> FitWord:
    """Whether an interval keeps a limit: as a whole, not at all, or nobody can tell."""
    if high <= most:
        return "yes"
    return "no" if low > most else "undecided"


def small(change: Interval) -> bool:
    """Whether a decided change lies within what counts as the same."""
    decided = against_baseline(change) in {"slower", "faster"}
    return decided and change.high < SAME and change.low > -SAME


def gate(cells: Iterable[GateWord]) -> GateWord:
    """The word of a gate from those of its cells."""
    words = set(cells)
    order: tuple[GateWord, ...] = ("failed", "not_measured", "inconclusive")
    return next((word for word in order if word in words), "passed" if words else "not_measured")


def asked(gate: Gate) -> int:
    """How many cells a gate against the past asks: not those whose file is the one of then, which need tell nothing."""
    return sum(cell.value is not None or cell.verdict != "passed" for cell in gate.cells)


def run(gates: Iterable[GateWord], boards: int, min_boards: int, past: Iterable[GateWord] = ()) -> RunWord:
    """The word of a run. `boards`: how many were measured; a run that measured nothing is invalid.

    `past`: the gates that ask what became of the variants since an earlier run, where that is the question.
    """
    limits, budgets = list(gates), list(past)
    if "failed" in budgets:
        return "regressed"
    if "failed" in limits:
        return "failed"
    words = limits + budgets
    if "not_measured" in words or boards < max(min_boards, 1):
        return "invalid"
    if "inconclusive" in words:
        return "inconclusive"
    return "passed" if words else "measured"


def exit_code(word: RunWord, on_inconclusive: str = "warn") -> int:
    """The exit code of a finished run."""
    if word == "inconclusive":
        return 3 if on_inconclusive == "fail" else 0
    return {"measured": 0, "passed": 0, "failed": 1, "regressed": 1, "invalid": 4}[word]
