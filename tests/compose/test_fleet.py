"""docker-compose.yml built, started, used and broken: whatever goes wrong in a run, it ends in a verdict."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from compose_support import COMPOSE, PATIENCE_S, SERVICES, Fleet, copied, heard, make_secrets, name
from run_support import Said

pytestmark = pytest.mark.compose

BOARDS = ["board-1", "board-2", "board-3"]
WORKERS = [name("worker", 1), name("worker", 2)]
STAY = [*map(name, ["redis", "postgres", *BOARDS, "beat"]), *WORKERS]
TWO = ("run", "examples/digits/fp32.onnx", "examples/digits/int8.onnx", "--preset", "quick", "--max-blocks", "8")
REACH = "import socket; socket.create_connection(({!r}, {}), 5); print('reached')"
UNDER_WAY = 6  # launches that have ended, so that every board has begun


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Started in the order that `depends_on` asks for, and gone with the module."""
    fleet = Fleet(copied(tmp_path_factory.mktemp("compose") / "project"))
    make_secrets(fleet.project)
    fleet.down()
    try:
        fleet.compose("--podman-build-args=--network host", "--parallel", "1", "build", "worker", "board-1")
        fleet.up("redis", "postgres", *BOARDS)
        for server in ("redis", "postgres"):
            until(lambda server=server: fleet.well(name(server)), f"{server} is well")
        fleet.up("upgrade")
        assert fleet.podman("wait", name("upgrade")).strip() == "0", fleet.podman("logs", name("upgrade"))
        fleet.up("worker", "beat")
        yield fleet
    finally:
        fleet.down()
    assert not [each for each in fleet.podman("volume", "ls", "--quiet").split() if each.startswith("benchfarm")]


def until(true: Any, what: str) -> None:
    """A state, under a generous deadline; what is asked costs a process each time."""
    deadline = time.monotonic() + PATIENCE_S / 12
    while not true():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.5)


def under_way(fleet: Fleet, run: subprocess.Popen[str], before: int) -> None:
    """Returns in the middle of a run: launches of it have ended, and others are at work."""
    ended = "SELECT count(*) FROM launch WHERE state = 'done'"
    until(lambda: run.poll() is not None or int(fleet.sql(ended)[0]) >= before + UNDER_WAY, "the run is under way")
    assert run.poll() is None, heard(run)


def done(fleet: Fleet) -> int:
    return int(fleet.sql("SELECT count(*) FROM launch WHERE state = 'done'")[0])


def results(fleet: Fleet) -> dict[str, Any]:
    said = fleet.farm("report", "last", "--json")
    body: dict[str, Any] = json.loads(said.out)
    return body


def measured(body: dict[str, Any]) -> set[str]:
    return {cell["board"] for cell in body["cells"] if cell["state"] == "measured"}


def shown(said: Said) -> Said:
    """In what pytest keeps, for whoever wants to see what a person would have."""
    sys.stdout.write(f"{said.err}\n{said.out}\n")
    return said


def test_everything_that_stays_is_well(fleet: Fleet) -> None:
    for container in STAY:
        until(lambda container=container: fleet.well(container), f"{container} is well")


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_reaches_no_server_by_name_or_address_and_nothing_outside(fleet: Fleet, board: str) -> None:
    address = '{{(index .NetworkSettings.Networks "benchfarm_farm").IPAddress}}'
    places = [("redis", 6379), ("postgres", 5432), ("192.0.2.1", 80)]
    places += [
        (fleet.podman("inspect", name(server), "--format", address).strip(), port) for server, port in places[:2]
    ]
    for host, port in places:
        said = fleet.podman("exec", name(board), "/opt/board/bin/python3", "-c", REACH.format(host, port), check=False)
        assert re.search("unreachable|not known", said), f"{host}: {said}"
    assert "reached" in fleet.python(WORKERS[0], REACH.format(board, 2222))


def test_every_process_is_nobody_special_and_can_write_nothing_of_its_image(fleet: Fleet) -> None:
    for container in STAY:
        said = fleet.podman(
            "exec", container, "sh", "-c", "id -u; cat /proc/1/status; touch /x 2>/dev/null || echo refused"
        )
        assert int(said.split()[0]) > 0
        assert re.search(r"CapBnd:\s*0+\n", said), said
        assert re.search(r"NoNewPrivs:\s*1\n", said)
        assert said.rstrip().endswith("refused"), said


