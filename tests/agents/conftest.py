"""A bundle, a board's folder and agents that end with the test."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_support import Board, Client
from farm_orchestrator import bundle

Start = Callable[..., Client]


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path / "base")


@pytest.fixture
def start(pyz: Path, board: Board) -> Iterator[Start]:
    """Starts agents, with arguments, under a given `python`; all of them are closed in the end."""
    clients: list[Client] = []

    def begin(*arguments: str, python: str = sys.executable, **popen: Any) -> Client:
        clients.append(Client([python, "-I", str(pyz), *arguments], board, **popen))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()
