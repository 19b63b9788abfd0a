"""A virtual board by itself, as in a container: one process in the foreground that ends with its SSH server."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from farm_lab.places import BoardPlaces
from farm_lab.sshd import banner, free_port, login, make_key
from lab_support import wait_for


@dataclass(frozen=True)
class Alone:
    folder: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def board(self) -> BoardPlaces:
        return BoardPlaces(self.folder / "srv" / socket.gethostname())

    def ssh(self, command: str) -> subprocess.CompletedProcess[str]:
        known = self.folder / "known_hosts"
        kind, key, *_ = (self.folder / "host_key.pub").read_text().split()
        known.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        words = ["ssh", "-F", "none", "-i", str(self.folder / "login"), "-p", str(self.port)]
        for setting in (
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={known}",
            "IdentityAgent=none",
        ):
            words += ["-o", setting]
        return subprocess.run(
            [*words, f"{login()}@127.0.0.1", command], capture_output=True, text=True, timeout=60, check=False
        )


def start(folder: Path, *words: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "farm_lab.alone", *map(str, words)]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    for name in ("host_key", "login"):
        make_key(tmp_path / name, name)
    (tmp_path / "host_key").chmod(0o444)  # as a secret comes into a container
    port = free_port()
    process = start(tmp_path, tmp_path / "srv", str(port), tmp_path / "host_key", tmp_path / "login.pub")
    try:
        wait_for(lambda: bool(banner(port)) or process.poll() is not None, "the board answers")
        assert process.poll() is None, process.stderr
        yield Alone(tmp_path, port, process)
    finally:
        process.kill()
        process.communicate()


def test_it_answers_with_the_key_it_was_given_and_is_a_board(alone: Alone) -> None:
    board = alone.board
    done = alone.ssh(f"{board.python} -c 'print(6 * 7)'; cat {board.sysroot}/sys/class/thermal/thermal_zone0/temp")
    assert done.stdout.split() == ["42", "40000"], done.stderr
    assert board.host_key.stat().st_mode & 0o777 == 0o600


def test_it_comes_up_again_in_the_same_folder(alone: Alone) -> None:
    alone.process.terminate()
    alone.process.wait()
    wait_for(lambda: not banner(alone.port), "its server is gone")
    again = start(
        alone.folder, alone.board.root.parent, str(alone.port), alone.folder / "host_key", alone.folder / "login.pub"
    )
    try:
        wait_for(lambda: bool(banner(alone.port)) or again.poll() is not None, "the board answers again")
        assert alone.ssh("true").returncode == 0
    finally:
        again.kill()
        again.communicate()


def test_without_a_key_it_says_so_and_ends(tmp_path: Path) -> None:
    process = start(tmp_path, tmp_path / "srv", "2222", tmp_path / "nothing", tmp_path / "login.pub")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"{tmp_path}/nothing" in said


def test_with_other_words_it_says_how_to_call_it(tmp_path: Path) -> None:
    process = start(tmp_path)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith("usage: ")
