"""Boards that were away for a while: how much of the run they were there, and why not; nothing of a fleet that was well."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from farm_reports import figures
from farm_reports.availability import Availability
from farm_reports.sections.view import View
from farm_reports.sections.words import counted

ROWS = 40
WORDS = {
    "lost": "lost", "returned": "came back", "quarantined": "put into quarantine", "drained": "drained",
    "released": "released", "powered": "its power switched", "canary_ok": "looked at, well",
    "canary_failed": "looked at, not well",
}  # fmt: skip
TELLING = ("quarantined", "drained", "powered")  # these say why


@dataclass(frozen=True)
class Away:
    """A board, the share of the run in which it was there, what was lost by whose fault, what happened, and why."""

    board: str
    share: str
    losses: str
    happened: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Fleet:
    """`more`: boards that are not shown; results.json has them all."""

    rows: tuple[Away, ...]
    more: int


def availability(view: View) -> Fleet | None:
    """Those that were away longest first."""
    known = {board.name for board in view.results.boards}
    found = sorted(
        (one for one in view.results.availability if one.board in known), key=lambda one: (one.share, one.board)
    )
    if not found:
        return None
    return Fleet(tuple(map(_away, found[:ROWS])), max(len(found) - ROWS, 0))


def _away(one: Availability) -> Away:
    kinds = Counter(event.kind for event in one.events)
    why = dict.fromkeys(event.text for event in one.events if event.kind in TELLING and event.text)
    return Away(
        board=one.board,
        share=figures.share(one.share),
        losses=", ".join(f"{count} {fault}" for fault, count in one.losses.items()),
        happened=", ".join(_told(kind, count) for kind, count in kinds.items()),
        why=tuple(why),
    )


def _told(kind: str, count: int) -> str:
    word = WORDS.get(kind, kind)
    return word if count == 1 else f"{word} {counted(count, 'time')}"
