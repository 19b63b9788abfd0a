"""A bundle, a board's folder and agents that end with the test."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import wire
from farm_orchestrator import bundle
from pin_support import Peer, lay

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


@pytest.fixture
def client(start: Start) -> Client:
    """An agent that has said hello."""
    begun = start()
    assert isinstance(begun.open(), wire.Hello)
    return begun


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return parts.mlp(tmp_path / "mlp.onnx")


@pytest.fixture
def ones(tmp_path: Path) -> Path:
    return parts.ones(tmp_path / "ones.npz")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A board's tree whose clocks farm-tune may set."""
    return lay(tmp_path / "root")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lease.json"


@pytest.fixture
def peer(root: Path, journal: Path) -> Iterator[Peer]:
    """A farm-tune on `root` that ends with the test."""
    one = Peer(root, journal)
    yield one
    one.close()
