"""Desks to work at, and one demo run that many tests look at."""

from pathlib import Path

import pytest

from farm_orchestrator import config
from farm_orchestrator.config import Settings
from run_support import DIGITS, QUICK, Desk, Said, nothing_left, wait_for


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of an empty farm."""
    found = config.load(cwd=tmp_path, env={})
    config.make_home(found)
    return found


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Said]:
    """`make demo` in a fresh folder."""
    desk = Desk(tmp_path_factory.mktemp("demo"))
    said = desk.farm("run", "--variants", DIGITS, *QUICK)
    wait_for(lambda: nothing_left(desk), "all processes to end")
    return desk, said
