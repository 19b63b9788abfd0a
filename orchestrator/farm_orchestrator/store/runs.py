"""Runs from their insertion to their word, and what is read of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from farm_orchestrator.errors import StoreBusy, UsageError
from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.model import Json, LaunchRow, Part, Slot, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.moments import until
from farm_orchestrator.store.rows import (
    CellRow,
    NewRun,
    PartRow,
    RunRow,
    cell_row,
    launch_rows,
    part_launches,
    part_row,
    run_row,
)
from farm_orchestrator.store.schedules import has_run
from farm_orchestrator.store.sharing import forget_choice, level
from farm_orchestrator.store.store import Store

EXTRA_SHARE = 0.5  # blocks that a board may repeat, per planned block
ATTACHED_S = 15.0


def insert_run(
    store: Store, run: NewRun, parts: Sequence[Part], cells: Sequence[CellRow], slots: Sequence[Slot]
) -> bool:
    """The whole run or nothing of it. False: of a night that somebody else has begun."""

    def write(connection: Connection) -> bool:
        if run.schedule is not None and run.due_at is not None and has_run(connection, run.schedule, run.due_at):
            return False
        now = store.now(connection)
        _insert_run(connection, run, now if store.shared else run.created, standing=store.shared)
        for part in sorted(parts, key=lambda part: part.name):  # in one order: two runs never wait for each other
            _insert_part(connection, part, level(connection, part.name, run.priority, now))
        forget_choice(connection, [part.name for part in parts])
        _insert_cells(connection, run.id, cells)
        insert_slots(connection, run.id, slots)
        for part in sorted(parts, key=lambda part: part.name):  # last: whoever measures there waits for these rows
            _greet_board(connection, part.name)
        return True

    failpoint("before_insert")
    inserted = store.patiently(write)
    failpoint("after_insert")
    return inserted


def attach(store: Store, run: str, ttl_s: float = ATTACHED_S) -> None:
    """A living command stands behind the run until `ttl_s` from now; only then it is measured."""
    store.patiently(lambda c: _set(c, run, attached_until=until(store.now(c), ttl_s)))


def detach(store: Store, run: str) -> None:
    """Where the file is locked the attachment ends by itself soon enough: nobody waits for that."""
    with suppress(StoreBusy):
        store.submit(lambda c: _set(c, run, attached_until=0))


def set_word(store: Store, run: str, word: str) -> None:
    store.patiently(lambda c: _set(c, run, word=word))


def note_hello(store: Store, run: str, board: str, facts: Json) -> None:
    """What the agent said of its board; the report shows it. Whoever was waited for there has gone."""
    change = update(schema.part).where(schema.part_of(run, board)).values(facts=facts)
    waited = (schema.board.c.board == board, schema.board.c.losses == 0, schema.board.c.reason.is_not(None))

    def write(connection: Connection) -> None:
        connection.execute(change)
        connection.execute(update(schema.board).where(*waited).values(reason=None))

    store.submit(write)


def set_cells(store: Store, run: str, cells: Sequence[CellRow]) -> None:
    """Writes state, reason and both words of cells that are there."""

    def write(connection: Connection) -> None:
        for cell in cells:
            connection.execute(
                update(schema.cell)
                .where(*_cell_key(run, cell))
                .values(
                    state=cell.state,
                    reason=cell.reason,
                    versus_baseline=cell.versus_baseline,
                    versus_past=cell.versus_past,
                )
            )

    store.patiently(write)


def find_run(store: Store, text: str) -> str:
    """The id that an id, a unique prefix of one, or `last` names. Raises UsageError."""
    query = select(schema.run.c.run).order_by(schema.run.c.created, schema.run.c.run)
    ids: list[str] = store.read(lambda c: list(c.execute(query).scalars()))
    if not ids:
        raise UsageError(f"there is no run yet in {store.place}", mend="`farm run --variants DIR` makes one.")
    if text == "last":
        return ids[-1]
    found = [text] if text in ids else [each for each in ids if each.startswith(text)]
    if len(found) != 1:
        raise UsageError(_unfound(text, found), mend="`farm runs` lists them.")
    return found[0]


def list_runs(store: Store) -> list[RunRow]:
    """All runs, the oldest first."""
    query = select(schema.run).order_by(schema.run.c.created, schema.run.c.run)

    def read(connection: Connection) -> list[RunRow]:
        now = store.now(connection)
        return [run_row(row, now) for row in connection.execute(query)]

    return store.read(read)


def load_run(store: Store, run: str) -> RunRow:
    query = select(schema.run).where(schema.run.c.run == run)
    return store.read(lambda c: run_row(c.execute(query).one(), store.now(c)))


def part_rows(store: Store, run: str) -> list[PartRow]:
    query = select(schema.part).where(schema.part.c.run == run).order_by(schema.part.c.board)
    return store.read(lambda c: [part_row(row) for row in c.execute(query)])


def parts(store: Store, run: str) -> list[Part]:
    return [row.part for row in part_rows(store, run)]


def cells(store: Store, run: str) -> list[CellRow]:
    key = (schema.cell.c.board, schema.cell.c.variant, schema.cell.c.point)
    query = select(schema.cell).where(schema.cell.c.run == run).order_by(*key)
    return store.read(lambda c: [cell_row(row) for row in c.execute(query)])


def launches(store: Store, run: str, board: str | None = None, variant: str | None = None) -> list[LaunchRow]:
    only = {schema.launch.c.board: board, schema.launch.c.variant: variant}
    where = [column == value for column, value in only.items() if value is not None]
    return store.read(lambda c: launch_rows(c, schema.launch.c.run == run, *where))


def bare_launches(store: Store, run: str, board: str) -> list[LaunchRow]:
    """Without facts and findings, which are most of a launch."""
    return store.read(lambda c: part_launches(c, run, board))


def insert_slots(connection: Connection, run: str, slots: Sequence[Slot], not_before: float = 0) -> None:
    """Inserts planned launches; a place that is taken stays as it is."""
    if not slots:
        return
    c = schema.launch.c
    places = select(c.board, c.block, c.attempt, c.position)
    places = places.where(c.run == run, c.board.in_({slot.board for slot in slots}))
    taken = {tuple(row) for row in connection.execute(places)}
    fresh = [slot for slot in slots if (slot.board, slot.block, slot.attempt, slot.position) not in taken]
    if fresh:
        common = {"run": run, "state": State.PENDING.value, "not_before": not_before}
        connection.execute(insert(schema.launch), [{**slot.to_json(), **common} for slot in fresh])


def board_digest(board: Json) -> str:
    """Names what a channel must be opened to: parts with one digest share a connection."""
    return hashlib.sha256(json.dumps(board, sort_keys=True).encode()).hexdigest()


def _set(connection: Connection, run: str, **values: object) -> None:
    connection.execute(update(schema.run).where(schema.run.c.run == run).values(values))


def _insert_run(connection: Connection, run: NewRun, created: float, *, standing: bool) -> None:
    connection.execute(
        insert(schema.run).values(
            run=run.id,
            name=run.name,
            recipe=run.recipe.to_json(),
            seed=run.seed,
            created=created,
            state="open",
            facts=run.facts,
            priority=run.priority,
            standing=int(standing),
            ends_by=run.ends_by,
            schedule=run.schedule,
            due_at=run.due_at,
        )
    )


def _insert_part(connection: Connection, part: Part, spent: float) -> None:
    from farm_orchestrator import plan

    connection.execute(
        insert(schema.part).values(
            run=part.run,
            board=part.name,
            spec=part.to_json(),
            board_sha256=board_digest(part.board),
            extra_left=math.ceil(EXTRA_SHARE * plan.compared_blocks(part)),
            spent=spent,
        )
    )


def _greet_board(connection: Connection, board: str) -> None:
    """Makes the row of a new board; a known one starts the run with its losses forgiven."""
    c = schema.board.c
    lost = or_(c.losses != 0, c.reason.is_not(None))
    connection.execute(update(schema.board).where(c.board == board, lost).values(losses=0, reason=None))
    if connection.execute(select(c.board).where(c.board == board)).first() is None:
        connection.execute(insert(schema.board).values(board=board))


def _insert_cells(connection: Connection, run: str, cells: Sequence[CellRow]) -> None:
    if cells:
        connection.execute(insert(schema.cell), [{"run": run, **vars(cell)} for cell in cells])


def _cell_key(run: str, cell: CellRow) -> tuple[ColumnElement[bool], ...]:
    c = schema.cell.c
    return c.run == run, c.board == cell.board, c.variant == cell.variant, c.point == cell.point


def _unfound(text: str, found: Sequence[str]) -> str:
    if not found:
        return f"there is no run {text!r}"
    return f"{text!r} could be {len(found)} runs: {', '.join(found[:5])}"
