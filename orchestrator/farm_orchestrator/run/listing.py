"""What `farm runs` tells: the runs of this farm, when they were measured, and which of them wait."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.plan import duration
from farm_orchestrator.store import Store
from farm_orchestrator.store.absences import lost_launches

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import Queued, RunRow
    from farm_reports.faults import Fault

TIMED = 200  # of the latest runs it is looked up when their first launch began


@dataclass(frozen=True)
class Listing:
    """`runs`: newest first; `queue`: the open ones in the order in which they are served; `now`: by the store's clock.

    `lost`: of the latest ones, how many launches by whose fault.
    """

    runs: tuple[RunRow, ...]
    queue: tuple[Queued, ...]
    begun: Mapping[str, float]
    now: float
    lost: Mapping[str, Mapping[Fault, int]] = field(default_factory=dict)

    def waited_s(self, row: RunRow) -> float | None:
        """In the queue; None for a run of which that is not known."""
        begun = self.begun.get(row.id)
        waits = self.now if row.state == "open" else None
        until = waits if begun is None else begun
        return None if until is None else max(0.0, until - row.created)

    def measured_s(self, row: RunRow) -> float | None:
        begun, end = self.begun.get(row.id), row.finished
        if begun is None or (end is None and row.state != "open"):
            return None
        return max(0.0, (self.now if end is None else end) - begun)


def listing(settings: Settings) -> Listing:
    with Store.open(settings.store) as store:
        rows = tuple(reversed(stored.list_runs(store)))
        latest = [row.id for row in rows[:TIMED]]
        return Listing(
            rows, stored.queue(store), stored.begun(store, latest), store.now(), lost_launches(store, latest)
        )


def shared_with(store: Store, run: str) -> Iterator[str]:
    """What a person who has just begun a run is told of those who want its boards too; nothing where nobody does."""
    queue = stored.queue(store)
    ours = next((each for each in queue if each.run == run), None)
    others = [each for each in queue if each.run != run and ours is not None and set(each.boards) & set(ours.boards)]
    if ours is None or not others:
        return
    first = [each for each in others if each.priority > ours.priority]
    equal = [each for each in others if each.priority == ours.priority]
    if first:
        yield f"served first, by priority: {', '.join(each.run for each in first)}"
    if equal:
        yield f"shares its boards with: {', '.join(each.run for each in equal)}"
    if ours.finish is not None:
        left_s = ours.finish - store.now()
        yield f"through at about {time.strftime('%H:%M', time.localtime(time.time() + left_s))}, in {duration(left_s)}"
