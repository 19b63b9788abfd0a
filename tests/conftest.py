"""An environment without settings, and a PostgreSQL: one server for all tests of a process, a database for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest

from postgres_support import QUICK, PrivatePostgres

NUMBERS = count()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without whatever FARM_* variables the person has who runs the tests."""
    for name in [name for name in os.environ if name.startswith("FARM_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    with PrivatePostgres(QUICK) as server:
        yield server


@pytest.fixture(scope="session")
def pg_template(postgres: PrivatePostgres) -> str:
    """The name of an empty farm; copying it is faster than migrating one for each test."""
    from farm_orchestrator.store import upgrade_store

    upgrade_store(postgres.create("template"))
    return "template"


@pytest.fixture
def pg_url(postgres: PrivatePostgres, pg_template: str) -> Iterator[str]:
    """The URL of an empty farm of the test's own."""
    name = f"t{next(NUMBERS)}"
    postgres.say(f"CREATE DATABASE {name} TEMPLATE {pg_template} STRATEGY FILE_COPY")
    yield postgres.url(name)
    postgres.drop(name)
