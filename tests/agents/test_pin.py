"""A pinned launch: what is set for it, what is said of it, and that a board keeps its clocks whatever dies."""

import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
import pin_support as clocks
from agents_support import Client, wait_for
from farm_agents import wire
from pin_support import GOVERNOR, HIGH, POLICY, SLOW, STOCK, now, put

Start = Callable[..., Client]
PIN = "1000000"
STAND_IN = """
import json, os, sys, time
launch = json.loads(sys.stdin.readline())["launch"]
def say(msg, **fields):
    sys.stdout.write(json.dumps(dict(fields, msg=msg, launch=launch)) + "\\n")
    sys.stdout.flush()
say("stage", stage="slot", t_ns=0)
while not os.path.exists({go!r}):
    time.sleep(0.01)
say("done", facts={{}}, findings=[])
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clocks.lay(tmp_path / "root")


@pytest.fixture
def ones(tmp_path: Path) -> Path:
    return parts.ones(tmp_path / "ones.npz")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return parts.identity(tmp_path / "identity.onnx")


class Bench:
    """Agents on one tree, whose runner waits for the word; `go` is that word."""

    def __init__(self, start: Start, root: Path, folder: Path, model: Path, ones: Path) -> None:
        self.begin, self.root, self.model, self.ones = start, root, model, ones
        self.go = folder / "go"
        self.journal = folder / "base" / "lease.json"
        self.runner = parts.script(folder / "stand-in", STAND_IN.format(go=str(self.go)))
        self.fence = 0

    def agent(self, **popen: Any) -> Client:
        client = self.begin("--runner", str(self.runner), **popen)
        self.fence += 1
        assert isinstance(client.open(self.fence, sysroot=str(self.root)), wire.Hello)
        return client

    def launch(self, client: Client, pin: str) -> None:
        client.start(self.model, self.ones, point={"pin": pin})

    def whole(self, pin: str, **popen: Any) -> parts.Launch:
        """A launch from its job to its end."""
        client = self.agent(**popen)
        self.launch(client, pin)
        self.go.touch()
        return client.hear()

    def held(self) -> Client:
        """An agent whose launch is in its slot, at PIN."""
        client = self.agent()
        self.launch(client, PIN)
        client.until("slot")
        assert now(self.root) == SLOW
        return client


@pytest.fixture
def bench(start: Start, root: Path, tmp_path: Path, model: Path, ones: Path) -> Bench:
    return Bench(start, root, tmp_path, model, ones)


def restored(bench: Bench) -> None:
    wait_for(lambda: now(bench.root) == STOCK, f"the clocks did not come back: {now(bench.root)}")


def test_a_pinned_launch_runs_at_its_clock_and_leaves_the_board_as_it_was(bench: Bench) -> None:
    client = bench.held()
    bench.go.touch()
    launch = client.hear()
    pin = launch.done.facts["pin"]
    assert (pin["wanted"], pin["strategy"], pin["held"], pin["reason"], pin["foreign"]) == (
        PIN,
        "minmax",
        True,
        None,
        [],
    )
    assert [(knob["orig"], knob["readback"], knob["restored"]) for knob in pin["knobs"]] == [
        ("schedutil", "performance", True), ("600000", PIN, True), ("2400000", PIN, True),
    ]  # fmt: skip
    assert now(bench.root) == STOCK
    assert launch.stages == ["restore"]


def test_the_stages_say_when_the_clocks_are_set_and_given_back(bench: Bench) -> None:
    assert bench.whole("max").stages == ["pin", "slot", "restore"]


def test_a_stock_launch_touches_nothing_and_says_nothing(bench: Bench) -> None:
    launch = bench.whole("stock")
    assert launch.stages == ["slot"]
    assert "pin" not in launch.done.facts
    assert not bench.journal.exists()


def test_one_farm_tune_serves_all_launches_of_an_agent(bench: Bench) -> None:
    client = bench.agent()
    bench.go.touch()
    pids = set()
    for _ in range(3):
        bench.launch(client, "max")
        assert client.hear().done.facts["pin"]["held"]
        pids.add(clocks.children(client.process.pid)["tune"])
    assert len(pids) == 1


def test_what_something_else_sets_meanwhile_is_told_and_left_to_it(bench: Bench) -> None:
    client = bench.held()
    put(bench.root, HIGH, "1800000")
    bench.go.touch()
    pin = client.hear().done.facts["pin"]
    assert pin["foreign"] == [{"path": HIGH, "seen": "1800000"}]
    assert (pin["held"], pin["reason"]) == (False, "changed by something else: scaling_max_freq of policy0 is 1800000")
    assert now(bench.root) == {**STOCK, HIGH: "1800000"}


def test_without_the_right_to_set_clocks_the_launch_runs_and_says_why(bench: Bench) -> None:
    clocks.close(bench.root)
    pin = bench.whole("max").done.facts["pin"]
    assert (pin["strategy"], pin["held"], pin["reason"]) == ("observe", False, "EACCES scaling_governor of policy0")
    assert pin["knobs"] == []


def test_where_only_the_upper_limit_may_be_set_it_is_and_the_clock_counts_as_not_held(bench: Bench) -> None:
    (bench.root / GOVERNOR).chmod(0o444)
    pin = bench.whole(PIN).done.facts["pin"]
    assert (pin["strategy"], pin["held"], pin["reason"]) == ("cap_only", False, "EACCES scaling_governor of policy0")
    assert [knob["restored"] for knob in pin["knobs"]] == [True]
    assert now(bench.root) == STOCK


def test_a_sudo_that_asks_for_a_password_is_named(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks.close(bench.root)
    put(bench.root, "usr/local/libexec/farm-tune", "")
    (tmp_path / "bin").mkdir()
    parts.script(tmp_path / "bin" / "sudo", "import sys\nsys.exit('sudo: a password is required')\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    pin = bench.whole("max").done.facts["pin"]
    assert (pin["strategy"], pin["held"]) == ("observe", False)
    assert pin["reason"] == "EACCES scaling_governor of policy0; farm-tune is gone: sudo: a password is required"


def test_a_board_without_cpufreq_is_a_board(bench: Bench) -> None:
    shutil.rmtree(bench.root / clocks.CPUFREQ)
    pin = bench.whole("max").done.facts["pin"]
    assert (pin["held"], pin["reason"]) == (False, "no cpufreq policy holds the measured CPUs")


def test_a_clock_that_the_board_does_not_have_is_told_with_those_it_has(bench: Bench) -> None:
    pin = bench.whole("1234567").done.facts["pin"]
    assert pin["reason"] == "policy0 has no 1234567 kHz: 600000 1000000 1500000 1800000 2400000"
    assert now(bench.root) == STOCK


def test_a_policy_that_vanishes_in_the_middle_ends_no_launch(bench: Bench) -> None:
    client = bench.held()
    shutil.rmtree(bench.root / POLICY)
    bench.go.touch()
    pin = client.hear().done.facts["pin"]
    assert [knob["restored"] for knob in pin["knobs"]] == [False] * 3


def test_the_runners_own_sight_of_the_clock_decides_too(start: Start, root: Path, model: Path, ones: Path) -> None:
    """These files stand still: the kernel's word for the clock stays at 2.4 GHz."""
    client = start()
    assert isinstance(client.open(sysroot=str(root)), wire.Hello)
    found = {}
    for pin in ("max", PIN):
        found[pin] = client.launch(model, ones, point={"pin": pin}).done.facts["pin"]
    assert (found["max"]["held"], found["max"]["reason"]) == (True, None)
    assert (found[PIN]["held"], found[PIN]["reason"]) == (False, "the kernel tells 2400000 kHz where 1000000 were set")


