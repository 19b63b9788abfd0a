"""What was good last: for each cell of a schedule the artefact of its last night that was accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

good, run = schema.last_good.c, schema.run.c


@dataclass(frozen=True)
class LastGood:
    """`sha256`: of the variant; `fingerprint`: the host key of its board, where the inventory names one; `run`: whose parts
    hold its files. `moved`: the store's clock. `schedule`: whose night it was; None: of a run that was named.
    """

    variant: str
    board: str
    point: str
    sha256: str
    fingerprint: str | None
    run: str
    moved: float = 0.0
    schedule: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """As of a cell: board, variant, point."""
        return self.board, self.variant, self.point


def last_good(store: Store, boards: Sequence[str] | None = None, schedule: str | None = None) -> list[LastGood]:
    """Of these boards and this schedule, or of all, also of schedules that were removed."""
    query = select(schema.last_good).order_by(good.schedule, good.board, good.variant, good.point)
    if boards is not None:
        query = query.where(good.board.in_(list(boards)))
    if schedule is not None:
        query = query.where(good.schedule == schedule)
    return store.read(lambda c: [_last_good(row) for row in c.execute(query)])


def move_last_good(store: Store, schedule: str, moves: Sequence[LastGood]) -> int:
    """How many were moved: all, but for those that a later night or a person has moved meanwhile.

    Later by the stamp that the store gave to its run: the machines that plan nights have clocks of their own.
    """

    def write(connection: Connection) -> int:
        now, since = store.now(connection), _inserted(connection, {each.run for each in moves})
        ordered = sorted(moves, key=lambda each: each.key)
        return sum(_move(connection, schedule, each, since[each.run], now) for each in ordered)

    return store.patiently(write) if moves else 0


def set_last_good(connection: Connection, schedule: str, rows: Iterable[LastGood], now: float) -> None:
    """A person's word: whatever was good before, and until a night that is begun after it."""
    for each in sorted(rows, key=lambda each: each.key):
        connection.execute(delete(schema.last_good).where(*_place(schedule, each)))
        _insert(connection, schedule, each, now, now)


def delete_last_good(connection: Connection, schedule: str) -> list[LastGood]:
    """What there was."""
    mine = good.schedule == schedule
    gone = [_last_good(row) for row in connection.execute(select(schema.last_good).where(mine))]
    connection.execute(delete(schema.last_good).where(mine))
    return gone


def _inserted(connection: Connection, runs: Iterable[str]) -> Mapping[str, float]:
    rows = connection.execute(select(run.run, run.created).where(run.run.in_(list(runs))))
    return {row.run: row.created for row in rows}


def _move(connection: Connection, schedule: str, new: LastGood, since: float, now: float) -> bool:
    where = _place(schedule, new)
    if connection.execute(select(good.run).where(*where)).first() is None:
        _insert(connection, schedule, new, since, now)
        return True
    later = update(schema.last_good).where(*where, good.since < since)
    return bool(connection.execute(later.values(_values(new, since, now))).rowcount)


def _insert(connection: Connection, schedule: str, new: LastGood, since: float, now: float) -> None:
    key = {"schedule": schedule, "variant": new.variant, "board": new.board, "point": new.point}
    connection.execute(insert(schema.last_good).values(**key, **_values(new, since, now)))


def _values(new: LastGood, since: float, now: float) -> dict[str, Any]:
    return {"sha256": new.sha256, "fingerprint": new.fingerprint, "run": new.run, "since": since, "moved": now}


def _place(schedule: str, at: LastGood) -> tuple[Any, ...]:
    return good.schedule == schedule, good.variant == at.variant, good.board == at.board, good.point == at.point


def _last_good(row: Row[Any]) -> LastGood:
    return LastGood(
        row.variant, row.board, row.point, row.sha256, row.fingerprint, row.run, row.moved, schedule=row.schedule
    )
