"""A board whose power supply does not carry the work: more blocks would only be dropped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from farm_orchestrator.model import LaunchRow, Phase, State
from farm_reports.findings import Name

IN_A_ROW = 2  # blocks that were dropped for it, attempted one after the other
MEND = "a stronger power supply and a shorter cable mend that"
OPEN = {State.PENDING, State.RUNNING}


def starved(rows: Iterable[LaunchRow]) -> bool:
    """Whether each of the last attempted blocks of a part was dropped for too low a voltage.

    An attempt that was lost or cancelled tells nothing: nobody looked at its readings.
    """
    words = _words(rows)[-IN_A_ROW:]
    return words == [Name.UNDERVOLT] * IN_A_ROW


def reason(seen: str) -> str:
    """Why a part goes no further; `seen`: what the block that was last said of it."""
    return f"the supply voltage was too low in {IN_A_ROW} blocks in a row; the last time {seen.rstrip('.')}; {MEND}"


def _words(rows: Iterable[LaunchRow]) -> list[str | None]:
    """Why each compared block was dropped, None where it counts, in the order in which they ended."""
    attempts: dict[tuple[int, int], list[LaunchRow]] = defaultdict(list)
    for row in rows:
        if row.phase >= Phase.SCREEN:
            attempts[row.block, row.attempt].append(row)
    ended = [found for found in attempts.values() if not any(row.state in OPEN for row in found)]
    told = [(max((row.t1 or 0, row.id) for row in found), _word(found)) for found in ended if _looked_at(found)]
    return [word for _, word in sorted(told, key=lambda each: each[0])]


def _looked_at(found: Sequence[LaunchRow]) -> bool:
    return any(row.state == State.DONE and row.dropped is None for row in found) or _word(found) is not None


def _word(found: Sequence[LaunchRow]) -> str | None:
    return next((row.dropped for row in found if row.dropped in Name.__members__), None)
