"""The sampler beside real launches: its readings and its fact, whoever is killed, and nobody left behind."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import sampling, wire
from farm_agents.fans import NO_FAN
from farm_agents.sysfs import Sysfs
from sampler_support import BOARD, tree

Start = Callable[..., Client]
LONG = {"slot_s": 1.0, "slot_cap_s": 3.0}
ALONE = len(os.sched_getaffinity(0)) == 1  # then no CPU is free for a sampler, and it looks once a second


@pytest.fixture
def board_tree(tmp_path: Path) -> Sysfs:
    """With as many CPUs as there are here, of one clock."""
    cpus = f"0-{max(os.sched_getaffinity(0))}"
    changes = {
        "sys/devices/system/cpu/online": cpus,
        "sys/devices/system/cpu/cpufreq/policy0/related_cpus": cpus,
        "sys/devices/system/cpu/cpufreq/policy2/related_cpus": "",
    }
    return tree(tmp_path / "tree", {**BOARD, **changes})


@pytest.fixture
def client(start: Start, board_tree: Sysfs) -> Client:
    begun = start()
    assert isinstance(begun.open(sysroot=board_tree.root, deadman_s=parts.PATIENCE_S), wire.Hello)
    return begun


@pytest.fixture
def busy(client: Client, tmp_path: Path, ones: Path) -> Client:
    """Its runner is caught in an endless loop, its sampler samples."""
    client.start(parts.endless(tmp_path / "endless.onnx"), ones)
    client.until("first")
    return client


def sampler_of(client: Client) -> int:
    """The pid of the agent's sampler, once it is one."""
    found: list[int] = []

    def look() -> list[int]:
        found[:] = [pid for pid in children(client.process.pid) if b"\0sampler\0" in command_of(pid)]
        return found

    parts.wait_for(look, "the agent has no sampler")
    return found[0]


def children(parent: int) -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and parent_of(entry) == parent]  # noqa: PTH208 - names are wanted


def parent_of(pid: str) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def fact(launch: parts.Launch) -> Any:
    assert isinstance(launch.end, wire.Done | wire.Failed)
    return launch.end.facts["sampler"]


def readings(launch: parts.Launch) -> list[dict[str, Any]]:
    return [row for message in launch.of(wire.Readings) for row in message.readings]


def test_readings_of_the_whole_launch_come_with_it(client: Client, mlp: Path, ones: Path) -> None:
    launch = client.launch(mlp, ones, recipe=LONG)
    facts, told = launch.done.facts, readings(launch)
    inside = [row for row in told if facts["slot_t0_ns"] < row["t_ns"] < facts["slot_t1_ns"]]
    names = {row["source"] for row in told}
    assert {"policy0.cur", "policy0.max", "zone.cpu-thermal", "zone.gpu-thermal", "psi.cpu", "throttled_bits"} <= names
    assert {row["source"] for row in inside} >= ({"psi.cpu"} if ALONE else {"policy0.max", "zone.cpu-thermal"})
    assert {row["value"] for row in told if row["source"] == "policy0.max"} == {1_800_000}
    assert {row["source"] for row in told if row["error"]} == set()


def test_the_fact_says_how_it_went_and_what_was_missing(client: Client, mlp: Path, ones: Path) -> None:
    said = fact(client.launch(mlp, ones, recipe=LONG))
    assert said["mode"] == ("edge_only" if ALONE else "full")
    assert (said["cpu"] is None) == ALONE
    assert said["ticks"] > 0
    assert said["missed"] >= 0
    assert 0 < said["cpu_ms"] < 1000
    assert said["p95_read_us"] > 0
    assert (said["unopened"], said["missing"]) == ({}, {"fan": NO_FAN})


def test_without_a_free_cpu_it_looks_once_a_second_and_says_why(client: Client, mlp: Path, ones: Path) -> None:
    said = fact(client.launch(mlp, ones, point={"cpus": "all"}))
    assert (said["mode"], said["cpu"], said["period_ms"]) == ("edge_only", None, 1000)
    assert "every CPU" in said["reason"]


def test_a_value_that_changes_during_the_slot_is_seen(client: Client, board_tree: Sysfs, mlp: Path, ones: Path) -> None:
    """Somebody lowers the limit in the middle, and gives it back before the end."""
    limit = Path(board_tree.path("sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq"))
    client.start(mlp, ones, recipe={**LONG, "slot_s": 2.5, "slot_cap_s": 3.0})
    client.until("slot")
    limit.write_text("1200000\n")
    launch = client.hear()
    assert 1_200_000 in {row["value"] for row in readings(launch) if row["source"] == "policy0.max"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"kind": "evaluate"}, sampling.NOT_MEASURED), ({"recipe": {"sampler": False}}, sampling.NOT_WANTED)],
    ids=["an evaluate launch", "a recipe without"],
)
def test_a_launch_without_a_sampler_says_why(
    client: Client, mlp: Path, ones: Path, changes: dict[str, Any], reason: str
) -> None:
    launch = client.launch(mlp, ones, **changes)
    assert fact(launch) == {"mode": None, "reason": reason}
    assert [row for row in readings(launch) if row["source"] == "psi.cpu"] == []


def test_a_launch_whose_sampler_is_killed_counts(client: Client, mlp: Path, ones: Path) -> None:
    client.start(mlp, ones, recipe=LONG)
    os.kill(sampler_of(client), signal.SIGKILL)
    launch = client.hear()
    said = fact(launch)
    assert launch.done.facts["n"] >= 50
    assert said["mode"] is None
    assert "-9" in said["reason"]


def test_a_sampler_that_is_frozen_is_given_up_and_the_launch_counts(client: Client, mlp: Path, ones: Path) -> None:
    client.start(mlp, ones, recipe=LONG)
    pid = sampler_of(client)
    os.kill(pid, signal.SIGSTOP)
    said = fact(client.hear())
    assert (said["mode"], "no end of the sampler" in said["reason"]) == (None, True)
    assert not parts.alive(pid)


def test_the_sampler_dies_with_a_supervisor_that_is_killed(busy: Client) -> None:
    pid = sampler_of(busy)
    busy.process.kill()
    parts.wait_for(lambda: not parts.alive(pid), "the sampler outlived its supervisor")


def test_the_sampler_ends_with_a_runner_that_is_killed(busy: Client, board: Board) -> None:
    pid = sampler_of(busy)
    os.kill(int(board.holder()["runner_pid"]), signal.SIGKILL)
    launch = busy.hear()
    assert launch.failed.kind.startswith(("CRASH", "OUT_OF_MEMORY"))
    assert fact(launch)["ticks"] >= 0
    assert not parts.alive(pid)


def test_the_sampler_ends_with_a_launch_that_is_stopped(busy: Client) -> None:
    pid = sampler_of(busy)
    busy.send(wire.Stop("cancelled"))
    launch = busy.hear()
    assert (launch.failed.kind, fact(launch)["mode"]) == ("STOPPED", None)
    assert not parts.alive(pid)


def test_the_sampler_ends_with_the_stdin_of_the_agent(busy: Client) -> None:
    pid = sampler_of(busy)
    assert busy.end() == 0
    assert not parts.alive(pid)


def test_the_sampler_stays_off_the_measured_cpu(busy: Client) -> None:
    """The job is bound to CPU 0."""
    allowed = os.sched_getaffinity(sampler_of(busy))
    assert len(allowed) == 1
    assert 0 not in allowed or ALONE
