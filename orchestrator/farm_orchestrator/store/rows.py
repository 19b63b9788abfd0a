"""Rows of the tables as the nouns that the rest of the farm speaks in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Text, bindparam, select

from farm_orchestrator.model import Json, LaunchRow, Part, Recipe
from farm_orchestrator.store import schema
from farm_orchestrator.store.moments import is_live

LAUNCH_COLUMNS = [schema.launch.c[each.name] for each in fields(LaunchRow)]  # in its order; the documents come last
DOCUMENTS = 2  # facts and findings
PART_LAUNCHES = (
    select(*LAUNCH_COLUMNS[:-DOCUMENTS])
    .where(schema.launch.c.run == bindparam("run", type_=Text), schema.launch.c.board == bindparam("board", type_=Text))
    .order_by(schema.launch.c.id)
)


class BlockId(NamedTuple):
    """One attempt of a block; the board is known where it is used."""

    run: str
    block: int
    attempt: int


@dataclass(frozen=True)
class NewRun:
    """`facts`: free JSON (git, versions, limits, refused variants ...). `created`: seconds since the epoch.

    A higher `priority` goes first; nothing is begun after `ends_by`; of a night, its `schedule` and when it was `due_at`.
    """

    id: str
    name: str | None
    recipe: Recipe
    seed: int
    created: float
    facts: Json = field(default_factory=dict)
    priority: int = 0
    ends_by: float | None = None
    schedule: str | None = None
    due_at: float | None = None


@dataclass(frozen=True)
class RunRow:
    """A run as the store has it; `attached`: a living command renews `attached_until`; `standing`: it needs none."""

    id: str
    name: str | None
    recipe: Recipe
    seed: int
    created: float
    finished: float | None
    state: str
    word: str | None
    cancel: bool
    attached: bool
    attached_until: float
    reported: bool
    facts: Json
    priority: int = 0
    standing: bool = False
    ends_by: float | None = None
    schedule: str | None = None
    due_at: float | None = None


@dataclass(frozen=True)
class CellRow:
    """A cell; `state` None while it is open."""

    board: str
    variant: str
    point: str
    sha256: str | None = None
    state: str | None = None
    reason: str | None = None
    versus_baseline: str | None = None
    versus_past: str | None = None


@dataclass(frozen=True)
class PartRow:
    """A part; `ended`: why it was given up. `facts`: of the agent's hello, empty when the board was never reached."""

    part: Part
    extra_left: int
    ended: str | None
    facts: Json


def launch_row(row: Row[Any]) -> LaunchRow:
    """Of a row of LAUNCH_COLUMNS."""
    facts, findings = row[-DOCUMENTS:]
    values: Sequence[Any] = (*row[:-DOCUMENTS], facts or {}, tuple(findings or ()))
    return LaunchRow(*values)


def launch_rows(connection: Connection, *where: Any) -> list[LaunchRow]:
    """Launches in the order of their ids, which is the order in which they were planned."""
    query = select(*LAUNCH_COLUMNS).where(*where).order_by(schema.launch.c.id)
    return [launch_row(row) for row in connection.execute(query)]


def part_launches(connection: Connection, run: str, board: str) -> list[LaunchRow]:
    """All launches of a part, without facts and findings: what is owed to it never depends on them."""
    return [LaunchRow(*row) for row in connection.execute(PART_LAUNCHES, {"run": run, "board": board})]


def run_row(row: Row[Any], now: float) -> RunRow:
    return RunRow(
        id=row.run,
        name=row.name,
        recipe=Recipe(**row.recipe),
        seed=row.seed,
        created=row.created,
        finished=row.finished,
        state=row.state,
        word=row.word,
        cancel=bool(row.cancel),
        attached=is_live(row.attached_until, now),
        attached_until=row.attached_until,
        reported=bool(row.reported),
        facts=row.facts,
        priority=row.priority,
        standing=bool(row.standing),
        ends_by=row.ends_by,
        schedule=row.schedule,
        due_at=row.due_at,
    )


def part_row(row: Row[Any]) -> PartRow:
    return PartRow(Part.from_json(row.spec), row.extra_left, row.ended, row.facts or {})


def cell_row(row: Row[Any]) -> CellRow:
    return CellRow(
        row.board, row.variant, row.point, row.sha256, row.state, row.reason, row.versus_baseline, row.versus_past
    )
