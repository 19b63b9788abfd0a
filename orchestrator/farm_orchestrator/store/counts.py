"""How much waits, how much is under way, and how the boards are: a few numbers for whoever watches a farm."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from farm_orchestrator.model import BOARD_STATES, State, board_state
from farm_orchestrator.store import schema
from farm_orchestrator.store.moments import is_live
from farm_orchestrator.store.store import Store
from farm_orchestrator.store.tallies import running

launch, board, run = schema.launch.c, schema.board.c, schema.run.c
BOARDS = select(board.board, board.lease_until, board.quarantined, board.drained, board.losses)


@dataclass(frozen=True)
class Counts:
    """`boards`: how many are in each of BOARD_STATES."""

    pending: int
    running: int
    runs: int
    boards: dict[str, int]


def counts(store: Store) -> Counts:
    return store.read(lambda c: _counts(c, store.now(c)))


def _counts(connection: Connection, now: float) -> Counts:
    opened = select(run.run).where(run.state == "open")
    due = select(launch.state, func.count()).where(launch.run.in_(opened)).group_by(launch.state)
    launches = {str(name): int(count) for name, count in connection.execute(due)}
    at_work = running(connection, select(board.board))
    boards = Counter(
        board_state(
            running=row.board in at_work, held=is_live(row.lease_until, now), quarantined=row.quarantined,
            drained=row.drained, losses=row.losses,
        )
        for row in connection.execute(BOARDS)
    )  # fmt: skip
    return Counts(
        launches.get(State.PENDING.value, 0),
        launches.get(State.RUNNING.value, 0),
        int(connection.execute(select(func.count()).select_from(opened.subquery())).scalar_one()),
        {name: boards[name] for name in BOARD_STATES},
    )
