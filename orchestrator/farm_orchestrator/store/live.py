"""The state of a run at a glance, for a view that looks several times a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.finding import Finding, finding_among, last_finding
from farm_orchestrator.store.fleet import live_workers
from farm_orchestrator.store.moments import counts, is_live
from farm_orchestrator.store.store import Store
from farm_orchestrator.store.tallies import Mark, Median, Running, Share, Tallies, Tally, at, running

SHOWN = 12  # boards whose figures are shown one by one
QUEUE_S = 2.0  # how often a view looks who else is in the queue
run, part, launch, board = schema.run.c, schema.part.c, schema.launch.c, schema.board.c
HEAD: tuple[ColumnElement[Any], ...] = (
    run.run, run.state, run.cancel, run.priority, run.created, run.standing, run.attached_until
)  # fmt: skip


@dataclass(frozen=True)
class BoardView:
    """`counts`: launches per state. `not_before`: when the next pending launch is due. `reason`: of the last loss.

    `ended`: why the part was given up. `held`: a lane has the board. `elsewhere`: another run that it is measuring for.
    `quarantined`, `drained`: why it takes no work.
    """

    board: str
    counts: dict[str, int] = field(default_factory=dict)
    running: Running | None = None
    losses: int = 0
    not_before: float | None = None
    reason: str | None = None
    ended: str | None = None
    held: bool = True
    elsewhere: str | None = None
    quarantined: str | None = None
    drained: str | None = None


@dataclass(frozen=True)
class Other:
    """A run that wants so many of the same boards: it is served first if its priority is higher, in turns if not."""

    run: str
    priority: int
    boards: int


@dataclass(frozen=True)
class Snapshot:
    """All boards of a run, by name. `medians`: of the compared launches so far, where the boards are few enough to show.

    `now`: the store's clock, as `not_before`. `stands`: a command stands behind it, or none need.

    `served`: false where a shared farm has no worker. `finish`: when it will be through, where somebody reckoned that.
    """

    run: str
    state: str
    cancel: bool
    boards: tuple[BoardView, ...]
    now: float = 0.0
    baseline: str | None = None
    medians: tuple[Median, ...] = ()
    priority: int = 0
    created: float = 0.0
    stands: bool = True
    others: tuple[Other, ...] = ()
    finding: Finding | None = None
    served: bool = True
    finish: float | None = None


class Sight:
    """One view's sight of a run: each look is one consistent state, of which little has to be read again."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self._tallies = Tallies(medians=True)
        self._running: dict[str, int] = {}
        self._baseline: str | None = None
        self._finding: Finding | None = None
        self._others: tuple[Other, ...] = ()
        self._served = True
        self._queue_at: float | None = None

    def look(self) -> Snapshot:
        return self.store.read(lambda c: self._look(c, self.store.now(c)))

    def _look(self, connection: Connection, now: float) -> Snapshot:
        head, rows = _head(connection, self.name), _boards(connection, self.name)
        at_work = running(connection, select(part.board).where(part.run == self.name))
        ours = {name: row for name, row in at_work.items() if row.run == self.name}
        self._tallies.medians = len(rows) <= SHOWN
        tallies = self._tallies.take(connection, _marks(self.name, head, rows, ours), now)
        self._note(connection, {name: row.id for name, row in ours.items()})
        if self._queue_at is None or not 0 <= now - self._queue_at < QUEUE_S:
            self._others, self._queue_at = _others(connection, head, now), now
            self._served = not self.store.shared or bool(live_workers(connection, now))
        return Snapshot(
            self.name, head.state, bool(head.cancel),
            tuple(_view(row, tallies[self.name, row.board], at_work.get(row.board), self.name, now) for row in rows),
            now, self._baseline, tuple(each for tally in tallies.values() for each in tally.medians),
            head.priority, head.created, bool(head.standing) or is_live(head.attached_until, now), self._others, self._finding,
            self._served,
        )  # fmt: skip

    def _note(self, connection: Connection, now_running: dict[str, int]) -> None:
        """What a launch leaves to be told shows once it is through; the rest a first look finds."""
        if self._queue_at is None:
            self._finding, self._baseline = last_finding(connection, self.name), _baseline(connection, self.name)
        gone = [id_ for name, id_ in self._running.items() if now_running.get(name) != id_]
        self._finding = finding_among(connection, gone) or self._finding
        self._running = now_running


def snapshot(store: Store, name: str) -> Snapshot:
    """For a single look."""
    return Sight(store, name).look()


def _head(connection: Connection, name: str) -> Row[Any]:
    return connection.execute(select(*HEAD).where(run.run == name)).one()


def _baseline(connection: Connection, name: str) -> str | None:
    """Once: what a run was asked may be long."""
    found: str | None = connection.execute(select(run.facts).where(run.run == name)).scalar_one().get("baseline")
    return found


def _boards(connection: Connection, name: str) -> list[Row[Any]]:
    query = select(part.board, part.ended, board.losses, board.reason, board.fence, board.lease_until,
                   board.quarantined, board.drained)  # fmt: skip
    query = query.join(schema.board, board.board == part.board).where(part.run == name).order_by(part.board)
    return list(connection.execute(query))


def _marks(name: str, head: Row[Any], rows: list[Row[Any]], ours: Mapping[str, Row[Any]]) -> dict[Share, Mark]:
    """Launches of a part move when one begins or ends, with a loss, and when the part or the run is given up."""
    return {
        (name, row.board): (
            head.state, head.cancel, row.ended, row.losses, row.fence,
            ours[row.board].id if row.board in ours else None,
        )
        for row in rows
    }  # fmt: skip


def _view(row: Row[Any], tally: Tally, at_work: Row[Any] | None, name: str, now: float) -> BoardView:
    ours = at_work is not None and at_work.run == name
    return BoardView(
        row.board, tally.counts, at(at_work) if at_work is not None and ours else None, row.losses, tally.due,
        row.reason, row.ended, is_live(row.lease_until, now), None if at_work is None or ours else at_work.run,
        row.quarantined, row.drained,
    )  # fmt: skip


def _others(connection: Connection, head: Row[Any], now: float) -> tuple[Other, ...]:
    """Who is served before it, then with whom it takes turns; runs that nobody stands behind take nothing."""
    mine = select(part.board).where(part.run == head.run, part.ended.is_(None))
    owes = (
        select(launch.id).where(launch.run == part.run, launch.board == part.board)
        .where(launch.state.in_([State.PENDING.value, State.RUNNING.value])).exists()
    )  # fmt: skip
    query = select(run.run, run.priority, part.board).join(schema.part, part.run == run.run)
    query = query.where(run.run != head.run, run.priority >= head.priority, run.state == "open", counts(now))
    query = query.where(part.board.in_(mine), part.ended.is_(None), owes)
    found: dict[tuple[str, int], int] = {}
    for row in connection.execute(query.order_by(run.priority.desc(), run.created, run.run)):
        found[row.run, row.priority] = found.get((row.run, row.priority), 0) + 1
    return tuple(Other(name, priority, boards) for (name, priority), boards in found.items())
