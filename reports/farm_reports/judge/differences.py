"""What was otherwise when the earlier run was made, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from farm_reports import words
from farm_reports.judge.likeness import Both, named
from farm_reports.results import Board, Results

FACTS = ("onnxruntime", "kernel", "python")
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
BRIEF = 12  # letters of a digest
NAMED = 5


def differences(both: Both) -> list[str]:
    """Those of the whole run, then those of boards, each fact grouped by what it was and what it is."""
    return [*_of_runs(both), *_of_boards(both)]


def distance(both: Both) -> str:
    """How far the two runs lie apart in time, and whether they were named the wrong way round."""
    try:
        then, now = (datetime.fromisoformat(run.run.created) for run in both.runs)
        between_s = (now - then).total_seconds()
    except (ValueError, TypeError):
        return "made at times that nobody knows"
    return _apart(abs(between_s)) + (", and this is the older one" if between_s < 0 else "")


def _apart(between_s: float) -> str:
    for unit_s, unit in ((DAY_S, "day"), (HOUR_S, "hour"), (MINUTE_S, "minute")):
        if between_s >= unit_s:
            count = round(between_s / unit_s)
            return f"{count} {unit}{'s' if count != 1 else ''} apart"
    return "less than a minute apart"


def _of_runs(both: Both) -> Iterator[str]:
    for name in ("preset", "mode", "farm_version"):
        was, told = (getattr(run.run, name) for run in both.runs)
        if was != told:
            yield f"The {name.replace('farm_version', 'farm')} was {was} and is {told}."
    if not both.one_baseline:
        yield f"{_baselines(both)}: no comparison can lean on it."


def _baselines(both: Both) -> str:
    (one, was), (other, told) = ((run.run.baseline, _digest(run)) for run in both.runs)
    if was and told:
        return f"The baseline was {one} ({was[:BRIEF]}) and is {other} ({told[:BRIEF]})"
    if one != other:
        return f"The baseline was {one} and is {other}"
    return f"Nobody knows whether the baseline {one} is the file that it was"


def _digest(run: Results) -> str | None:
    found = named(run).get(run.run.baseline)
    return found.sha256 if found else None


def _of_boards(both: Both) -> Iterator[str]:
    then = {board.name: board for board in both.past.boards}
    shared = [(then[board.name], board) for board in both.now.boards if board.name in then]
    for name in FACTS:
        yield from _grouped(name, [(one.name, getattr(one, name), getattr(other, name)) for one, other in shared])
    yield from _grouped("pin", [(one.name, one.pin.wanted, other.pin.wanted) for one, other in shared])
    cpus = [_cpus(run) for run in both.runs]
    yield from _grouped("cpus", [(one.name, cpus[0].get(one.name), cpus[1].get(one.name)) for one, _ in shared])
    yield from (_nameless(one.name) for one, other in shared if _unknown(one, other))


def _nameless(board: str) -> str:
    return f"Only its name says that {board} is the board of then: no model and no host key were told."


def _grouped(name: str, told: list[tuple[str, str | None, str | None]]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[str]] = {}
    for board, was, now in told:
        if was and now and was != now:
            groups.setdefault((was, now), []).append(board)
    for (was, now), boards in groups.items():
        yield f"{name} was {was} and is {now} on {words.listed(boards, NAMED)}."


def _cpus(run: Results) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for cell in run.cells:
        found.setdefault(cell.board, set()).add(cell.point.cpus)
    return {board: ", ".join(sorted(cpus)) for board, cpus in found.items()}


def _unknown(then: Board, now: Board) -> bool:
    """A board that no fact ties to its name in both runs, though it answered."""
    answered = then.reason is None and now.reason is None
    return answered and not any(getattr(then, name) and getattr(now, name) for name in ("fingerprint", "model"))
