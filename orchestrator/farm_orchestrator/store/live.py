"""The state of a run at a glance, for a view that looks several times a second."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, select

from farm_orchestrator.model import Phase, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

SHOWN = 12  # boards whose figures are shown one by one
run, part, launch, board = schema.run.c, schema.part.c, schema.launch.c, schema.board.c


@dataclass(frozen=True)
class Running:
    """The launch that a board is at; `t0`: seconds since the epoch."""

    variant: str
    point: str
    phase: int
    block: int
    attempt: int
    t0: float


@dataclass(frozen=True)
class BoardView:
    """`counts`: launches per state. `not_before`: when the next pending launch is due. `reason`: of the last loss.

    `ended`: why the part was given up.
    """

    board: str
    counts: dict[str, int] = field(default_factory=dict)
    running: Running | None = None
    losses: int = 0
    not_before: float | None = None
    reason: str | None = None
    ended: str | None = None


@dataclass(frozen=True)
class Median:
    """p50 of one launch that counts."""

    board: str
    variant: str
    point: str
    block: int
    p50_ns: int


@dataclass(frozen=True)
class Snapshot:
    """All boards of a run, by name. `medians`: of the compared launches so far, where the boards are few enough to show.

    `now`: the store's clock, as `not_before`.
    """

    run: str
    state: str
    cancel: bool
    boards: tuple[BoardView, ...]
    now: float = 0.0
    baseline: str | None = None
    medians: tuple[Median, ...] = ()


def snapshot(store: Store, name: str) -> Snapshot:
    return store.read(lambda c: _snapshot(c, name, store.now()))


def _snapshot(connection: Connection, name: str, now: float) -> Snapshot:
    head = connection.execute(select(run.state, run.cancel, run.facts).where(run.run == name)).one()
    counts, due = _counts(connection, name), _due(connection, name)
    running = {row.board: _running(row) for row in _running_rows(connection, name)}
    boards = tuple(
        BoardView(
            row.board, counts.get(row.board, {}), running.get(row.board), row.losses, due.get(row.board), row.reason,
            row.ended,
        )
        for row in _boards(connection, name)
    )  # fmt: skip
    medians = _medians(connection, name) if len(boards) <= SHOWN else ()
    return Snapshot(name, head.state, bool(head.cancel), boards, now, head.facts.get("baseline"), medians)


def _boards(connection: Connection, name: str) -> list[Row[Any]]:
    query = select(part.board, part.ended, board.losses, board.reason)
    query = query.join(schema.board, board.board == part.board).where(part.run == name).order_by(part.board)
    return list(connection.execute(query))


def _counts(connection: Connection, name: str) -> dict[str, dict[str, int]]:
    query = select(launch.board, launch.state, func.count().label("launches"))
    counts: dict[str, dict[str, int]] = {}
    for row in connection.execute(query.where(launch.run == name).group_by(launch.board, launch.state)):
        counts.setdefault(row.board, {})[row.state] = row.launches
    return counts


def _medians(connection: Connection, name: str) -> tuple[Median, ...]:
    query = select(launch.board, launch.variant, launch.point, launch.block, launch.p50_ns).where(
        launch.run == name,
        launch.phase == Phase.MEASURE,
        launch.state == State.DONE,
        launch.dropped.is_(None),
        launch.p50_ns > 0,  # 0: the clock stood still, and nothing was measured
    )
    return tuple(Median(*row) for row in connection.execute(query))


def _due(connection: Connection, name: str) -> dict[str, float]:
    query = select(launch.board, func.min(launch.not_before).label("due"))
    pending = (launch.run == name, launch.state == State.PENDING)
    return {row.board: row.due for row in connection.execute(query.where(*pending).group_by(launch.board))}


def _running_rows(connection: Connection, name: str) -> list[Row[Any]]:
    return list(connection.execute(select(schema.launch).where(launch.run == name, launch.state == State.RUNNING)))


def _running(row: Row[Any]) -> Running:
    return Running(row.variant, row.point, row.phase, row.block, row.attempt, row.t0)