def test_no_secret_is_in_what_inspect_shows_in_an_argument_or_in_a_log(fleet: Fleet) -> None:
    folder = fleet.project / ".farm" / "compose"
    secrets = [(folder / f"{each}_password").read_text() for each in ("postgres", "owner", "worker", "redis")]
    assert all(len(secret) >= 32 for secret in secrets)
    for container in [*STAY, name("upgrade")]:
        told = fleet.podman("inspect", container) + fleet.podman("logs", container)
        if container in STAY:
            told += fleet.podman(
                "exec", container, "sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ", check=False
            )
        assert not [secret for secret in secrets if secret in told], container


def test_a_worker_may_write_rows_and_make_or_drop_no_table(fleet: Fleet) -> None:
    program = """
from sqlalchemy import create_engine, text
from farm_orchestrator import config
engine = create_engine(config.load().store)
for query in ("SELECT 1 FROM run", "CREATE TABLE x (i int)", "DROP TABLE run", "TRUNCATE event", "CREATE ROLE r"):
    with engine.connect() as connection:
        try:
            connection.execute(text(query))
            print("done")
        except Exception as error:
            print(type(error.orig).__name__)
"""
    assert fleet.python(WORKERS[0], program).split() == ["done", *["InsufficientPrivilege"] * 4]


def test_whatever_is_restarted_is_well_again(fleet: Fleet) -> None:
    for container in (name("board-2"), name("redis"), name("postgres"), name("beat"), WORKERS[0]):
        fleet.podman("restart", "--time", "15", container)
        until(lambda container=container: fleet.well(container), f"{container} is well again")


def test_the_command_at_the_head_of_the_file_ends_in_a_verdict(fleet: Fleet) -> None:
    (line,) = re.findall(r"# +docker compose run --rm worker farm (.+)", COMPOSE.read_text())
    said = shown(fleet.farm(*shlex.split(line)))
    assert said.code == 0
    body = results(fleet)
    assert body["verdict"] == "passed"
    assert measured(body) == set(BOARDS)
    page = fleet.farm("report", "last", "--format", "html")
    assert page.out.startswith("<!doctype html>")
    assert page.out.count("board-3") > 1


def test_a_worker_killed_in_a_run_costs_no_launch(fleet: Fleet) -> None:
    run, before = fleet.start("farm", *TWO), done(fleet)
    under_way(fleet, run, before)
    (owner, *_) = fleet.sql("SELECT owner FROM board WHERE owner IS NOT NULL")
    victim = next(
        each for each in WORKERS if fleet.podman("inspect", each, "--format", "{{.Id}}").startswith(owner[:12])
    )
    fleet.podman("kill", "--signal", "KILL", victim)
    assert shown(heard(run)).code == 0
    assert measured(results(fleet)) == set(BOARDS)
    fleet.podman("start", victim)
    until(lambda: fleet.well(victim), "the worker is back")


def test_redis_restarted_in_a_run_costs_nothing(fleet: Fleet) -> None:
    run, before = fleet.start("farm", *TWO), done(fleet)
    under_way(fleet, run, before)
    fleet.podman("restart", "--time", "1", name("redis"))
    assert shown(heard(run)).code == 0
    assert measured(results(fleet)) == set(BOARDS)
    assert fleet.well(name("redis"))


def test_a_board_disconnected_in_a_run_is_told_and_the_others_have_their_verdict(fleet: Fleet) -> None:
    run, before = fleet.start("farm", *TWO, "--min-boards", "2"), done(fleet)
    under_way(fleet, run, before)
    fleet.podman("network", "disconnect", "benchfarm_boards", name("board-3"))
    try:
        assert shown(heard(run)).code == 0
        body = results(fleet)
    finally:
        fleet.podman("network", "connect", "--alias", "board-3", "benchfarm_boards", name("board-3"))
    assert body["verdict"] == "measured"
    assert measured(body) >= {"board-1", "board-2"}
    assert [cell["reason"] for cell in body["cells"] if cell["board"] == "board-3"]
    ask = ("exec", WORKERS[0], "python3", "-c", REACH.format("board-3", 2222))
    until(lambda: "reached" in fleet.podman(*ask, check=False), "the board is back")
    assert fleet.farm("boards", "release", "board-3").code == 0


def test_every_service_was_started(fleet: Fleet) -> None:
    assert set(fleet.containers()) >= {*STAY, name("upgrade")}
    assert {each.split("_")[1] for each in fleet.containers()} == set(SERVICES)
