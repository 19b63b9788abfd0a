"""The whole fleet at a glance: what each board is at, which runs are in the queue, which workers live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.moments import is_live, live
from farm_orchestrator.store.store import Store
from farm_orchestrator.store.tallies import Mark, Running, Share, Tallies, Tally, at, running

OWED = (State.PENDING, State.RUNNING)
run, part, board, worker = schema.run.c, schema.part.c, schema.board.c, schema.worker.c

RUN: tuple[ColumnElement[Any], ...] = (
    run.run, run.name, run.created, run.priority, run.standing, run.attached_until, run.cancel, run.ends_by
)  # fmt: skip


@dataclass(frozen=True)
class FleetBoard:
    """`running`: the launch it is at, of `run`. `held`: somebody has it: `holder` on the machine of that name.

    `queue`: open runs that want it, the next first. `not_before`: when it is tried again after so many `losses`, of which
    `reason` tells the last. `known` False: nothing was ever measured there.
    """

    board: str
    running: Running | None = None
    run: str | None = None
    held: bool = False
    holder: str | None = None
    losses: int = 0
    reason: str | None = None
    not_before: float | None = None
    quarantined: str | None = None
    drained: str | None = None
    queue: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True)
class FleetRun:
    """An open run. `boards`: on which it owes something, `measuring`: on which it is at it. `stands`: as in Snapshot.

    `counts`: launches per state. `finish`: when it will be through, where somebody reckoned that.
    """

    run: str
    name: str | None
    created: float
    priority: int
    stands: bool
    cancel: bool
    boards: int = 0
    measuring: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    ends_by: float | None = None
    finish: float | None = None


@dataclass(frozen=True)
class FleetWorker:
    """A worker of a shared farm that was heard of lately."""

    host: str
    pid: int
    pool: str
    lanes: int


@dataclass(frozen=True)
class Fleet:
    """Boards by name, runs in the order in which they are served. `shared`: workers of several machines serve it."""

    now: float
    shared: bool
    boards: tuple[FleetBoard, ...]
    runs: tuple[FleetRun, ...]
    workers: tuple[FleetWorker, ...] = ()


class FleetSight:
    """One view's sight of the fleet, cheap to look at again as `Sight`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._tallies = Tallies()

    def look(self) -> Fleet:
        return self.store.read(lambda c: self._look(c, self.store.now(c)))

    def _look(self, connection: Connection, now: float) -> Fleet:
        at_work = running(connection, select(board.board))
        boards = list(connection.execute(select(schema.board).order_by(board.board)))
        runs, shares = _runs(connection), _shares(connection)
        marks = _marks(runs, shares, {row.board: row for row in boards}, at_work)
        tallies = self._tallies.take(connection, marks, now)
        return Fleet(
            now, self.store.shared,
            tuple(_board(row, at_work.get(row.board), tallies, runs, now) for row in boards),
            tuple(_run(row, _held(boards, at_work, now), tallies, now) for row in runs.values()),
            live_workers(connection, now),
        )  # fmt: skip


def fleet(store: Store) -> Fleet:
    """For a single look."""
    return FleetSight(store).look()


def _runs(connection: Connection) -> dict[str, Row[Any]]:
    """Open runs in the order in which boards take their work."""
    query = select(*RUN).where(run.state == "open").order_by(run.priority.desc(), run.created, run.run)
    return {row.run: row for row in connection.execute(query)}


def _shares(connection: Connection) -> list[Row[Any]]:
    query = select(part.run, part.board, part.ended).join(schema.run, run.run == part.run)
    return list(connection.execute(query.where(run.state == "open")))


def _marks(
    runs: Mapping[str, Row[Any]],
    shares: list[Row[Any]],
    boards: Mapping[str, Row[Any]],
    at_work: Mapping[str, Row[Any]],
) -> dict[Share, Mark]:
    """As those of a single run; a launch of another run on the board moves nothing here."""

    def mark(share: Row[Any]) -> Mark:
        known, busy = boards[share.board], at_work.get(share.board)
        ours = busy.id if busy is not None and busy.run == share.run else None
        return runs[share.run].cancel, share.ended, known.losses, known.fence, ours

    return {(share.run, share.board): mark(share) for share in shares}


def _board(
    row: Row[Any], busy: Row[Any] | None, tallies: Mapping[Share, Tally], runs: Mapping[str, Row[Any]], now: float
) -> FleetBoard:
    wanting = [name for name in runs if _owes(tallies.get((name, row.board)))]
    dues = [tallies[name, row.board].due for name in wanting]
    return FleetBoard(
        row.board, None if busy is None else at(busy), None if busy is None else busy.run,
        is_live(row.lease_until, now), row.owner and row.owner.split(":")[0], row.losses, row.reason, min((due for due in dues if due is not None), default=None),
        row.quarantined, row.drained, tuple(wanting),
    )  # fmt: skip


def _owes(tally: Tally | None) -> bool:
    return tally is not None and any(tally.counts.get(state) for state in OWED)


def _held(boards: list[Row[Any]], at_work: Mapping[str, Row[Any]], now: float) -> dict[str, Row[Any]]:
    """Without launches that a dead holder left."""
    return {row.board: at_work[row.board] for row in boards if row.board in at_work and is_live(row.lease_until, now)}


def _run(row: Row[Any], at_work: Mapping[str, Row[Any]], tallies: Mapping[Share, Tally], now: float) -> FleetRun:
    mine = [tally for (name, _), tally in tallies.items() if name == row.run]
    counts: Counter[str] = Counter()
    for tally in mine:
        counts.update(tally.counts)
    return FleetRun(
        row.run, row.name, row.created, row.priority, bool(row.standing) or is_live(row.attached_until, now),
        bool(row.cancel), sum(map(_owes, mine)), sum(busy.run == row.run for busy in at_work.values()), dict(counts),
        row.ends_by,
    )  # fmt: skip


def live_workers(connection: Connection, now: float) -> tuple[FleetWorker, ...]:
    query = select(worker.host, worker.pid, worker.pool, worker.lanes).where(live(worker.seen_until, now))
    return tuple(FleetWorker(*row) for row in connection.execute(query.order_by(worker.host, worker.pid)))
