"""`--boards pi@rpi5.local,jetson` over real SSH servers: no inventory, one way in all commands."""

import getpass
import json
from collections.abc import Mapping
from pathlib import Path

from run_support import DIGITS, ONE, Desk
from setup_support import piped
from transport_support import Sshd, World, fingerprint

Env = Mapping[str, str]


def test_boards_are_listed_as_they_were_named(env: Env, folder: Path) -> None:
    said = piped(folder, env, "boards", "ls", "pi@rpi5.local,jetson:2222,local")
    assert [line.split("  ")[0] for line in said.stdout.splitlines()[1:]] == ["rpi5.local", "jetson", "local"]
    assert "pi@rpi5.local" in said.stdout
    assert "jetson:2222" in said.stdout
    assert "this machine" in said.stdout


def test_a_choice_needs_an_inventory_and_says_so_in_every_command(env: Env, folder: Path) -> None:
    for command in (["boards", "ls"], ["boards", "probe"], ["boards", "enroll"], ["run", str(DIGITS), "--boards"]):
        said = piped(folder, env, *command, "rpi5-*")
        assert said.returncode == 2
        assert "'rpi5-*' chooses among the boards of an inventory, and there is none" in said.stderr
    assert list(folder.iterdir()) == []


def test_a_login_that_no_inventory_knows_is_refused_where_there_is_one(env: Env, folder: Path) -> None:
    (folder / "i.yaml").write_text("boards: {rpi5.local: {user: pi}, jetson: }\n")
    said = piped(folder, env, "run", str(DIGITS), "--inventory", "i.yaml", "--boards", "root@rpi5.local")
    assert said.returncode == 2
    assert "no board matches 'root@rpi5.local'; where there is an inventory, user and host stand in it" in said.stderr
    assert "did you mean 'rpi5.local'?" in said.stderr
    assert piped(folder, env, "boards", "ls", "jet*", "--inventory", "i.yaml").returncode == 0


def test_the_command_that_an_unknown_key_names_leads_to_the_same_board(
    world: World, env: Env, folder: Path, ready: Sshd
) -> None:
    world.configure("")
    token = f"{getpass.getuser()}@127.0.0.1:{ready.port}"
    refused = piped(folder, env, "boards", "probe", token)
    assert refused.returncode == 4
    assert f"run: farm boards enroll {token}\n" in refused.stderr
    key = fingerprint(ready.host_keys["ed25519"])
    assert piped(folder, env, "boards", "enroll", token, "--fingerprint", key).returncode == 0
    assert piped(folder, env, "boards", "probe", token).returncode == 0


def test_so_does_the_command_that_a_board_without_a_runtime_names(
    world: World, env: Env, folder: Path, bare: Sshd
) -> None:
    world.configure("")
    world.user_file.write_text(bare.record())
    (world.folder / "empty" / "python3").unlink()  # what is left is the system's own, without packages
    token = f"{getpass.getuser()}@127.0.0.1:{bare.port}"
    asked = piped(folder, env, "doctor", token)
    assert f"farm boards bootstrap {token}" in asked.stdout
    run = piped(folder, env, "run", str(DIGITS / "fp32.onnx"), str(DIGITS / "int8.onnx"), "--boards", token)
    assert f"farm boards bootstrap {token}" in run.stdout + run.stderr


def test_a_run_measures_boards_that_only_ssh_knows(world: World, env: Env, folder: Path, ready: Sshd) -> None:
    world.configure(world.block(ready, "ready"))
    world.user_file.write_text(ready.record())
    said = piped(folder, env, *map(str, ONE), "--boards", "ready", "--json")
    assert said.returncode in (0, 4), said.stderr  # 4: others kept this machine too busy for a verdict
    assert [board["name"] for board in json.loads(said.stdout)["boards"]] == ["ready"]
    launches = Desk(folder).launches()
    assert {row["board"] for row in launches} == {"ready"}
    assert sum(row["state"] == "done" for row in launches) >= 8
    assert list((world.folder / "home-ready" / ".cache" / "benchfarm").iterdir())
