"""What docker-compose.yml hands to its services is made once, whole, and fits together."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

import tls_support
from compose_support import SERVICES, compose, copied, make_secrets
from farm_inventory import load
from transport_support import fingerprint, make_key, public, until


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copied(tmp_path / "project")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_every_file_that_a_service_wants_is_there_and_others_do_not_come_near(project: Path) -> None:
    folder = make_secrets(project)
    wanted = {Path(secret["file"]).name for secret in compose()["secrets"].values()} | {"inventory.yaml"}
    assert wanted <= set(contents(folder))
    assert all(contents(folder).values())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o077 == 0
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}


def test_a_second_time_changes_nothing_and_what_is_lost_is_made_anew(project: Path) -> None:
    before = contents(make_secrets(project))
    assert contents(make_secrets(project)) == before
    (project / ".farm" / "compose" / "store_url").unlink()
    (project / ".farm" / "compose" / "board-2").unlink()
    after = contents(make_secrets(project))
    assert set(after) == set(before)
    assert {name for name in before if before[name] != after[name]} == {"board-2", "board-2.pub", "inventory.yaml"}


def test_a_key_and_an_inventory_of_ones_own_stay(project: Path, tmp_path: Path) -> None:
    folder = make_secrets(project)
    own = make_key(tmp_path / "own")
    shutil.copy(own, folder / "board_key")
    (folder / "board_key.pub").unlink()
    (folder / "inventory.yaml").unlink()
    (folder / "inventory.yaml").write_text("boards: {rack-01: {host: 192.0.2.1}}\n")
    before = contents(folder)
    after = contents(make_secrets(project))
    assert {name: text for name, text in after.items() if name != "board_key.pub"} == before
    assert public(folder / "board_key") == public(own)


def test_no_two_farms_share_a_secret(project: Path, tmp_path: Path) -> None:
    one, other = contents(make_secrets(project)), contents(make_secrets(copied(tmp_path / "other")))
    assert set(one) == set(other)
    assert not {name for name in one if one[name] == other[name]}


def test_the_inventory_pins_the_key_of_each_board(project: Path) -> None:
    folder = make_secrets(project)
    boards = {board.name: board.to_json() for board in load(folder / "inventory.yaml", project)}
    assert set(boards) == {name for name in SERVICES if name.startswith("board-")}
    for name, board in boards.items():
        assert board["fingerprint"] == fingerprint(folder / name)
        assert board["key"] == "/run/secrets/board_key"
        assert board["host"] == SERVICES[name]["hostname"] == name


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[Path]:
    """The socket of a Redis that is started as docker-compose.yml does it."""
    acl, path = make_secrets(project) / "redis_acl", tmp_path / "s"
    words = [str(acl) if word == "/run/secrets/redis_acl" else word for word in SERVICES["redis"]["command"]]
    process = subprocess.Popen([*words, "--port", "0", "--unixsocket", path], stdout=subprocess.DEVNULL)
    try:
        until(lambda: _stranger(path) is not None, "redis answers")
        yield path
    finally:
        process.kill()
        process.wait()


def _stranger(path: Path) -> str | None:
    """What is said to somebody without a name; None where nobody answers."""
    try:
        redis.Redis(unix_socket_path=str(path)).ping()
    except redis.AuthenticationError as error:
        return str(error)
    except redis.ConnectionError:
        return None
    return "come in"


def test_the_account_of_redis_is_the_documented_one(project: Path) -> None:
    said = (make_secrets(project) / "redis_acl").read_text()
    made = next(line for line in said.splitlines() if line.startswith("user farmw ")).split()
    documented = tls_support.account()
    assert made[made.index("resetkeys") :] == documented[documented.index("resetkeys") :]


def test_redis_lets_the_worker_do_the_least_and_nobody_else_in(project: Path, server: Path) -> None:
    assert "authenticat" in str(_stranger(server)).lower()
    url = urlsplit((project / ".farm" / "compose" / "broker_url").read_text())
    worker = redis.Redis(unix_socket_path=str(server), username=url.username, password=url.password)
    assert worker.lpush("farm:celery", "hint") == 1
    for words in (
        ("SET", "other", "1"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("KEYS", "*"),
        ("PUBLISH", "farm:x", "1"),
        ("COPY", "farm:x", "farm:y"),
        ("EVAL", "return 1", "0"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            worker.execute_command(*words)  # type: ignore[no-untyped-call]  # redis types the named commands alone
