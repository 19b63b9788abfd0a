"""The state of a cell, with the reason where it is not measured."""

from __future__ import annotations

from farm_reports import verdict
from farm_reports.judge.case import Case
from farm_reports.judge.evidence import SCREEN_PHASE, Evidence
from farm_reports.results import CellState
from farm_reports.stats.power import MIN_BLOCKS

NOT_YET = "not yet"
STOOD_STILL = "its launches read a median of 0 ns: the board's clock stood still"


def state(case: Case, evidence: Evidence) -> tuple[CellState, str | None]:
    """(state, reason) of a cell."""
    return (
        _known(case, evidence)
        or _failed(case, evidence)
        or _unreached(case, evidence)
        or _unfinished(case, evidence)
        or _counted(case, evidence)
    )


def own_fault(case: Case, evidence: Evidence) -> str | None:
    """Why the variant itself, not its board, is to blame that the cell has no figure; None where it is not."""
    refused = case.variants[evidence.key[1]].reason if evidence.key[1] in case.variants else None
    word, reason = state(case, evidence)
    return refused or (reason if word == "failed" or (word == "not_run" and _unsupported(case, evidence)) else None)


def needed(case: Case) -> int:
    """Valid blocks of a measured cell."""
    return MIN_BLOCKS if case.tables.compare else 1


def _known(case: Case, evidence: Evidence) -> tuple[CellState, str | None] | None:
    variant, record = case.variants.get(evidence.key[1]), case.cells.get(evidence.key)
    if variant is not None and variant.reason is not None:
        return "not_run", variant.reason
    if record is None or record.reason == NOT_YET:
        return None
    if record.state == "failed":
        return "failed", record.reason or "failed"
    if record.state == "screened_out":
        return "screened_out", record.reason or "screened out"
    if record.state == "not_run":
        return "not_run", record.reason or "not run"
    return None


def _unsupported(case: Case, evidence: Evidence) -> bool:
    """The board is there, and its runtime cannot load this model."""
    return any(failure.outcome == "NOT_SUPPORTED" for failure in case.failures.get(evidence.key[:2], ()))


def _failed(case: Case, evidence: Evidence) -> tuple[CellState, str | None] | None:
    """Failed here or, before any compared launch, anywhere; a cell that has its blocks all the same is measured."""
    board, name, point = evidence.key
    failures = case.failures.get((board, name), ())
    reason = next((one.outcome or "failed" for one in failures if one.point == point or one.phase < SCREEN_PHASE), None)
    return None if reason is None or evidence.owed or evidence.valid >= needed(case) else ("failed", reason)


def _unreached(case: Case, evidence: Evidence) -> tuple[CellState, str | None] | None:
    board = case.boards.get(evidence.key[0])
    if board is None or board.reason is None or evidence.valid >= needed(case):
        return None
    return "not_run", board.reason


def _unfinished(case: Case, evidence: Evidence) -> tuple[CellState, str | None] | None:
    if evidence.owed or (case.tables.partial and not evidence.launches):
        return "not_run", NOT_YET
    if evidence.valid or evidence.rejected:
        return None
    if any(launch.state == "done" and launch.p50_ns == 0 for launch in evidence.launches):
        return "not_run", STOOD_STILL
    lost = [launch.outcome for launch in evidence.launches if launch.state == "lost" and launch.outcome]
    return "not_run", f"no launch was measured: {lost[-1]}" if lost else "no launch was measured"


def _counted(case: Case, evidence: Evidence) -> tuple[CellState, str | None]:
    if not case.tables.compare:
        return "measured", None
    why = verdict.invalid(evidence.valid, evidence.rejected)
    return ("measured", None) if why is None else ("invalid", why)
