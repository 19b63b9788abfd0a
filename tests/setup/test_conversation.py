"""`farm init` as a person meets it: questions, answers, and what lies in the folder afterwards."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from setup_support import COLUMNS, Terminal, piped
from transport_support import Sshd, World, fingerprint, own_mounts

Env = Mapping[str, str]
FILES = {"inventory.yaml", "farm.yaml", ".farm"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_from_a_bare_folder_to_boards_that_answer(
    world: World, env: Env, folder: Path, ready: Sshd, bare: Sshd
) -> None:
    world.configure(world.block(ready, "ready") + world.block(bare, "bare"))
    world.user_file.write_text(bare.record("ed25519"))
    known_before = world.user_file.read_bytes()
    farm = Terminal(folder, env, "init")
    farm.until("boards: ")
    farm.type("rdy-*\n")
    farm.until("'rdy-*' chooses among the boards of an inventory")
    farm.until("boards: ")
    farm.type("ready, bare\n")
    farm.until(f"ssh-ed25519 {fingerprint(ready.host_keys['ed25519'])}")
    farm.until("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    farm.until("[y/N]: ")
    farm.type("y\n")
    farm.until("ready  ready ")
    farm.until("No onnxruntime yet: bare.")
    farm.until("Do that now [Y/n]: ")
    farm.type("n\n")
    farm.until("Wrote inventory.yaml and farm.yaml.")
    farm.until("farm boards bootstrap bare")
    farm.until("Next")
    farm.until("farm run --variants DIR --preset quick --boards ready")
    assert farm.end() == 4
    assert names(folder) == FILES
    assert max(map(len, farm.lines)) <= COLUMNS
    assert world.user_file.read_bytes() == known_before
    assert (folder / ".farm" / "known_hosts").read_text().count("\n") == 1
    found = piped(folder, env, "boards", "probe", "ready")
    assert found.returncode == 0, found.stderr


def test_a_no_to_the_key_records_nothing_and_says_what_is_left(
    world: World, env: Env, folder: Path, ready: Sshd
) -> None:
    world.configure(world.block(ready, "ready"))
    farm = Terminal(folder, env, "init", "--boards", "ready")
    farm.until("[y/N]: ")
    farm.type("\n")
    farm.until("farm boards enroll ready")
    farm.until("farm doctor")
    assert farm.end() == 4
    assert not (folder / ".farm" / "known_hosts").exists()
    assert "# unknown key: board 'ready'" in (folder / "inventory.yaml").read_text()


def test_yes_to_everything_is_no_yes_to_a_key_nobody_saw(world: World, env: Env, folder: Path, ready: Sshd) -> None:
    world.configure(world.block(ready, "ready"))
    said = piped(folder, env, "init", "--boards", "ready", "--yes")
    assert said.returncode == 4
    assert fingerprint(ready.host_keys["ed25519"]) in said.stdout
    assert "farm boards enroll ready" in said.stdout
    assert not (folder / ".farm" / "known_hosts").exists()


def test_what_is_wrong_is_told_for_each_board(world: World, env: Env, folder: Path, ready: Sshd, bare: Sshd) -> None:
    other = world.server("strict", authorized=[world.keys / "other"], host_keys=ready.host_keys)
    world.configure(world.block(ready, "changed") + world.block(bare, "bare") + world.block(other, "strict"))
    stranger = ready.record().replace(ready.record().split()[2], bare.record().split()[2])
    world.user_file.write_text(stranger + bare.record() + other.record())
    farm = Terminal(folder, env, "init", "--boards", "changed,strict,gone@127.0.0.1:1,bare")
    farm.until("Do that now [Y/n]: ")
    farm.type("n\n")
    farm.until("Wrote")
    assert farm.end() == 4
    assert "Record it" not in farm.said
    for words in ("changed    changed key", "strict     no login", "127.0.0.1  no answer", "bare       no runtime"):
        assert any(line.strip().startswith(words) for line in farm.lines), farm.said
    for key in (ready, bare):
        assert fingerprint(key.host_keys["ed25519"]) in farm.said
    whole = COLUMNS // 2  # a path or a fingerprint is never broken
    assert all(len(line) <= COLUMNS or max(map(len, line.split())) > whole for line in farm.lines), farm.said
    assert "Connection refused" in (folder / "inventory.yaml").read_text()
    assert not (folder / ".farm" / "known_hosts").exists()


def test_nothing_named_means_this_machine(env: Env, folder: Path) -> None:
    farm = Terminal(folder, env, "init")
    farm.until("boards: ")
    farm.type("\n")
    farm.until("Trying this machine.")
    farm.until("farm demo")
    assert farm.end() == 0
    assert "local: {local: true, interference: note}" in (folder / "inventory.yaml").read_text()


def test_two_names_of_one_board_and_a_board_that_is_this_machine_are_named(
    world: World, env: Env, folder: Path, ready: Sshd
) -> None:
    world.configure("")
    world.user_file.write_text(ready.record() + ready.record(name=f"[localhost]:{ready.port}"))
    said = piped(folder, env, "init", "--boards", f"127.0.0.1:{ready.port},localhost:{ready.port}", "--yes")
    assert said.returncode == 0, said.stdout + said.stderr
    assert "localhost and 127.0.0.1 are one board" in said.stdout
    assert "127.0.0.1 and localhost: this machine." in said.stdout
    assert "localhost is another name for 127.0.0.1" in (folder / "inventory.yaml").read_text()
    assert piped(folder, env, "boards", "ls").stdout.count(str(ready.port)) == 1


@pytest.mark.parametrize("moment", ["boards: ", "[y/N]: "])
def test_ctrl_c_at_a_question_leaves_nothing(world: World, env: Env, folder: Path, ready: Sshd, moment: str) -> None:
    world.configure(world.block(ready, "ready"))
    farm = Terminal(folder, env, "init")
    farm.until("boards: ")
    if moment != "boards: ":
        farm.type("ready\n")
        farm.until(moment)
    farm.interrupt()
    assert farm.end() == 130
    assert names(folder) == set()


def test_ctrl_c_does_not_wait_for_a_board_that_says_nothing(env: Env, folder: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        farm = Terminal(folder, env, "init", "--boards", f"127.0.0.1:{silent.getsockname()[1]}")
        with silent.accept()[0]:
            farm.interrupt()
            assert farm.end() == 130
    assert names(folder) == set()


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_asked(world: World, env: Env, folder: Path) -> None:
    import subprocess
    import sys

    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
    command = [sys.executable, "-m", "farm_orchestrator.cli", "init", "--boards", "local", "--dir", str(folder)]
    said = subprocess.run(
        own_mounts(script, [str(folder)], command), env=dict(env), capture_output=True, text=True, check=False
    )
    assert said.returncode == 2, said.stderr
    assert f"{folder}: nothing can be written there: Read-only file system" in said.stderr
    assert "farm init --dir DIR" in said.stderr
    assert "Trying" not in said.stdout


def test_a_runtime_that_cannot_be_fetched_is_told_and_the_files_are_written(
    world: World, env: Env, folder: Path, bare: Sshd
) -> None:
    world.configure(world.block(bare, "bare"))
    world.user_file.write_text(bare.record())
    said = piped(folder, {**env, "PIP_NO_INDEX": "1"}, "init", "--boards", "bare", "--yes")
    assert said.returncode == 4
    assert "bare: resolving onnxruntime" in said.stdout
    assert "--wheelhouse DIR" in said.stdout
    assert "farm boards bootstrap bare" in said.stdout
    assert "no onnxruntime" in (folder / "inventory.yaml").read_text()
