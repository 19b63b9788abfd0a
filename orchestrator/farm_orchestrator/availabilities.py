"""From the fleet's log to what a report says of boards that were away; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from farm_orchestrator.tabled import moment
from farm_reports.availability import Availability, BoardEvent
from farm_reports.faults import Fault, fault_of

if TYPE_CHECKING:
    from farm_orchestrator.store.absences import Course, Event

EVENTS = 50  # of one board; a restless one would fill the document
AWAY = {"lost": True, "returned": False, "canary_ok": False}
ASIDE = {"quarantined", "drained"}


def availabilities(course: Course) -> list[Availability]:
    """Of the boards with which something happened, by name."""
    boards = sorted({*course.events, *course.lost})
    found = [_availability(board, course) for board in boards]
    return [one for one in found if one.losses or one.events or one.share < 1]


def away_s(events: Iterable[Event], began: float, ended: float) -> float:
    """How long it did not answer, or took no work: from its first loss in a row to its next answer or its release.

    What was lost before the run is no loss of it: it began with all losses forgiven.
    """
    lost = aside = False
    since, total = began, 0.0
    for event in events:
        before = lost or aside
        at = min(max(event.at, began), ended)
        lost = event.at >= began and event.kind != "released" and AWAY.get(event.kind, lost)
        aside = event.kind in ASIDE or (aside and event.kind != "released")
        if before:
            total += at - since
        since = at
    return total + (ended - since if lost or aside else 0.0)


def _availability(board: str, course: Course) -> Availability:
    events = course.events.get(board, [])
    here = [event for event in events if event.at >= course.began]
    length_s = course.ended - course.began
    share = 1 - away_s(events, course.began, course.ended) / length_s if length_s > 0 else 1.0
    return Availability(
        board=board,
        share=min(max(share, 0.0), 1.0),
        losses={fault.value: count for fault, count in _losses(board, here, course).items()},
        events=[BoardEvent(at=moment(event.at), kind=event.kind, text=event.text) for event in here[:EVENTS]],
    )


def _losses(board: str, events: Sequence[Event], course: Course) -> Counter[Fault]:
    """Launches of this run, and tries to reach the board for whomever."""
    found: Counter[Fault] = Counter()
    for outcome, count in course.lost.get(board, Counter()).items():
        found[fault_of(outcome)] += count
    found.update(Fault(event.fault) for event in events if event.kind == "lost" and event.of is None and event.fault)
    return found
