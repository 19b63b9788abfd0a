"""Files on the server that nobody names: what was put for launches and runs that came to nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, exists, func, select

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

YOUNG_S = 86400.0  # a file is put before the row that names it: so much later that row is there, or will never be
TOGETHER = 50  # files in one transaction
launch, artefact, chunk = schema.launch.c, schema.artefact.c, schema.artefact_chunk.c


def orphans(store: Store, named: Callable[[], set[str]]) -> dict[str, int]:
    """Sizes by digest. `named`: asked once it is known who is at work, so that what these commit meanwhile is seen by it."""
    return _orphans(store, named)[1] if store.shared else {}


def remove_orphans(store: Store, named: Callable[[], set[str]]) -> int:
    """How many went. One that somebody puts again at this moment stays."""
    if not store.shared:
        return 0
    before, found = _orphans(store, named)
    gone = sum(store.patiently(partial(remove_files, digests=some, before=before)) for some in portions(set(found)))
    store.patiently(lambda c: _remove_parts(c, before))
    return gone


def put_before(connection: Connection, now: float) -> float:
    """What was put earlier is of no launch that is under way, however long somebody kept its worker from its commit."""
    oldest = select(func.min(launch.t0)).where(launch.state == State.RUNNING.value)
    return min(now - YOUNG_S, connection.execute(oldest).scalar() or now)


def remove_files(connection: Connection, digests: set[str] | list[str], before: float) -> int:
    """Those that nobody put since then. Who puts one meanwhile waits for the end of this, and then sends it anew."""
    count = 0
    for some in portions(set(digests)):
        old = delete(schema.artefact).where(artefact.sha256.in_(some), artefact.put < before)
        gone = list(connection.execute(old.returning(artefact.sha256)).scalars())
        connection.execute(delete(schema.artefact_chunk).where(chunk.sha256.in_(gone)))
        count += len(gone)
    return count


def portions(digests: set[str]) -> Iterator[list[str]]:
    every = sorted(digests)
    return (every[place : place + TOGETHER] for place in range(0, len(every), TOGETHER))


def _orphans(store: Store, named: Callable[[], set[str]]) -> tuple[float, dict[str, int]]:
    before = store.read(lambda c: put_before(c, store.now(c)))
    query: Any = select(artefact.sha256, artefact.size).where(artefact.put < before)
    old = {row.sha256: int(row.size) for row in store.read(lambda c: c.execute(query).all())}
    kept = named() if old else set()
    return before, {sha256: size for sha256, size in old.items() if sha256 not in kept}


def _remove_parts(connection: Connection, before: float) -> None:
    """Chunks that a dead sender left; a living one has said of all that are there that they stay."""
    there = exists().where(artefact.sha256 == chunk.sha256)
    connection.execute(delete(schema.artefact_chunk).where(chunk.put < before, ~there))
