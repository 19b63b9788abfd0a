"""Runs that may go, their rows, and which digests somebody names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Connection, Select, Text, and_, cast, delete, func, or_, select

from farm_orchestrator.failpoint import failpoint
from farm_orchestrator.store import schema
from farm_orchestrator.store.locks import one_at_a_time, shared
from farm_orchestrator.store.moments import is_live
from farm_orchestrator.store.orphans import portions, put_before, remove_files
from farm_orchestrator.store.store import Store

DIGEST = re.compile(r"[0-9a-f]{64}")
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
OF_A_RUN = (schema.launch, schema.cell, schema.part, schema.event, schema.run)
FILES = (schema.artefact, schema.artefact_chunk)
TOGETHER = 500  # rows at once
run, good = schema.run.c, schema.last_good.c


@dataclass(frozen=True)
class Old:
    """A run that may go. `ended`: seconds since the epoch."""

    run: str
    name: str | None
    ended: float
    launches: int


def old_runs(store: Store, older_s: float, keep: int = 0) -> list[Old]:
    """Closed for so long, the oldest first; not the newest `keep`, and none that an open run or a last good names."""
    return store.read(lambda c: _old_runs(c, store.now(c), older_s, keep))


def remove_run(store: Store, name: str, older_s: float, needed: set[str]) -> bool:
    """Deletes its rows, and on a server its files but those `needed` or named by an open run, in one transaction.

    False where it may not go any more: somebody took it up, or named it, meanwhile.
    """
    failpoint("before_prune")
    gone = store.patiently(lambda c: _remove(c, name, store.now(c), older_s, needed))
    failpoint("after_prune")
    return gone


def named_digests(store: Store, but: Sequence[str] = ()) -> set[str]:
    """All that any row names, whatever table it is in; without those of some runs."""
    return store.read(lambda c: _named(c, but))


def run_digests(store: Store, name: str) -> set[str]:
    return store.read(lambda c: _named_by(c, schema.run.c.run == name))


def stored_bytes(store: Store, runs: Sequence[str]) -> int:
    """What a server holds of files that only these runs name; 0 for a store that holds none."""
    return store.read(lambda c: _bytes(c, runs)) if store.shared else 0


def _old_runs(connection: Connection, now: float, older_s: float, keep: int) -> list[Old]:
    rows = connection.execute(select(schema.run).order_by(run.created.desc(), run.run.desc())).all()
    bound = _bound(connection)
    counted = connection.execute(select(schema.launch.c.run, func.count()).group_by(schema.launch.c.run))
    count = {str(name): int(launches) for name, launches in counted}
    found = [
        Old(row.run, row.name, row.finished or row.created, count.get(row.run, 0))
        for row in rows[keep:]
        if row.state == "closed" and row.run not in bound and not is_live(row.attached_until, now)
    ]
    return [one for one in reversed(found) if one.ended <= now - older_s]


def _bound(connection: Connection) -> set[str]:
    """Runs that a last good or an open run needs."""
    goods = set(connection.execute(select(good.run)).scalars())
    told = connection.execute(select(run.recipe, run.facts).where(run.state == "open")).all()
    return goods | {name for row in told for name in RUN_ID.findall(f"{row.recipe} {row.facts}")}


def _remove(connection: Connection, name: str, now: float, older_s: float, needed: set[str]) -> bool:
    one_at_a_time(connection)
    if name not in {one.run for one in _old_runs(connection, now, older_s, 0)}:
        return False
    before = put_before(connection, now)
    alone = _alone(connection, name, needed) if shared(connection) else set()
    for table in OF_A_RUN:
        connection.execute(delete(table).where(table.c.run == name))
    remove_files(connection, alone, before)
    return True


def _alone(connection: Connection, name: str, needed: set[str]) -> set[str]:
    """Runs that were begun since the others were asked what they need are asked now."""
    newer = run.created >= select(run.created).where(run.run == name).scalar_subquery()
    others = and_(run.run != name, or_(run.state == "open", newer))
    return _named_by(connection, run.run == name) - needed - _named_by(connection, others)


def _bytes(connection: Connection, runs: Sequence[str]) -> int:
    alone = _named_by(connection, run.run.in_(runs)) - _named(connection, runs)
    size, sha256 = select(func.coalesce(func.sum(schema.artefact.c.size), 0)), schema.artefact.c.sha256
    return sum(int(connection.execute(size.where(sha256.in_(some))).scalar_one()) for some in portions(alone))


def _named_by(connection: Connection, which: ColumnElement[bool]) -> set[str]:
    found: set[str] = set()
    for table in OF_A_RUN:
        found |= _digests(connection, list(table.c), table.c.run.in_(select(run.run).where(which).correlate(None)))
    return found


def _named(connection: Connection, but: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for table in schema.metadata.sorted_tables:
        if table not in FILES:
            where = or_(table.c.run.is_(None), table.c.run.not_in(but)) if table in OF_A_RUN else None
            found |= _digests(connection, list(table.c), where)
    return found


def _digests(connection: Connection, columns: list[Column[object]], where: ColumnElement[bool] | None) -> set[str]:
    """Digests in texts and documents: a column that a later schema adds counts by itself."""
    told = [column for column in columns if isinstance(column.type, (schema.Text, type(schema.DOCUMENT)))]
    if not told:
        return set()
    query = select(*told) if where is None else select(*told).where(where)
    if shared(connection):
        return {str(digest) for column in told for digest in connection.execute(_found_in(column, where)).scalars()}
    rows = connection.execute(query, execution_options={"yield_per": TOGETHER})
    return {digest for row in rows for value in row if value for digest in DIGEST.findall(str(value))}


def _found_in(column: Column[object], where: ColumnElement[bool] | None) -> Select[tuple[str]]:
    """By the server: documents of a hundred thousand launches stay there."""
    found = select(func.unnest(func.regexp_matches(cast(column, Text), DIGEST.pattern, "g"))).distinct()
    return found if where is None else found.where(where)
