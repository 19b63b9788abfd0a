"""What follows from the report of a night: what is good from now on, and who hears of what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm_orchestrator import notify as ways
from farm_orchestrator import store as stored
from farm_orchestrator.changes import Change, accepted, changes
from farm_orchestrator.model import Json
from farm_orchestrator.plan.nights import Due, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farm_orchestrator.config import Notify
    from farm_orchestrator.store import Store
    from farm_reports.results import Results

SCHEMA = "farm.night/1"
NOT_BEGUN: Json = {"run": None, "verdict": None, "sentence": None, "report": None, "moved": 0}


def settle(store: Store, results: Results, folder: Path, to: Notify) -> tuple[Change, ...]:
    """What changed in the night of these results; nothing of any other run. Repeated, it tells nobody twice.

    `folder`: of the report. Where somebody could not be told, that is told here: the run is what it is. Where nobody could,
    the night does not count as held, so the next one tells its changes again.
    """
    run = stored.load_run(store, results.run.id)
    if run.schedule is None or run.due_at is None or results.run.status != "complete":
        return ()
    known = stored.last_good(store, schedule=run.schedule)
    moved = stored.move_last_good(store, run.schedule, accepted(results, known))
    found = changes(results, stored.earlier_nights(store, run.schedule, run.due_at))
    for each in found:
        store.tell(each.text)
    news = [(each.kind, each.board, each.text) for each in found]
    if found and to.ways and stored.tell_once(store, run.id, news):
        document = _document(run.schedule, run.due_at, found, _of_run(results, folder, moved))
        if not _send(document, to, store.tell):
            stored.untell(store, run.id)
            return found
    stored.note_held(store, run.id)
    return found


def refused(store: Store, due: Due, why: str, to: Notify) -> None:
    """A night that could not begin: told once, however often it is tried."""
    change = Change("not_begun", f"the night of {due.schedule.name} could not begin: {why}")
    news = stored.tell_unbegun(store, due.schedule.name, due.at, why)
    if news and to.ways and not _send(_document(due.schedule.name, due.at, [change]), to, store.tell):
        stored.untell_unbegun(store, due.schedule.name, due.at)


def _document(schedule: str, due_at: float, found: Sequence[Change], told: Json = NOT_BEGUN) -> Json:
    """`told`: of the run that there was."""
    changed = [each.to_json() for each in found]
    return {"schema": SCHEMA, "schedule": schedule, "due": stamp(due_at), **told, "changes": changed}


def _of_run(results: Results, folder: Path, moved: int) -> Json:
    return {
        "run": results.run.id,
        "verdict": results.verdict,
        "sentence": results.sentence,
        "report": str(folder / "report.html"),
        "moved": moved,
    }


def _send(document: Json, to: Notify, tell: Callable[[str], object]) -> bool:
    """Whether anybody heard of it."""
    failures = ways.notify(document, to)
    for failure in failures:
        tell(failure)
    return len(failures) < to.ways
