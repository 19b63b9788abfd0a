"""A store per test, on a clock that the test turns."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_orchestrator.store import Store
from store_support import Clock


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file; copying it is faster than migrating one for each test."""
    path = tmp_path_factory.mktemp("template") / "farm.db"
    Store.open(path).close()
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "farm.db"))


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Store]:
    """What holds of one holds of the other."""
    place = request.getfixturevalue("database" if request.param == "sqlite" else "pg_url")
    with Store.open(place, clock) as opened:
        yield opened


@pytest.fixture
def file_state(database: Path, clock: Clock) -> Iterator[Store]:
    """What only a file has."""
    with Store.open(database, clock) as opened:
        yield opened
