"""The workers of a shared farm: which live, which boards each serves, and whether they are of the store's own version."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from farm_orchestrator.errors import UsageError
from farm_orchestrator.store import schema
from farm_orchestrator.store.moments import live, until
from farm_orchestrator.store.store import Store

VERSION = "farm_version"
worker, meta = schema.worker.c, schema.meta.c


@dataclass(frozen=True)
class Crew:
    """A worker as the others see it. `pool`: the queue that it takes hints from; `boards`: those it serves; `beats`: it looks
    after runs that no command stands behind.
    """

    worker: str
    host: str
    pid: int
    pool: str
    boards: tuple[str, ...]
    version: str
    lanes: int
    beats: bool = False


def greet(store: Store, crew: Crew, ttl_s: float) -> None:
    """It lives until `ttl_s` from now, and as long as it says so again. To be called by whoever may not wait for ever."""
    store.submit(lambda c: _greet(c, crew, store.now(c), ttl_s))


def part_with(store: Store, name: str) -> None:
    store.submit(lambda c: c.execute(delete(schema.worker).where(worker.worker == name)) and None)


def living(store: Store) -> list[Crew]:
    """The workers that were heard of lately."""
    columns = [worker[each.name] for each in fields(Crew)]

    def read(connection: Connection) -> list[Crew]:
        alive = select(*columns).where(live(worker.seen_until, store.now(connection))).order_by(worker.worker)
        return [_crew(row) for row in connection.execute(alive).mappings()]

    return store.read(read)


def set_version(store: Store, version: str) -> None:
    """Of the farm that brought the tables to their schema."""
    store.submit(lambda c: _set_version(c, version))


def check_version(store: Store, mine: str) -> None:
    """Machines that share a store plan, measure and judge alike. Raises UsageError where another version has it."""
    theirs = store.submit(lambda c: _version(c, mine))
    if theirs != mine:
        raise UsageError(
            f"{store.place} is of benchfarm {theirs}, this is {mine}",
            mend=f"`pip install 'benchfarm[shared]=={theirs}'` here; or, to move the whole farm to {mine}: end its workers, "
            "install it everywhere, and run `farm store upgrade` once",
        )


def _crew(row: RowMapping) -> Crew:
    return Crew(**{**row, "boards": tuple(row["boards"] or ()), "beats": bool(row["beats"])})


def _greet(connection: Connection, crew: Crew, now: float, ttl_s: float) -> None:
    told = {**asdict(crew), "boards": list(crew.boards), "beats": int(crew.beats), "seen_until": until(now, ttl_s)}
    known = connection.execute(update(schema.worker).where(worker.worker == crew.worker).values(told)).rowcount
    if not known:
        connection.execute(delete(schema.worker).where(worker.seen_until < now - 86400))  # of workers that were killed
        connection.execute(insert(schema.worker).values(started=now, **told))


def _set_version(connection: Connection, version: str) -> None:
    if not connection.execute(update(schema.meta).where(meta.name == VERSION).values(value=version)).rowcount:
        connection.execute(insert(schema.meta).values(name=VERSION, value=version))


def _version(connection: Connection, mine: str) -> str:
    """Whoever comes first says it, where no upgrade did."""
    found = connection.execute(select(meta.value).where(meta.name == VERSION)).scalar()
    if found is None:
        _set_version(connection, mine)
    return mine if found is None else str(found)