@pytest.mark.parametrize("pin", ["sustained", "sweep", "2GHz", "", "-1"])
def test_a_job_with_another_pin_is_refused(bench: Bench, pin: str) -> None:
    client = bench.agent()
    bench.launch(client, pin)
    assert client.process.wait(parts.PATIENCE_S) == 2


@pytest.fixture
def unit(root: Path) -> Iterator[Path]:
    """The socket of a lease in a short path, and for each connection a farm-tune, as the socket unit would start it."""
    short = Path(tempfile.mkdtemp(prefix="lease-"))
    shutil.copytree(root, short, dirs_exist_ok=True, symlinks=True)
    (short / "run").mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(short / "run" / "farm-lease.sock"))
    server.listen()
    running: list[subprocess.Popen[bytes]] = []

    def accept() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                running.append(
                    subprocess.Popen(
                        clocks.command(short, short / "lease.json"), stdin=line.fileno(), stdout=line.fileno()
                    )
                )

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield short
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(parts.PATIENCE_S)
    for process in running:
        process.wait(parts.PATIENCE_S)
    shutil.rmtree(short)


def test_the_socket_of_the_unit_is_preferred(bench: Bench, unit: Path) -> None:
    bench.root = unit
    client = bench.held()
    assert "tune" not in clocks.children(client.process.pid)
    assert (unit / "lease.json").exists()
    bench.go.touch()
    assert client.hear().done.facts["pin"]["held"]
    assert now(unit) == STOCK
    assert client.end() == 0


