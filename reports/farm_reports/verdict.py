"""Comparisons and gates to words; words to the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from farm_reports.stats.power import MARGIN, MIN_BLOCKS, SAME

if TYPE_CHECKING:
    from farm_reports.results import BaselineWord, FitWord, GateWord, RunWord
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


def run(gates: Iterable[GateWord], boards: int, min_boards: int) -> RunWord:
    """The word of a run. `boards`: how many were measured; a run that measured nothing is invalid."""
    words = list(gates)
    if "failed" in words:
        return "failed"
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
