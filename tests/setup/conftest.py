"""Boards that speak SSH, a user whose configuration is ours, and an empty folder to set a farm up in."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from transport_support import Sshd, World, make_key

PYTHON = f"SetEnv PATH={Path(sys.executable).parent}:/usr/bin:/bin"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("client", "other", "first", "second"):
        make_key(folder / name)
    return folder


@pytest.fixture
def world(keys: Path, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, keys, {"ed25519": keys / "first"})
    made.farm_home.rmdir()
    yield made
    made.close()


@pytest.fixture
def env(world: World) -> Mapping[str, str]:
    """Of a person whose ssh is configured by the world, and whose home is empty."""
    (world.folder / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name in {"LANG", "LC_ALL", "TMPDIR"}}
    path = f"{world.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {**kept, "PATH": path, "HOME": str(world.folder / "home")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "farm"
    made.mkdir()
    return made


@pytest.fixture
def ready(world: World) -> Sshd:
    """`ssh ready` reaches a board with a runtime; nobody knows its key yet."""
    return _board(world, "ready", world.keys / "first", PYTHON)


@pytest.fixture
def bare(world: World) -> Sshd:
    """`ssh bare` reaches a board whose Python has no runtime."""
    empty = world.folder / "empty"
    empty.mkdir()
    python = empty / "python3"
    python.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    return _board(world, "bare", world.keys / "second", f"SetEnv PATH={empty}:/usr/bin:/bin")


def _board(world: World, name: str, key: Path, *options: str) -> Sshd:
    """With a home of its own: what the tester's shell does at login is not the board's."""
    return world.server(
        name, host_keys={"ed25519": key}, home=world.folder / f"home-{name}",
        options=("Subsystem sftp internal-sftp", *options),
    )  # fmt: skip
