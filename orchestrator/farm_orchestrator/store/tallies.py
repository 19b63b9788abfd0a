"""Launches of a part counted by state, read again only where something moved: views look several times a second."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from farm_orchestrator.model import Phase, State
from farm_orchestrator.store import schema

AGAIN_S = 30.0  # everything is counted again so often, each board at its own moment
launch = schema.launch.c
Share = tuple[str, str]  # run, board
Mark = tuple[object, ...]  # while it stays the same the launches of a share do
RUNNING: tuple[ColumnElement[Any], ...] = (
    launch.id, launch.run, launch.board, launch.variant, launch.point, launch.phase, launch.block, launch.attempt,
    launch.t0,
)  # fmt: skip


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
class Median:
    """p50 of one launch that counts."""

    board: str
    variant: str
    point: str
    block: int
    p50_ns: int


@dataclass(frozen=True)
class Tally:
    """`counts`: launches per state. `due`: when the next pending one may begin."""

    counts: dict[str, int] = field(default_factory=dict)
    due: float | None = None
    medians: tuple[Median, ...] = ()


class Tallies:
    """What a view has counted so far; of shares whose mark changed the rows are read again."""

    def __init__(self, *, medians: bool = False) -> None:
        self.medians = medians
        self._kept: dict[Share, tuple[Mark, Tally]] = {}

    def take(self, connection: Connection, marks: Mapping[Share, Mark], now: float) -> dict[Share, Tally]:
        timed = {share: (*mark, _turn(index, now)) for index, (share, mark) in enumerate(marks.items())}
        kept = {share: old for share, mark in timed.items() if (old := self._kept.get(share)) and old[0] == mark}
        fresh = dict(_tallies(connection, sorted(timed.keys() - kept.keys()), medians=self.medians))
        self._kept = {share: kept.get(share) or (mark, fresh[share]) for share, mark in timed.items()}
        return {share: tally for share, (_, tally) in self._kept.items()}


def running(connection: Connection, boards: Select[Any]) -> dict[str, Row[Any]]:
    """The launch that each of these boards is at, of whatever run."""
    query = select(*RUNNING).where(launch.board.in_(boards), launch.state == State.RUNNING.value)
    return {row.board: row for row in connection.execute(query.order_by(launch.id))}


def at(row: Row[Any]) -> Running:
    return Running(row.variant, row.point, row.phase, row.block, row.attempt, row.t0)


def _turn(index: int, now: float) -> int:
    return int(now / AGAIN_S + index * 0.618)


def _tallies(connection: Connection, stale: Iterable[Share], *, medians: bool) -> Iterator[tuple[Share, Tally]]:
    """Run by run: both columns of the key are then given, which every planner has an index for."""
    for run, shares in groupby(stale, key=lambda share: share[0]):
        boards = [board for _, board in shares]
        counted = _counted(connection, run, boards)
        timed = _medians(connection, run, boards) if medians else {}
        for board in boards:
            counts, due = counted.get(board, ({}, None))
            yield (run, board), Tally(counts, due, tuple(timed.get(board, ())))


def _counted(
    connection: Connection, run: str, boards: Collection[str]
) -> dict[str, tuple[dict[str, int], float | None]]:
    query = select(launch.board, launch.state, func.count().label("launches"), func.min(launch.not_before).label("due"))
    query = query.where(launch.run == run, launch.board.in_(boards)).group_by(launch.board, launch.state)
    rows: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(query):
        rows.setdefault(row.board, []).append(row)
    return {
        board: (
            {row.state: row.launches for row in mine},
            next((row.due for row in mine if row.state == State.PENDING), None),
        )
        for board, mine in rows.items()
    }


def _medians(connection: Connection, run: str, boards: Collection[str]) -> dict[str, list[Median]]:
    query = select(launch.board, launch.variant, launch.point, launch.block, launch.p50_ns).where(
        launch.run == run,
        launch.board.in_(boards),
        launch.phase == Phase.MEASURE,
        launch.state == State.DONE,
        launch.dropped.is_(None),
        launch.p50_ns > 0,  # 0: the clock stood still, and nothing was measured
    )
    found: dict[str, list[Median]] = {}
    for row in connection.execute(query):
        found.setdefault(row.board, []).append(Median(*row))
    return found
