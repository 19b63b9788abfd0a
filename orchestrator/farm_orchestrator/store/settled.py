"""What persons settled: cells whose past they accepted or forgot, whatever nights had said of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from farm_orchestrator.store import schema

ACCEPTED, FORGOTTEN = "good_accepted", "good_forgotten"  # kinds of events
event = schema.event.c


@dataclass(frozen=True)
class Settled:
    """Nights that were begun until `at` say nothing of these cells any more: (board, variant, point)."""

    at: float
    cells: frozenset[tuple[str, str, str]]


def settled(connection: Connection, schedule: str, until: float | None) -> list[Settled]:
    """Of a schedule, `until` None: to this day."""
    where = [event.kind.in_([ACCEPTED, FORGOTTEN]), event.facts["schedule"].as_string() == schedule]
    if until is not None:
        where.append(event.at <= until)
    rows = connection.execute(select(event.at, event.facts).where(*where).order_by(event.id))
    return [Settled(row.at, frozenset((b, v, p) for b, v, p in row.facts["cells"])) for row in rows]
