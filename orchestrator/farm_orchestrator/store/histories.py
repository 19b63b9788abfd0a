"""The earlier runs of a cell: who measured the same board, variant and point before, and what was recorded with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from farm_orchestrator.model import Kind, Phase, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

MOST = 60  # runs: two months of nights
MEASURED = "measured"
CHUNK = 200  # runs that are looked at in one question
Key = tuple[str, str, str]
run, part, cell, launch = schema.run.c, schema.part.c, schema.cell.c, schema.launch.c


@dataclass(frozen=True)
class CellRun:
    """A complete run of a cell. `created`: seconds since the epoch; `p50_ns`: of its valid launches."""

    run: str
    created: float
    p50_ns: tuple[int, ...]
    sha256: str | None = None
    onnxruntime: str | None = None
    kernel: str | None = None
    git: str | None = None


@dataclass
class _Found:
    sha256: str
    p50_ns: list[int] = field(default_factory=list)


def cell_runs(store: Store, keys: Sequence[Key], before: str, most: int = MOST) -> dict[Key, list[CellRun]]:
    """Of each (board, variant, point) the last complete runs that began before the run `before`, the oldest first."""
    return store.read(lambda c: _cell_runs(c, keys, before, most))


def _cell_runs(connection: Connection, keys: Sequence[Key], before: str, most: int) -> dict[Key, list[CellRun]]:
    began = dict(_began(connection, before)) if keys else {}
    return {key: _of_cell(connection, key, began, most) for key in keys}


def _of_cell(connection: Connection, key: Key, began: Mapping[str, float], most: int) -> list[CellRun]:
    launches = _launches(connection, key, _with_cell(connection, key, list(began), most))
    commits, boards = _commits(connection, list(launches)), _boards(connection, key[0], list(launches))
    return [
        CellRun(
            name,
            began[name],
            tuple(launches[name].p50_ns),
            launches[name].sha256,
            _text(boards, name, "onnxruntime"),
            _text(boards, name, "kernel"),
            _text(commits, name, "sha"),
        )
        for name in sorted(launches, key=lambda name: (began[name], name))
    ]


def _began(connection: Connection, before: str) -> list[tuple[str, float]]:
    """All complete runs before this one, the last first."""
    now = select(run.created).where(run.run == before).scalar_subquery()
    query = select(run.run, run.created).where(run.state == "closed", run.cancel == 0, run.created < now)
    return [(row.run, row.created) for row in connection.execute(query.order_by(run.created.desc(), run.run.desc()))]


def _with_cell(connection: Connection, key: Key, runs: Sequence[str], most: int) -> list[str]:
    """The first of these that have a figure of the cell; the key of that table begins with the run, so each is a look."""
    board, variant, point = key
    found: list[str] = []
    for start in range(0, len(runs), CHUNK):
        mine = (cell.run.in_(runs[start : start + CHUNK]), cell.board == board, cell.variant == variant)
        query = select(cell.run).where(*mine, cell.point == point, cell.state == MEASURED)
        known = set(connection.execute(query).scalars())
        found += [name for name in runs[start : start + CHUNK] if name in known]
        if len(found) >= most:
            break
    return found[:most]


def _launches(connection: Connection, key: Key, runs: Sequence[str]) -> dict[str, _Found]:
    """Of the valid ones. Asked for by state, the database would look at every launch that the board ever did."""
    board, variant, point = key
    query = select(launch.run, launch.p50_ns, launch.sha256, launch.state).where(
        launch.run.in_(runs), launch.board == board, launch.variant == variant, launch.point == point,
        launch.phase == Phase.MEASURE, launch.kind == Kind.MEASURE, launch.dropped.is_(None), launch.p50_ns > 0,
    )  # fmt: skip
    found: dict[str, _Found] = {}
    for row in connection.execute(query.order_by(launch.id)):
        if row.state == State.DONE:
            found.setdefault(row.run, _Found(row.sha256)).p50_ns.append(row.p50_ns)
    return found


def _commits(connection: Connection, runs: Sequence[str]) -> dict[str, Row[Any]]:
    query = select(run.run, run.facts["git"]["sha"].as_string().label("sha")).where(run.run.in_(runs))
    return {row.run: row for row in connection.execute(query)}


def _boards(connection: Connection, board: str, runs: Sequence[str]) -> dict[str, Row[Any]]:
    """Two facts of what the agent said of its board; the database picks them out of all the others."""
    facts = (part.facts[name].as_string().label(name) for name in ("onnxruntime", "kernel"))
    query = select(part.run, *facts).where(part.run.in_(runs), part.board == board)
    return {row.run: row for row in connection.execute(query)}


def _text(rows: dict[str, Row[Any]], name: str, fact: str) -> str | None:
    value = getattr(rows.get(name), fact, None)
    return value if isinstance(value, str) and value else None
