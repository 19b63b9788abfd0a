"""A database of the schema before this one, with a run in it: brought forward, and its results unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, MetaData, insert, select, text

from farm_orchestrator import store
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import Failed, FileRef, Measured
from farm_orchestrator.store import Claim, Store, revisions, schema, upgrade_store
from farm_orchestrator.store.database import _engine
from farm_orchestrator.store.postgres import make_engine
from postgres_support import PrivatePostgres
from store_support import BROKEN, RUN, Clock, Lane, measured, part
from store_support import insert as insert_parts

BEFORE = "0001"
TABLES = ("board", "run", "part", "cell", "launch")
Rows = dict[str, list[dict[str, Any]]]
STORES = ("sqlite", "postgresql")


@pytest.fixture
def place(request: pytest.FixtureRequest, postgres: PrivatePostgres, tmp_path: Path) -> Iterator[str]:
    """An empty place; no table is in it."""
    if request.param == "sqlite":
        yield str(tmp_path / "farm.db")
        return
    yield postgres.create("before")
    postgres.drop("before")


@contextmanager
def engine_of(place: str) -> Iterator[Engine]:
    engine = make_engine(place, 1) if "://" in place else _engine(Path(place))
    yield engine
    engine.dispose()


def made(place: str, revision: str, rows: Rows) -> None:
    """A database as the migrations up to `revision` made it, with what of these rows it had room for."""
    with engine_of(place) as engine, engine.begin() as connection:
        command.upgrade(revisions.config(connection), revision)
        found = MetaData()
        found.reflect(connection)
        for name in TABLES:
            table = found.tables[name]
            kept = [{key: value for key, value in row.items() if key in table.c} for row in rows[name]]
            connection.execute(insert(table), kept)
        if engine.dialect.name == "postgresql":  # numbers that a farm gives come from here
            connection.execute(text("SELECT setval('launch_id_seq', (SELECT max(id) FROM launch))"))


def answer(claim: Claim) -> Measured | Failed:
    """One variant cannot be loaded; the others bring figures, facts and files."""
    if claim.row.variant == "broken":
        return BROKEN
    name = f"launches/{claim.row.id}.parquet"
    return measured(
        1_000_000 + claim.row.id, file=FileRef(name, f"{claim.row.id:064x}", 1), facts={"threads": claim.row.id}
    )


def measured_run(folder: Path) -> tuple[Rows, tuple[object, ...]]:
    """The rows of a run that was measured, as they are stored, and as they are read."""
    with Store.open(folder / "measured.db", Clock()) as state:
        insert_parts(state, part(names=("fp32", "int8", "broken")), part(board="b1"))
        for board in ("b0", "b1"):
            Lane(state, board).start().run(answer)
        store.close_finished(state)
        store.set_word(state, RUN, "passed")
        every = {
            name: state.read(lambda c, table=table: [dict(row) for row in c.execute(select(table)).mappings()])  # type: ignore[misc] # binds
            for name, table in schema.metadata.tables.items()
            if name in TABLES
        }
        return every, read(state)


def read(state: Store) -> tuple[object, ...]:
    return store.launches(state, RUN), store.cells(state, RUN), store.part_rows(state, RUN), store.list_runs(state)


@pytest.mark.parametrize("place", STORES, indirect=True)
def test_a_run_of_the_schema_before_reads_as_it_did(place: str, tmp_path: Path) -> None:
    rows, before = measured_run(tmp_path)
    made(place, BEFORE, rows)
    if "://" in place:
        assert upgrade_store(place) == BEFORE
        assert upgrade_store(place) == revisions.HEAD, "safe to repeat"
    with Store.open(place, Clock()) as state:
        assert read(state) == before
        assert len(store.launches(state, RUN)) > 10
        insert_parts(state, part(run="20260102-000000-bbbb"))
        lane = Lane(state, owner="new", fence=0)
        store.release(state, "b0", 1)
        assert lane.start().run() > 0, "the boards of the run before serve the next one"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_server_that_is_behind_is_refused_and_says_what_brings_it_forward(place: str) -> None:
    _bare(place)
    with pytest.raises(StoreError, match=f"has schema {BEFORE}, this farm needs schema {revisions.HEAD}") as refused:
        Store.open(place)
    assert "farm store upgrade" in str(refused.value)
    assert _revision(place) == BEFORE, "nobody but an upgrade changes it"


@pytest.mark.parametrize("place", STORES, indirect=True)
def test_a_database_that_is_ahead_is_refused_and_left_alone(place: str) -> None:
    _bare(place)
    with engine_of(place) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"written by a newer farm \(schema 9999") as refused:
        Store.open(place)
    assert "pip install -U benchfarm" in str(refused.value)
    if "://" in place:
        with pytest.raises(StoreError, match="newer farm"):
            upgrade_store(place)
    assert _revision(place) == "9999"


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_an_upgrade_that_fails_in_the_middle_leaves_the_schema_before(place: str) -> None:
    _bare(place)
    with engine_of(place) as engine, engine.begin() as connection:
        connection.execute(text("CREATE TABLE artefact_chunk (sha256 TEXT)"))  # the last table of the step
    with pytest.raises(StoreError):
        upgrade_store(place)
    assert _revision(place) == BEFORE
    with engine_of(place) as engine, engine.begin() as connection:
        connection.execute(text("DROP TABLE artefact_chunk"))
    assert upgrade_store(place) == BEFORE
    Store.open(place).close()


def _bare(place: str) -> None:
    with engine_of(place) as engine, engine.begin() as connection:
        command.upgrade(revisions.config(connection), BEFORE)


def _revision(place: str) -> str:
    with engine_of(place) as engine, engine.begin() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
