"""Desks to work at, and one demo run that many tests look at."""

from pathlib import Path

import pytest

from run_support import DIGITS, QUICK, Desk, Said, nothing_left, wait_for


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Said]:
    """`make demo` in a fresh folder."""
    desk = Desk(tmp_path_factory.mktemp("demo"))
    said = desk.farm("run", "--variants", DIGITS, *QUICK)
    wait_for(lambda: nothing_left(desk), "all processes to end", 30)
    return desk, said
