"""A person's word about what is good: a night that is accepted although it regressed, a past that is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from farm_orchestrator.errors import UsageError
from farm_orchestrator.store import schema
from farm_orchestrator.store.events import note_event
from farm_orchestrator.store.identity import person
from farm_orchestrator.store.last_good import LastGood, delete_last_good, set_last_good
from farm_orchestrator.store.locks import one_at_a_time
from farm_orchestrator.store.rows import CellRow, cell_row, part_row
from farm_orchestrator.store.schedules import check_there
from farm_orchestrator.store.settled import ACCEPTED, FORGOTTEN
from farm_orchestrator.store.store import Store

Key = tuple[str, str, str]
run = schema.run.c


@dataclass(frozen=True)
class Accepted:
    """What became of the cells of a night: `moved` are good from now on, `left` were not measured and keep what they had."""

    run: str
    moved: tuple[CellRow, ...]
    left: tuple[CellRow, ...]


def accept_night(store: Store, schedule: str, name: str | None = None, reason: str | None = None) -> Accepted:
    """What a run of the schedule measured is good from now on; without `name` its last night that is over.

    Raises UsageError where there is nothing to accept.
    """

    def write(connection: Connection) -> Accepted:
        one_at_a_time(connection)  # nobody prunes the run meanwhile
        check_there(connection, schedule)
        night = _last(connection, schedule) if name is None else name
        _check_night(connection, schedule, night)
        found = _cells(connection, schedule, night)
        moved = tuple(each for each in found if each.state == "measured" and each.sha256 is not None)
        now, by = store.now(connection), person()
        set_last_good(connection, schedule, _good(connection, night, moved), now)
        keys = [_key(each) for each in moved]
        facts = {"schedule": schedule, "by": by, "reason": reason, "cells": keys}
        text = f"{by} accepted this night of {schedule}" + (f": {reason}" if reason else "")
        note_event(connection, now, ACCEPTED, run=night, text=text, facts=facts)
        return Accepted(night, moved, tuple(each for each in found if each not in moved))

    return store.patiently(write)


def forget_good(store: Store, schedule: str) -> int:
    """How many cells have no past from now on; their runs may be pruned then."""

    def write(connection: Connection) -> int:
        one_at_a_time(connection)
        gone = delete_last_good(connection, schedule)
        if gone:
            cells = [(each.board, each.variant, each.point) for each in gone]
            facts = {"schedule": schedule, "by": person(), "cells": cells}
            note_event(connection, store.now(connection), FORGOTTEN, facts=facts)
        return len(gone)

    return store.patiently(write)


def _last(connection: Connection, schedule: str) -> str:
    over = (run.state == "closed", run.cancel == 0, run.word.is_not(None))
    query = select(run.run).where(run.schedule == schedule, *over).order_by(run.due_at.desc())
    found = connection.execute(query).scalar()
    if found is None:
        raise UsageError(
            f"no night of {schedule} is over yet, so there is nothing to accept",
            mend=f"`farm nightly run {schedule}` holds one now",
        )
    return str(found)


def _check_night(connection: Connection, schedule: str, name: str) -> None:
    """Raises UsageError."""
    row = connection.execute(select(schema.run).where(run.run == name)).one()
    if row.schedule != schedule:
        whose = "no schedule began it" if row.schedule is None else f"it is one of {row.schedule}"
        raise UsageError(
            f"run {name} is no night of {schedule}: {whose}",
            mend=f"leave --run out for the last night of {schedule}, or `farm runs` lists them",
        )
    if row.cancel:
        raise UsageError(
            f"the night {name} of {schedule} was cancelled, so it decided nothing",
            mend=f"farm run --resume {name} goes on with it",
        )
    if row.state != "closed" or row.word is None:
        raise UsageError(f"the night {name} of {schedule} is not over", mend=f"farm run --watch {name} waits for it")


def _cells(connection: Connection, schedule: str, name: str) -> list[CellRow]:
    """All with their states. Raises UsageError where none was measured."""
    cell = schema.cell.c
    query = select(schema.cell).where(cell.run == name).order_by(cell.board, cell.variant, cell.point)
    found = [cell_row(row) for row in connection.execute(query)]
    if any(each.state is None for each in found):
        raise UsageError(f"the night {name} of {schedule} has no report yet", mend=f"farm report {name}")
    if not any(each.state == "measured" for each in found):
        raise UsageError(
            f"the night {name} of {schedule} measured nothing, so nothing of it can be good",
            mend=f"name another night of it: farm nightly accept {schedule} --run RUN",
        )
    return found


def _good(connection: Connection, name: str, cells: Sequence[CellRow]) -> list[LastGood]:
    parts = [part_row(row).part for row in connection.execute(select(schema.part).where(schema.part.c.run == name))]
    prints = {part.name: part.board.get("fingerprint") for part in parts}
    return [
        LastGood(each.variant, each.board, each.point, str(each.sha256), prints.get(each.board), name) for each in cells
    ]


def _key(cell: CellRow) -> Key:
    return cell.board, cell.variant, cell.point
