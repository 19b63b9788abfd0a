"""Keys for the whole run of tests, and a world for each test."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_orchestrator.transport import Channel, open_channel, resolve
from transport_support import KINDS, Sshd, World, make_key, until


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Client keys and three sets of host keys: making them is slow."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("client", "other"):
        make_key(folder / name)
    make_key(folder / "secret", passphrase="secret")
    for place in ("board", "gateway", "stranger"):
        for kind in KINDS:
            make_key(folder / f"{place}_{kind}", kind)
    return folder


@pytest.fixture
def world(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Everything it started ends with it, and the code under test has left no thread behind."""
    before = set(threading.enumerate())
    made = World(tmp_path, keys, {kind: keys / f"board_{kind}" for kind in KINDS})
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield made
    made.close()
    until(lambda: not [t for t in threading.enumerate() if t not in before and t.is_alive()], "all threads ended")


@pytest.fixture
def server(world: World) -> Sshd:
    return world.server()


@pytest.fixture
def channel(world: World, server: Sshd) -> Iterator[Channel]:
    opened = open_channel(resolve(world.board(server)), world.farm_home)
    yield opened
    opened.close()