def test_an_agent_killed_over_the_socket_gives_back_too(bench: Bench, unit: Path) -> None:
    bench.root = unit
    clocks.kill(bench.held().process.pid)
    restored(bench)


def test_the_end_of_standard_input_gives_back(bench: Bench) -> None:
    assert bench.held().end() == 0
    assert now(bench.root) == STOCK


def test_a_polite_signal_gives_back(bench: Bench) -> None:
    client = bench.held()
    client.process.send_signal(signal.SIGTERM)
    client.process.wait(parts.PATIENCE_S)
    assert now(bench.root) == STOCK


def test_the_dead_mans_switch_gives_back(bench: Bench) -> None:
    client = bench.begin("--runner", str(bench.runner))
    assert isinstance(client.open(sysroot=str(bench.root), deadman_s=3.0), wire.Hello)
    bench.launch(client, PIN)
    client.until("slot")
    assert now(bench.root) == SLOW
    client.process.wait(parts.PATIENCE_S)
    assert now(bench.root) == STOCK


def test_a_stop_gives_back_and_the_agent_stays(bench: Bench) -> None:
    client = bench.held()
    client.send(wire.Stop("enough"))
    failed = client.hear().failed
    assert (failed.kind, failed.facts["pin"]["held"]) == ("STOPPED", True)
    assert now(bench.root) == STOCK


def test_a_killed_supervisor_gives_back(bench: Bench) -> None:
    clocks.kill(bench.held().process.pid)
    restored(bench)


def test_a_killed_runner_gives_back(bench: Bench) -> None:
    client = bench.held()
    clocks.kill(clocks.children(client.process.pid)["runner"])
    assert client.hear().failed.kind == "CRASH(SIGKILL)"
    assert now(bench.root) == STOCK


def test_a_killed_farm_tune_is_replaced_at_the_end_of_the_launch(bench: Bench) -> None:
    client = bench.held()
    clocks.kill(clocks.children(client.process.pid)["tune"])
    bench.go.touch()
    pin = client.hear().done.facts["pin"]
    assert (pin["held"], [knob["restored"] for knob in pin["knobs"]]) == (True, [True] * 3)
    assert now(bench.root) == STOCK


def test_what_a_killed_agent_and_farm_tune_left_is_mended_by_the_next_agent(bench: Bench) -> None:
    client = bench.held()
    tune = clocks.children(client.process.pid)["tune"]
    clocks.kill(tune)
    clocks.kill(client.process.pid)
    assert now(bench.root) == SLOW
    bench.agent()
    assert now(bench.root) == STOCK


def test_after_a_reboot_the_journal_is_only_removed(bench: Bench) -> None:
    client = bench.held()
    tune = clocks.children(client.process.pid)["tune"]
    clocks.kill(tune)
    clocks.kill(client.process.pid)
    put(bench.root, clocks.BOOT, "boot-2")
    bench.agent()
    assert now(bench.root) == SLOW  # these files forget nothing; a kernel would have
    assert not bench.journal.exists()


VICTIMS = (("agent",), ("runner",), ("tune",), ("agent", "tune"), ("agent", "runner"), ("tune", "agent"))


def kills(bench: Bench, count: int, seed: int) -> None:
    """At a random moment of a launch one or two of its processes are killed; the clocks come back every time."""
    chance = random.Random(seed)
    for turn in range(count):
        client = bench.agent()
        bench.launch(client, PIN)
        clocks.idle(chance.uniform(0.0, 0.4))
        found = {**clocks.children(client.process.pid), "agent": client.process.pid}
        victims = chance.choice(VICTIMS)
        for name in victims:
            if name in found:
                clocks.kill(found[name])
        if "agent" not in victims:
            bench.go.touch()
            client.hear()
            client.end()
            bench.go.unlink()
        elif "tune" in victims:
            bench.agent().end()
        wait_for(lambda: now(bench.root) == STOCK, f"turn {turn}, {victims}: {now(bench.root)}")
        wait_for(lambda: not bench.journal.exists(), f"turn {turn}: the journal stays")
        client.close()


def test_twenty_random_kills_leave_the_clocks_as_they_were(bench: Bench) -> None:
    kills(bench, 20, seed=1)


@pytest.mark.long
def test_two_hundred_random_kills_leave_the_clocks_as_they_were(bench: Bench) -> None:
    kills(bench, 200, seed=2)
