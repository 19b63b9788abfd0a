"""The last thing that a run's launches gave a person to think about: a finding, a rejection, a failure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, and_, cast, or_, select

from farm_orchestrator.model import State, document
from farm_orchestrator.store import schema

launch = schema.launch.c
COLUMNS = (launch.board, launch.variant, launch.state, launch.dropped, launch.facts, launch.findings)
TOLD = or_(
    launch.state.in_([State.REJECTED.value, State.FAILED.value]),
    and_(launch.state == State.DONE, cast(launch.findings, Text).not_in(["[]", "null"])),
)


@dataclass(frozen=True)
class Finding:
    """`name` as the page has it (THROTTLED, TIMER, ...), or `failed`."""

    board: str
    variant: str
    name: str
    text: str = ""


def last_finding(connection: Connection, run: str) -> Finding | None:
    """Of all launches so far."""
    return _newest(connection, select(*COLUMNS).where(launch.run == run, TOLD))


def finding_among(connection: Connection, ids: Collection[int]) -> Finding | None:
    """Of launches that have just ended."""
    return _newest(connection, select(*COLUMNS).where(launch.id.in_(ids), TOLD)) if ids else None


def _newest(connection: Connection, query: Select[Any]) -> Finding | None:
    row = connection.execute(query.order_by(launch.t1.desc(), launch.id.desc()).limit(1)).one_or_none()
    return None if row is None else _finding(row)


def _finding(row: Row[Any]) -> Finding:
    if row.state == State.FAILED:
        failure = document(document(row.facts).get("failure"))
        words = [str(failure[key]) for key in ("stage", "kind", "detail") if failure.get(key)]
        return Finding(row.board, row.variant, "failed", ": ".join(words))
    told = document(next(iter(row.findings or ()), None))
    name = row.dropped if row.state == State.REJECTED else None
    same = name is None or told.get("name") == name
    text = str(told.get("text", "")) if same else ""
    return Finding(row.board, row.variant, str(name or told.get("name", "")), text)
