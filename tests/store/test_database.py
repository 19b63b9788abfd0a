"""The file of the store: made, migrated, private, and refused with words when it is not fit."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from farm_orchestrator import store
from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.store import Store, database, revisions
from farm_orchestrator.store.schema import metadata
from store_support import insert, part

NOBODY = 65534
OPEN_AND_INSERT = """
import sys
from farm_orchestrator.store import Store
from sqlalchemy import text
with Store.open(sys.argv[1]) as state:
    state.submit(lambda c: c.execute(text("INSERT INTO board (board) VALUES (:b)"), {"b": sys.argv[2]}) and None)
"""


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """A folder of an ordinary user, as whom the block runs: root may write what is read-only."""
    folder = Path(tempfile.mkdtemp(prefix="farm-"))
    root = os.geteuid() == 0
    if root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(state: Store) -> None:
    found = state.read(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    assert found == []


def test_the_newest_step_is_the_one_that_the_code_expects(state: Store) -> None:
    config = state.read(revisions.config)
    assert ScriptDirectory.from_config(config).get_heads() == [revisions.HEAD]


def test_a_new_file_is_made_with_its_folders_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "a" / "farm.db"
    with Store.open(path) as state:
        insert(state, part())
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.glob("farm.db*")}
    assert modes["farm.db"] == modes["farm.db-wal"] == modes["farm.db-shm"] == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    for _ in range(3):
        with Store.open(tmp_path / "farm.db") as state:
            runs = store.list_runs(state)
            if not runs:
                insert(state, part())
    assert len(runs) == 1


def test_a_url_names_the_same_file_as_its_path(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/farm.db") as state:
        insert(state, part())
    with Store.open(tmp_path / "farm.db") as state:
        assert len(store.list_runs(state)) == 1


def test_a_path_with_a_percent_sign_and_a_blank_is_a_path(tmp_path: Path) -> None:
    with Store.open(tmp_path / "50% off ?x#y" / "farm.db") as state:
        insert(state, part())
    assert (tmp_path / "50% off ?x#y" / "farm.db").stat().st_size > 0


@pytest.mark.parametrize(
    "url", ["postgresql://h/d", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "nonsense://", "://"]
)
def test_a_url_that_names_no_sqlite_file_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="store"):
        Store.open(url)


def test_a_url_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError) as refused:
        Store.open("mysql://me:hunter2@host/db")
    assert "hunter2" not in str(refused.value)


def test_processes_that_open_a_new_file_at_once_all_find_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    command = [sys.executable, "-c", OPEN_AND_INSERT, str(path)]
    racers = [subprocess.Popen([*command, f"b{index}"], stderr=subprocess.PIPE) for index in range(4)]
    for racer in racers:
        assert racer.communicate(timeout=120)[1] == b""
    assert [racer.returncode for racer in racers] == [0] * 4
    with closing(sqlite3.connect(path)) as found:
        assert sorted(found.execute("SELECT board FROM board")) == [(f"b{index}",) for index in range(4)]


def test_a_file_of_a_newer_farm_is_refused_and_left_alone(database: Path) -> None:
    with closing(sqlite3.connect(database)) as file:
        file.execute("UPDATE alembic_version SET version_num='9999'")
        file.commit()
    with pytest.raises(StoreError, match=r"newer farm \(schema 9999; this farm knows 0002\)[\s\S]*pip install -U"):
        Store.open(database)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE moz_places (id)")
    with pytest.raises(StoreError, match=r"belongs to another program \(its tables: moz_places\)"):
        Store.open(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "farm.db"
    path.write_text("dear diary\n" * 100)
    with pytest.raises(StoreError, match="damaged, or no database at all") as refused:
        Store.open(path)
    assert "Move the file away" in str(refused.value)
    assert path.read_text().startswith("dear diary")


def test_a_damaged_file_is_told_as_damaged(database: Path) -> None:
    with Store.open(database) as state:
        insert(state, part(blocks=40))
    body = bytearray(database.read_bytes())
    body[4096:] = os.urandom(len(body) - 4096)
    database.write_bytes(body)
    with pytest.raises(StoreError, match="damaged"), Store.open(database) as state:
        store.list_runs(state)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path)


def test_a_locked_file_is_an_error_that_says_how_to_find_the_other_program(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm_orchestrator.store.database.BUSY_MS", 50)
    monkeypatch.setattr("farm_orchestrator.store.store.PATIENCE_S", 0.0)
    with Store.open(database) as state, closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked") as refused:
            insert(state, part())
        assert f"fuser {database}" in str(refused.value)
        assert store.list_runs(state) == [], "reading goes on"
        other.execute("ROLLBACK")
        insert(state, part())


def test_a_file_that_may_not_be_written_is_told_when_it_is_opened() -> None:
    with ordinary_user() as folder:
        path = folder / "farm.db"
        Store.open(path).close()
        path.chmod(0o400)
        folder.chmod(0o500)
        with pytest.raises(StoreError, match="cannot be written") as refused:
            Store.open(path)
        assert "FARM_HOME" in str(refused.value)
        folder.chmod(0o700)


def test_a_folder_that_may_not_be_written_is_told_when_the_file_is_made() -> None:
    with ordinary_user() as folder:
        folder.chmod(0o500)
        with pytest.raises(StoreError, match="cannot be written"):
            Store.open(folder / "new" / "farm.db")
        folder.chmod(0o700)


def test_an_sqlite_without_returning_is_refused_with_both_versions() -> None:
    with pytest.raises(StoreError, match=r"SQLite is 3\.34\.1, the farm needs 3\.35 or newer"):
        database.check_sqlite((3, 34, 1))
    database.check_sqlite((3, 35, 0))


def test_every_connection_waits_for_others_and_syncs_fully(file_state: Store) -> None:
    def pragmas(name: str) -> list[object]:
        ask = lambda c: c.exec_driver_sql(f"PRAGMA {name}").scalar()  # noqa: E731 - asked twice below
        return [file_state.read(ask), file_state.submit(ask)]

    assert pragmas("busy_timeout") == [5000, 5000]
    assert pragmas("synchronous") == [2, 2]
    assert pragmas("journal_mode") == ["wal", "wal"]
