"""How runs of equal priority share a board: the one that has had the least of it since it came is next."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, exists, func, select, update

from farm_orchestrator.model import LaunchRow, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.moments import counts

CHOSEN = "chosen "  # a turn of this name: somebody begins a run on the board
OPEN = (State.PENDING.value, State.RUNNING.value)
launch, run, part = schema.launch.c, schema.run.c, schema.part.c


def charge(connection: Connection, row: LaunchRow, now: float) -> None:
    """The launch has ended: its part has had so much more of the board. A clock that was set back gives nothing back."""
    took = 0.0 if row.t0 is None else max(0.0, now - row.t0)
    change = update(schema.part).where(schema.part_of(row.run, row.board))
    connection.execute(change.values(spent=part.spent + took))


def level(connection: Connection, board: str, priority: int, now: float) -> float:
    """Where a part begins: beside the least served of those that wait there. It neither waits until the older ones are
    through nor keeps them out until it has had as much as they.
    """
    owes = exists().where(launch.run == part.run, launch.board == part.board, launch.state.in_(OPEN))
    query = select(func.min(part.spent)).join(schema.run, run.run == part.run)
    query = query.where(part.board == board, run.priority == priority, run.state == "open", counts(now), owes)
    return float(connection.execute(query).scalar() or 0.0)


def forget_choice(connection: Connection, boards: Collection[str]) -> None:
    """What was chosen is wanted from now on."""
    marks = [CHOSEN + name for name in boards]
    connection.execute(delete(schema.turn).where(schema.turn.c.name.in_(marks)))


def catch_up(connection: Connection, name: str, now: float) -> None:
    """A run that is taken up again begins no further back than one that is new."""
    query = select(part.board, part.spent, run.priority).join(schema.run, run.run == part.run).where(part.run == name)
    for row in connection.execute(query).all():
        begin = max(row.spent, level(connection, row.board, row.priority, now))
        connection.execute(update(schema.part).where(schema.part_of(name, row.board)).values(spent=begin))
