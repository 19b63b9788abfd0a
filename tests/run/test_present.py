"""A health check asks whether the farm hears of a worker on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_orchestrator.store import Crew, Store, greet, part_with

pytestmark = pytest.mark.usefixtures("no_settings")


def asked(folder: Path, url: str) -> tuple[int, str]:
    env = {**os.environ, "FARM_STORE": url, "FARM_HOME": str(folder)}
    words = [sys.executable, "-m", "farm_orchestrator.run.present"]
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


def crew(host: str) -> Crew:
    return Crew(f"{host}:1:aa", host, 1, "lanes.1", ("board-1",), "0.1.0", 1)


@pytest.fixture
def store(pg_url: str) -> Iterator[Store]:
    with Store.open(pg_url) as store:
        yield store


def test_a_worker_of_this_machine_is_well_until_it_leaves_or_falls_silent(
    store: Store, pg_url: str, tmp_path: Path
) -> None:
    greet(store, crew(socket.gethostname()), 600.0)
    assert asked(tmp_path, pg_url) == (0, "")
    greet(store, crew(socket.gethostname()), -1.0)
    code, said = asked(tmp_path, pg_url)
    assert code == 1
    assert "has not heard of a worker" in said
    part_with(store, crew(socket.gethostname()).worker)
    assert asked(tmp_path, pg_url)[0] == 1


def test_a_worker_of_another_machine_does_not_count(store: Store, pg_url: str, tmp_path: Path) -> None:
    greet(store, crew("elsewhere"), 600.0)
    assert asked(tmp_path, pg_url)[0] == 1


def test_a_store_that_does_not_answer_is_told_without_its_password(tmp_path: Path) -> None:
    code, said = asked(tmp_path, "postgresql+psycopg://farm:hunter2@127.0.0.1:1/farm")
    assert code == 1
    assert "127.0.0.1" in said
    assert "hunter2" not in said
