"""A farm that was copied while it was in use, lost, and put back: it reports what it did before."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from farm_orchestrator import store
from farm_orchestrator.store import Store, open_artefacts
from farm_orchestrator.store.identity import identity
from postgres_support import PrivatePostgres, program
from run_support import ONE, Desk, heard, started, wait_for
from store_support import RUN, Lane, insert, part


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_farm_is_copied_in_use_lost_and_put_back(desk: Desk) -> None:
    """The first copy is of the middle of the run, and is whole; the second brings the run back."""
    running = desk.start(*ONE)
    wait_for(started(desk, 3), "three launches")
    early = desk.farm("store", "backup", "early.db")
    assert early.code == 0, early.err
    assert heard(running).code == 0
    assert sound(desk.folder / "early.db") >= 3
    assert desk.farm("store", "backup", "late.db").code == 0
    before = desk.farm("report", "last", "--json")
    shutil.copytree(desk.folder / "runs", desk.folder / "copy")
    shutil.copytree(desk.state / "cas", desk.folder / "cas")
    shutil.rmtree(desk.state)
    shutil.rmtree(desk.folder / "runs")

    desk.state.mkdir(mode=0o700)
    shutil.move(desk.folder / "late.db", desk.state / "farm.db")
    shutil.move(desk.folder / "copy", desk.folder / "runs")
    shutil.move(desk.folder / "cas", desk.state / "cas")
    after = desk.farm("report", "last", "--json")
    assert (before.code, after.code) == (0, 0), after.err
    assert after.results == before.results
    assert desk.farm(*ONE).code == 0, "and it measures"


def sound(file: Path) -> int:
    """How many launches a copy holds; it is whole, private, and has no log beside it."""
    assert file.stat().st_mode & 0o077 == 0
    assert not file.with_name(f"{file.name}-wal").exists()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM launch WHERE state = 'done'").fetchone()[0])


def test_a_copy_that_is_put_back_is_another_store_whose_fences_boards_do_not_compare(desk: Desk) -> None:
    with Store.open(desk.state / "farm.db") as state:
        ours = identity(state)
        assert desk.farm("store", "backup", "copy.db").code == 0
        assert identity(state) == ours
    with Store.open(desk.folder / "copy.db") as restored:
        assert identity(restored) != ours
        assert identity(restored) == identity(restored)


def test_a_copy_that_is_killed_leaves_the_copy_before(desk: Desk) -> None:
    with Store.open(desk.state / "farm.db") as state:
        insert(state, part())
    assert desk.farm("store", "backup", "copy.db").code == 0
    before = (desk.folder / "copy.db").read_bytes()
    killed = Desk(desk.folder, (("FAILPOINT", "backup_copied"),)).farm("store", "backup", "copy.db")
    assert killed.code == -signal.SIGKILL
    assert (desk.folder / "copy.db").read_bytes() == before


def test_a_copy_that_cannot_be_written_is_told(desk: Desk) -> None:
    Store.open(desk.state / "farm.db").close()
    said = desk.farm("store", "backup", "/proc/nowhere/copy.db")
    assert said.code == 4
    assert "/proc/nowhere" in said.err


def test_a_server_is_copied_by_its_own_tool(postgres: PrivatePostgres, pg_url: str, tmp_path: Path) -> None:
    said = Desk(tmp_path, (("FARM_STORE", pg_url), ("FARM_BROKER", "redis://127.0.0.1:1/0"))).farm(
        "store", "backup", "x"
    )
    assert said.code == 2
    assert "pg_dump" in said.err
    with Store.open(pg_url) as state:
        insert(state, part())
        Lane(state).start().run(launches=4)
        (tmp_path / "file").write_bytes(os.urandom(3_000_000))
        kept = open_artefacts(state, tmp_path / "cas").put(tmp_path / "file")
        rows, ours = store.launches(state, RUN), identity(state)
        dump(postgres, state, tmp_path / "farm.dump")
    url = postgres.create("restored")
    try:
        run(postgres, "pg_restore", "--no-owner", "--dbname=restored", str(tmp_path / "farm.dump"))
        with Store.open(url) as state:
            assert store.launches(state, RUN) == rows
            got = open_artefacts(state, tmp_path / "elsewhere").get(kept.sha256)
            assert got.read_bytes() == (tmp_path / "file").read_bytes()
            assert identity(state) == ours
            postgres.say("DELETE FROM meta WHERE name='identity'", "restored")
            assert identity(state) != ours
    finally:
        postgres.drop("restored")


def dump(postgres: PrivatePostgres, state: Store, file: Path) -> None:
    name = state.place.rpartition("/")[2]
    run(postgres, "pg_dump", "--format=custom", f"--file={file}", name)


def run(postgres: PrivatePostgres, name: str, *words: str) -> None:
    env = {**os.environ, "PGHOST": str(postgres.folder), "PGUSER": "farm"}
    subprocess.run([program(name), *words], env=env, check=True, timeout=120)
