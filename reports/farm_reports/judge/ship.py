"""What to ship on each board: the fastest variant inside all limits, and why not the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from farm_reports.judge.case import Case
from farm_reports.judge.confirmed import ratios
from farm_reports.judge.evidence import Evidence, Floats, pairs
from farm_reports.judge.limits import Check, checks
from farm_reports.parts import Value
from farm_reports.results import Cell, Nearest, RuledOut, Ship
from farm_reports.stats.compare import change, interval, probability_best
from farm_reports.stats.power import BIAS
from farm_reports.stats.tails import FEW
from farm_reports.words import listed, span

TIED = 0.05  # share of the draws from which on a variant may be the fastest
TOLD = 1.05  # a variant this much faster is said to be so


@dataclass(frozen=True)
class Entry:
    """A variant at its best point of a board. `log`: its latency, beside the baseline's, in logs; inf: unknown."""

    cell: Cell
    log: float
    error: float
    checks: tuple[Check, ...]

    @property
    def fits(self) -> bool:
        return self.cell.state == "measured" and self.cell.fit.verdict == "yes"


def ship(case: Case, cells: Sequence[Cell]) -> list[Ship]:
    """One entry for every board with a measured cell."""
    boards = dict.fromkeys(cell.board for cell in cells if cell.state == "measured")
    return [_board(case, board, [cell for cell in cells if cell.board == board]) for board in boards]


def _board(case: Case, board: str, cells: Sequence[Cell]) -> Ship:
    entries = sorted(_best_points([_entry(case, cell) for cell in cells]), key=lambda entry: entry.log)
    fitting = [entry for entry in entries if entry.fits]
    if not fitting:
        return Ship(
            board=board, variant=None, probability_best=None, nearest=_nearest(entries), ruled_out=_ruled(entries, None)
        )
    winner, shares = fitting[0], _shares(case, fitting)
    tied = [entry.cell.variant for entry, share in zip(fitting[1:], shares[1:], strict=True) if share > TIED]
    return Ship(
        board=board,
        variant=winner.cell.variant,
        point_key=winner.cell.point_key,
        probability_best=shares[0],
        tied=tied,
        apart=_apart(case, winner, tied[0]) if tied else None,
        ruled_out=_ruled(entries, winner),
    )


def _entry(case: Case, cell: Cell) -> Entry:
    evidence = case.evidence[cell.key]
    log, error = _latency(case, evidence)
    return Entry(cell, log, error, tuple(checks(case, evidence, cell)))


def _latency(case: Case, evidence: Evidence) -> tuple[float, float]:
    """The paired change placed on the baseline's own latency, so that points can be compared too."""
    if not evidence.valid:
        return math.inf, 0.0
    own = interval(_array(evidence))
    reference = case.reference(evidence)
    paired = ratios(case, evidence) if reference and case.tables.compare else _array(evidence)[:0]
    if evidence.key[1] == case.baseline or not paired.size or reference is None:
        return own.estimate, 0.0
    change = interval(paired)
    return interval(_array(reference)).estimate + change.estimate, change.error if change.known else 0.0


def _array(evidence: Evidence) -> Floats:
    return np.array(list(evidence.logs().values()))


def _best_points(entries: Sequence[Entry]) -> list[Entry]:
    """Of each variant the fastest fitting point, or the fastest where none fits."""
    ordered = sorted(entries, key=lambda entry: (not entry.fits, entry.log))
    return list({entry.cell.variant: entry for entry in reversed(ordered)}.values())


def _shares(case: Case, fitting: Sequence[Entry]) -> list[float]:
    logs, errors = [entry.log for entry in fitting], [entry.error for entry in fitting]
    floor = case.bias_floor(fitting[0].cell.board)
    return probability_best(logs, errors, case.tables.seed, BIAS if floor is None else floor)


def _apart(case: Case, winner: Entry, rival: str) -> Value | None:
    """The change from the rival to the winner, at the winner's point."""
    board, variant, point = winner.cell.board, winner.cell.variant, winner.cell.point_key
    arms = (case.evidence[board, variant, point], case.evidence.get((board, rival, point)))
    differences = pairs(arms[0].logs(), arms[1].logs()) if arms[1] is not None else None
    if differences is None or differences.size < FEW:
        return None
    found = change(differences, floor=case.bias_floor(board))
    value, low, high = (math.expm1(log) for log in (found.estimate, found.low, found.high))
    return Value(value=value, low=low, high=high)


def _nearest(entries: Sequence[Entry]) -> Nearest | None:
    """The variant whose worst miss is the smallest."""
    measured = [entry for entry in entries if entry.cell.state == "measured" and entry.checks]
    if not measured:
        return None
    entry = min(measured, key=lambda one: max(check.excess for check in one.checks))
    return Nearest(variant=entry.cell.variant, why=_why(entry))


def _ruled(entries: Sequence[Entry], winner: Entry | None) -> list[RuledOut]:
    """Every variant that does not fit, the fastest first; those faster than the winner say by how much."""
    return [
        RuledOut(variant=entry.cell.variant, why=_why(entry) + _faster(entry, winner))
        for entry in entries
        if not entry.fits
    ]


def _why(entry: Entry) -> str:
    if entry.cell.state != "measured":
        return f"{entry.cell.state.replace('_', ' ')}: {entry.cell.reason}"
    return listed([_missed(check) for check in entry.checks if check.verdict == entry.cell.fit.verdict])


def _missed(check: Check) -> str:
    return f"{check.text} (undecided)" if check.verdict == "undecided" else check.text


def _faster(entry: Entry, winner: Entry | None) -> str:
    if winner is None or entry.cell.state != "measured" or math.exp(winner.log - entry.log) < TOLD:
        return ""
    return f"; {span([math.exp(winner.log - entry.log)])} x as fast as {winner.cell.variant}"
