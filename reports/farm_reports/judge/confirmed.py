"""Comparisons that were measured once more because their gate was left open: which blocks decide them."""

from __future__ import annotations

from farm_reports import verdict
from farm_reports.bounds import UNCONFIRMED
from farm_reports.judge.case import Case
from farm_reports.judge.evidence import Evidence, Floats, pairs

QUICK = "quick"


def deciding(case: Case, evidence: Evidence) -> Evidence:
    """The cell in the blocks that decide its comparison: the fresh ones alone, where enough of them hold."""
    fresh = evidence.fresh
    return evidence if fresh is None or _lacking(case, fresh) is not None else fresh


def ratios(case: Case, evidence: Evidence) -> Floats:
    """Logs of the median's ratio to the baseline, in the blocks that decide."""
    return _pairs(case, deciding(case, evidence))


def against(mine: Evidence, other: Evidence) -> tuple[Floats, bool]:
    """Logs of the median of a variant over that of what it was, and whether fresh blocks alone decide, as enough hold."""
    if mine.fresh is not None and other.fresh is not None:
        found = pairs(mine.fresh.logs(), other.fresh.logs())
        if verdict.invalid(found.size, mine.fresh.rejected) is None:
            return found, True
    return pairs(mine.logs(), other.logs()), False


def said_since(case: Case, mine: Evidence, fresh: int | None, *, undecided: bool) -> str | None:
    """The same of a gate against the past; `fresh`: how many blocks decided alone."""
    if fresh is not None:
        return _by(fresh, undecided=undecided)
    if not undecided:
        return None
    few = "too few of its fresh blocks hold"
    return f"{UNCONFIRMED}: {few if mine.fresh is not None else _unconfirmed(case, mine)}"


def _by(fresh: int, *, undecided: bool) -> str:
    return f"{'left open' if undecided else 'decided'} by {fresh} fresh blocks alone"


def owed(case: Case, evidence: Evidence) -> bool:
    """Whether fresh blocks are still to come."""
    reference = case.reference(evidence)
    arms = (evidence.fresh, reference.fresh if reference and evidence.fresh else None)
    return any(arm is not None and arm.owed for arm in arms)


def said(case: Case, evidence: Evidence, *, undecided: bool) -> str | None:
    """What the fresh blocks did for the gate; where there are none and it is open, why."""
    fresh = evidence.fresh
    if fresh is None:
        return f"{UNCONFIRMED}: {_unconfirmed(case, evidence)}" if undecided else None
    why = _lacking(case, fresh)
    if why is not None:
        return f"{UNCONFIRMED}: of its fresh blocks, {why}"
    return _by(_pairs(case, fresh).size, undecided=undecided)


def _lacking(case: Case, fresh: Evidence) -> str | None:
    return verdict.invalid(_pairs(case, fresh).size, fresh.rejected)


def _pairs(case: Case, evidence: Evidence) -> Floats:
    """Fresh blocks have numbers of their own, so that no pair mixes them with others."""
    reference = case.reference(evidence)
    logs = {} if reference is None else reference.logs()
    if reference is not None and reference.fresh is not None:
        logs |= reference.fresh.logs()
    return pairs(evidence.logs(), logs)


def _unconfirmed(case: Case, evidence: Evidence) -> str:
    board = case.boards.get(evidence.key[0])
    if not case.tables.confirms:
        preset = case.tables.run.get("preset")
        return "preset quick has no confirmation" if preset == QUICK else "--max-blocks leaves no room for it"
    if board is not None and board.reason is not None:
        return board.reason
    return "twice as many fresh blocks did not fit into the time on the board"
