"""A cell against the baseline of the same run: ratio, interval, word."""

from __future__ import annotations

import math

from farm_reports import verdict
from farm_reports.judge.case import Case
from farm_reports.judge.confirmed import deciding, owed, ratios
from farm_reports.judge.evidence import Evidence, Floats, pairs
from farm_reports.results import BaselineWord, CellState, VersusBaseline
from farm_reports.stats.compare import Interval, change, interval
from farm_reports.stats.tails import FEW


def versus(case: Case, evidence: Evidence, state: CellState) -> VersusBaseline | None:
    """The comparison with the baseline; None for the baseline itself and where there is nothing to compare."""
    reference = case.reference(evidence)
    if not case.tables.compare or evidence.key[1] == case.baseline or reference is None:
        return None
    differences = pairs(evidence.logs(), reference.logs())
    if state == "failed" or (differences.size == 0 and state == "not_run"):
        return None
    if state == "not_run" or reference.owed or owed(case, evidence):
        return _provisional(differences, case.bias_floor(evidence.key[0]))
    return _judged(case, evidence, differences)


def ranged(differences: Floats, floor: float | None) -> Interval:
    """The 95 % interval with the floor from 6 blocks on, below that the range of the blocks."""
    if differences.size >= FEW:
        return change(differences, floor=floor)
    return Interval(interval(differences).estimate, float(differences.min()), float(differences.max()))


def _judged(case: Case, evidence: Evidence, differences: Floats) -> VersusBaseline:
    why, floor = verdict.invalid(differences.size, evidence.rejected), case.bias_floor(evidence.key[0])
    if why is not None:
        return _versus(ranged(differences, floor) if differences.size else None, "invalid", reason=why)
    side, fresh = case.side(evidence.key[1], "latency_p50"), deciding(case, evidence) is not evidence
    differences = ratios(case, evidence)
    gate = change(differences, side, floor) if side is not None else None
    drawn = change(differences, floor=floor)
    decisive = gate or drawn
    return _versus(
        drawn,
        verdict.against_baseline(decisive),
        gate_low=math.exp(gate.low) if gate and gate.known else None,
        gate_high=math.exp(gate.high) if gate and gate.known else None,
        small=verdict.small(decisive),
        fresh=differences.size if fresh else None,
    )


def _provisional(differences: Floats, floor: float | None) -> VersusBaseline:
    blocks = differences.size
    reason = f"range of {blocks} block{'s' * (blocks > 1)}" if blocks < FEW else "95 % interval"
    return _versus(ranged(differences, floor) if blocks else None, "undecided", provisional=True, reason=reason)


def _versus(of: Interval | None, word: BaselineWord, **rest: object) -> VersusBaseline:
    return VersusBaseline.model_validate(
        {
            "ratio": math.exp(of.estimate) if of else None,
            "low": math.exp(of.low) if of else None,
            "high": math.exp(of.high) if of else None,
            "verdict": word,
            **rest,
        }
    )
