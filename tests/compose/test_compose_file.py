"""docker-compose.yml and its Dockerfiles keep what they promise, without being started."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from compose_support import COMPOSE, DOCKERFILES, SERVICES, compose, copied
from farm_orchestrator.cli import farm

BOARDS = {"board-1", "board-2", "board-3"}
OURS = {"upgrade", "worker", "beat"}
PINNED = re.compile(r"[\w./-]+:\d+(\.\d+)+(-[\w-]+)?")
SCHEMA = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def test_it_is_a_compose_file_and_a_misspelt_key_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("    mem_limit:", "    memlimit:"))
    told = {
        file: subprocess.run([*SCHEMA, file], capture_output=True, text=True, check=False) for file in (COMPOSE, wrong)
    }
    assert told[COMPOSE].returncode == 0, told[COMPOSE].stdout
    assert told[wrong].returncode == 1
    assert "memlimit" in told[wrong].stdout


def test_it_starts_the_servers_two_workers_a_beat_and_three_boards() -> None:
    assert compose()["name"] == "benchfarm"
    assert set(SERVICES) == {"redis", "postgres"} | OURS | BOARDS
    assert SERVICES["worker"]["scale"] == 2


def test_every_image_has_a_full_version() -> None:
    bases = [
        line.split()[1] for file in DOCKERFILES for line in file.read_text().splitlines() if line.startswith("FROM")
    ]
    assert len(bases) == 4
    for image in [*bases, *(service["image"] for service in SERVICES.values())]:
        assert PINNED.fullmatch(image), image


def test_no_port_is_published_and_no_network_leads_outside() -> None:
    assert not [name for name, service in SERVICES.items() if "ports" in service or "network_mode" in service]
    assert compose()["networks"] == {"farm": {"internal": True}, "boards": {"internal": True}}


def test_boards_share_no_network_with_the_servers_and_only_workers_are_on_both() -> None:
    on = {name: sorted(service["networks"]) for name, service in SERVICES.items()}
    assert {name for name, networks in on.items() if networks == ["boards"]} == BOARDS
    assert {name for name, networks in on.items() if networks == ["farm"]} == {"redis", "postgres", "upgrade", "beat"}
    assert on["worker"] == ["boards", "farm"]


@every_service
def test_a_service_is_nobody_special(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"]
    assert service["init"]
    assert not {"cap_add", "privileged", "devices", "pid", "ipc"} & set(service)
    assert not [volume for volume in service.get("volumes", ()) if "docker.sock" in str(volume)]


@every_service
def test_a_service_has_limits(name: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])
    assert 0 < SERVICES[name]["pids_limit"] <= 1024


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_the_farm_writes_lies_on_a_disk_of_the_containers_own(name: str) -> None:
    assert "/var/lib/farm" in SERVICES[name]["volumes"]
    assert not [mount for mount in SERVICES[name]["tmpfs"] if mount.startswith("/var/lib/farm")]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"upgrade"}))
def test_what_stays_up_says_whether_it_is_well(name: str) -> None:
    build = SERVICES[name].get("build")
    in_image = build is not None and "\nHEALTHCHECK " in (COMPOSE.parent / build["dockerfile"]).read_text()
    assert in_image or SERVICES[name]["healthcheck"]["test"]


def test_secrets_are_files_in_a_folder_that_git_and_images_do_not_see(tmp_path: Path) -> None:
    files = {secret["file"] for secret in compose()["secrets"].values()}
    assert all(file.startswith(".farm/compose/") for file in files)
    project = copied(tmp_path / "project")
    subprocess.run(["git", "init", "--quiet", project], check=True)
    ignored = subprocess.run(
        ["git", "-C", project, "check-ignore", *files], capture_output=True, text=True, check=False
    )
    assert set(ignored.stdout.split()) == files
    let_in = [line for line in (project / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert not [line for line in let_in if ".farm" in line or "tests" in line]


def test_each_service_gets_only_the_secrets_that_it_uses() -> None:
    given = {name: {_source(secret) for secret in service["secrets"]} for name, service in SERVICES.items()}
    assert given == {
        "redis": {"redis_acl"},
        "postgres": {"postgres_password", "owner_password", "worker_password"},
        "upgrade": {"owner_url"},
        "worker": {"store_url", "broker_url", "board_key"},
        "beat": {"store_url", "broker_url"},
        **{board: {board, "board_key.pub"} for board in BOARDS},
    }


def _source(secret: str | dict[str, str]) -> str:
    return secret if isinstance(secret, str) else secret["source"]


@every_service
def test_no_secret_stands_in_a_command_or_a_variable(name: str) -> None:
    variables = SERVICES[name].get("environment", {})
    secret = {key for key in variables if re.search("PASSWORD|STORE|BROKER|KEY|TOKEN", key)}
    assert all(key.endswith("_FILE") and variables[key].startswith("/run/secrets/") for key in secret)
    assert not re.search(
        r"://[^ ]*@|--?pass|requirepass", " ".join(map(str, [*SERVICES[name].get("command", ()), *variables.values()]))
    )


def _parse(words: list[str]) -> None:
    command: click.Command = farm
    context = click.Context(command, info_name="farm")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    command.make_context("farm", words)


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_services_of_the_farm_run_commands_that_exist(name: str) -> None:
    word, *rest = SERVICES[name]["command"]
    assert word == "farm"
    _parse(rest)


def test_the_command_at_the_head_of_the_file_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = re.findall(r"# +docker compose run --rm worker farm (.+)", COMPOSE.read_text())
    monkeypatch.chdir(COMPOSE.parent)
    _parse(shlex.split(line))
