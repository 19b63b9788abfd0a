"""Schedules of nights, which of these wait to begin, and whose turn it is."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, insert, or_, select, update

from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.plan.nights import Due, Schedule, due
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

PLAN_S = 600.0  # between two tries to begin one night: whoever plans it may have died, or its directory may come back
LOG = logging.getLogger(__name__)
run, schedule, turn = schema.run.c, schema.schedule.c, schema.turn.c


def add_schedule(store: Store, new: Schedule) -> None:
    """Raises UsageError where the name is taken."""

    def write(connection: Connection) -> None:
        if _is_there(connection, new.name):
            raise UsageError(
                f"there is a schedule {new.name} already",
                mend=f"`farm nightly rm {new.name}` removes it (its runs and what was good last stay), or give the new one another name",
            )
        created = store.now(connection)
        connection.execute(insert(schema.schedule).values(name=new.name, spec=new.to_json(), created=created))

    store.patiently(write)


def schedules(store: Store) -> list[Schedule]:
    """By name."""
    query = select(schema.schedule).order_by(schedule.name)
    return store.read(lambda c: [_schedule(row) for row in c.execute(query)])


def find_schedule(store: Store, name: str) -> Schedule:
    """Raises UsageError."""

    def read(connection: Connection) -> Schedule:
        check_there(connection, name)
        return _schedule(connection.execute(select(schema.schedule).where(schedule.name == name)).one())

    return store.read(read)


def schedule_names(store: Store) -> list[str]:
    """Also of those that this farm cannot read."""
    return store.read(_names)


def check_there(connection: Connection, name: str) -> None:
    """Raises UsageError."""
    if not _is_there(connection, name):
        raise UsageError(f"there is no schedule {name!r}", mend=_known(_names(connection)))


def remove_schedule(store: Store, name: str) -> None:
    """Its runs stay, and what was good last: one that is added again under this name goes on from there.

    One that this farm cannot read goes too. Raises UsageError.
    """

    def write(connection: Connection) -> None:
        check_there(connection, name)
        connection.execute(delete(schema.schedule).where(schedule.name == name))
        connection.execute(delete(schema.turn).where(turn.name == _planning(name)))

    store.patiently(write)


def waiting_nights(store: Store) -> list[Due]:
    """Those that have no run yet."""

    def read(connection: Connection) -> list[Due]:
        now = store.now(connection)
        found = [_due(row, now) for row in connection.execute(select(schema.schedule)).all()]
        return [each for each in found if each and not _has_begun(connection, each)]

    return store.read(read)


def may_plan(store: Store, night: Due) -> bool:
    """True for the one whose turn it is to begin it."""
    return take_turn(store, _planning(night.schedule.name), PLAN_S)


def take_turn(store: Store, name: str, every_s: float) -> bool:
    """True for one caller in `every_s`, on the store's clock; a clock that was set back takes no turn away."""

    def write(connection: Connection) -> bool:
        now = store.now(connection)
        free = or_(turn.taken <= now - every_s, turn.taken > now)
        if connection.execute(update(schema.turn).where(turn.name == name, free).values(taken=now)).rowcount:
            return True
        if connection.execute(select(turn.name).where(turn.name == name)).first():
            return False
        connection.execute(insert(schema.turn).values(name=name, taken=now))  # two at once: the second tries again
        return True

    return store.patiently(write)


def give_back_turn(store: Store, name: str) -> None:
    store.patiently(lambda c: c.execute(delete(schema.turn).where(turn.name == name)) and None)


def has_run(connection: Connection, name: str, due_at: float) -> bool:
    """Whether somebody began this very night."""
    return bool(connection.execute(select(exists().where(run.schedule == name, run.due_at == due_at))).scalar())


def _due(row: Row[Any], now: float) -> Due | None:
    """A schedule that this machine cannot read holds up no other."""
    try:
        return due(_schedule(row), now)
    except StoreError as error:
        LOG.warning("%s", error.line)
        return None


def _has_begun(connection: Connection, night: Due) -> bool:
    """Also where a person did not wait for it to be caught up."""
    later = exists().where(run.schedule == night.schedule.name, run.due_at >= night.at)
    return bool(connection.execute(select(later)).scalar())


def _schedule(row: Row[Any]) -> Schedule:
    try:
        return Schedule.from_json(row.name, row.spec, row.created, row.paused)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"schedule {row.name}: {error}", mend="Use the farm that added it, or one that is newer."
        ) from error


def _is_there(connection: Connection, name: str) -> bool:
    return bool(connection.execute(select(exists().where(schedule.name == name))).scalar())


def _names(connection: Connection) -> list[str]:
    return list(connection.execute(select(schedule.name).order_by(schedule.name)).scalars())


def _planning(name: str) -> str:
    return f"schedule {name}"


def _known(names: list[str]) -> str:
    if not names:
        return "there is none yet: `farm nightly add NAME --variants DIR --at 02:30`"
    return f"`farm nightly ls` lists them: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
