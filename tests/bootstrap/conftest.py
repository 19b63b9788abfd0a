"""Bare boards behind real SSH servers, and real wheels fetched once."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bootstrap_support import bare, here
from farm_orchestrator.bootstrap import table
from farm_orchestrator.bootstrap.wheels import resolve
from farm_orchestrator.cli import call
from farm_orchestrator.transport import Channel, open_channel
from farm_orchestrator.transport import resolve as resolve_board
from transport_support import KINDS, Sshd, World, fingerprint, make_key, until


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_key(folder / "client")
    for kind in KINDS:
        make_key(folder / f"board_{kind}", kind)
    return folder


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real wheels for this machine and this Python."""
    folder, target = tmp_path_factory.mktemp("wheels"), here()
    resolve(f"onnxruntime<={table.newest(target.arch, target.glibc, target.python)}", target, None, folder)
    return folder


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(bare(tmp_path_factory.mktemp("bare") / "venv"))


@dataclass(frozen=True)
class Said:
    code: int
    boards: list[dict[str, Any]]
    err: str

    @property
    def one(self) -> dict[str, Any]:
        (board,) = self.boards
        return board


@dataclass
class Fleet:
    """Boards of one inventory, and the command that makes them ready."""

    world: World
    capsys: pytest.CaptureFixture[str]
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        file = self.world.folder / "inventory.yaml"
        file.write_text(json.dumps({"boards": self.boards}))
        return file

    def add(self, server: Sshd, name: str = "b", **fields: Any) -> None:
        """On the server's own disk; a field that is None is left out."""
        key = {"key": str(self.world.client_key), "fingerprint": fingerprint(server.host_keys["ed25519"])}
        board = {
            "host": "127.0.0.1",
            "port": server.port,
            **key,
            "base": str(server.disk / name),
            "lab": True,
            **fields,
        }
        self.boards[name] = {key: value for key, value in board.items() if value is not None}

    def bootstrap(self, *words: str | Path) -> Said:
        self.capsys.readouterr()
        code = call(["boards", "bootstrap", "--json", "--inventory", str(self.inventory), *map(str, words)])
        out, err = self.capsys.readouterr()
        return Said(code, json.loads(out) if out else [], err)

    def probe(self, *words: str) -> dict[str, Any]:
        self.capsys.readouterr()
        call(["boards", "probe", "--json", "--inventory", str(self.inventory), *words])
        (found,) = json.loads(self.capsys.readouterr().out)
        return dict(found)

    def files(self, name: str = "b") -> set[str]:
        """What lies below the board's base, as the board itself sees it."""
        channel = self.channel(name)
        try:
            done = channel.exec(["find", channel.base, "-type", "f"])
        finally:
            channel.close()
        return {line.removeprefix(f"{channel.base}/") for line in done.out.decode().splitlines()}

    def channel(self, name: str) -> Channel:
        spec = {"name": name, "python": "python3", **self.boards[name]}
        return open_channel(resolve_board(spec), self.world.farm_home)


@pytest.fixture
def fleet(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Fleet]:
    """Everything it started ends with it, and the command has left no thread behind."""
    before = set(threading.enumerate())
    world = World(tmp_path, keys, {kind: keys / f"board_{kind}" for kind in KINDS})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FARM_HOME", raising=False)
    yield Fleet(world, capsys)
    world.close()
    until(lambda: not [t for t in threading.enumerate() if t not in before and t.is_alive()], "all threads ended")
