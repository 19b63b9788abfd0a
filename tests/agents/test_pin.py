"""A pinned launch: what is set for it, what is said of it, and that every knob is given back."""

import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import agents_support as parts
import pin_support as clocks
from agents_support import Client
from farm_agents import wire
from farm_agents.pin import canary_ns
from pin_support import GOVERNOR, HIGH, LOW, PIN, POLICY, STOCK, Bench, now, put, restored

Start = Callable[..., Client]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clocks.lay(tmp_path / "root")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return parts.identity(tmp_path / "identity.onnx")


@pytest.fixture
def bench(start: Start, root: Path, tmp_path: Path, model: Path, ones: Path) -> Bench:
    return Bench(start, root, tmp_path, model, ones)


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


def test_the_clock_that_the_kernel_tells_soon_after_counts_where_the_runner_saw_none(bench: Bench) -> None:
    bench.told = "600000"
    pin = bench.whole(PIN).done.facts["pin"]
    assert (pin["held"], pin["told_khz"], pin["reason"]) == (
        False, 600_000, "the kernel tells 600000 kHz where 1000000 were set",
    )  # fmt: skip


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


def test_who_may_have_changed_it_is_told_with_the_finding(bench: Bench) -> None:
    for pid, name in enumerate(("systemd", "thermald", "power-profiles-", "thermald-not"), start=1):
        put(bench.root, f"proc/{pid}/comm", name)
    client = bench.held()
    put(bench.root, HIGH, "1800000")
    bench.go.touch()
    done = client.hear().done
    assert done.facts["pin"]["services"] == ["power-profiles-daemon", "thermald"]
    assert done.findings == [{
        "name": "FOREIGN_CHANGE",
        "text": "changed by something else: scaling_max_freq of policy0 is 1800000; "
        "running here: power-profiles-daemon, thermald",
    }]  # fmt: skip


def test_a_clock_that_nobody_changed_is_no_finding(bench: Bench) -> None:
    assert bench.whole("max").done.findings == []


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


def test_where_the_limits_do_not_take_it_the_clock_itself_is_set(bench: Bench) -> None:
    """A board without the governor `performance` whose lower limit nobody may write: room enough is left."""
    (bench.root / LOW).chmod(0o444)
    pin = bench.whole(PIN).done.facts["pin"]
    assert (pin["strategy"], pin["held"], pin["reason"]) == ("userspace", True, None)
    assert pin["passed_over"] == "EACCES scaling_min_freq of policy0"
    assert {knob["path"]: knob["readback"] for knob in pin["knobs"]} == {
        GOVERNOR: "userspace", LOW: "600000", HIGH: PIN, f"{POLICY}/scaling_setspeed": PIN,
    }  # fmt: skip
    assert [knob["restored"] for knob in pin["knobs"]] == [True] * 4
    assert now(bench.root) == STOCK


def memory_clock(root: Path, name: str) -> Path:
    folder = root / "sys/class/devfreq" / name
    for file, text in (
        ("governor", "simple_ondemand"), ("available_governors", "simple_ondemand performance"),
        ("available_frequencies", "528000000 2112000000"), ("min_freq", "528000000"), ("max_freq", "2112000000"),
    ):  # fmt: skip
        put(root, f"sys/class/devfreq/{name}/{file}", text)
    return folder


def seen(folder: Path) -> list[str]:
    return [(folder / name).read_text().strip() for name in ("governor", "min_freq", "max_freq")]


def test_max_holds_the_clock_of_the_memory_too_and_leaves_the_gpu_alone(bench: Bench) -> None:
    memory, gpu = memory_clock(bench.root, "dmc"), memory_clock(bench.root, "fb000000.gpu")
    client = bench.agent()
    bench.launch(client, "max")
    client.until("slot")
    assert seen(memory) == ["performance", "2112000000", "2112000000"]
    bench.go.touch()
    pin = client.hear().done.facts["pin"]
    assert (pin["held"], pin["memory"]) == (True, [{"name": "dmc", "held": True, "reason": None}])
    assert [knob["restored"] for knob in pin["knobs"]] == [True] * 6
    assert seen(memory) == seen(gpu) == ["simple_ondemand", "528000000", "2112000000"]


def test_another_clock_than_the_highest_leaves_the_memory_alone(bench: Bench) -> None:
    memory = memory_clock(bench.root, "dmc")
    client = bench.held()
    assert seen(memory) == ["simple_ondemand", "528000000", "2112000000"]
    bench.go.touch()
    assert client.hear().done.facts["pin"]["memory"] == []


def test_a_memory_that_cannot_be_held_keeps_nobody_from_holding_the_processor(bench: Bench) -> None:
    memory = memory_clock(bench.root, "dmc")
    (memory / "min_freq").chmod(0o444)
    memory_clock(bench.root, "emc")
    (bench.root / "sys/class/devfreq/emc/available_frequencies").unlink()
    pin = bench.whole("max").done.facts["pin"]
    assert (pin["held"], pin["memory"]) == (True, [
        {"name": "dmc", "held": False, "reason": "EACCES min_freq of dmc"},
        {"name": "emc", "held": False, "reason": "emc does not list its clocks"},
    ])  # fmt: skip
    assert seen(memory) == ["simple_ondemand", "528000000", "2112000000"]


def test_a_farm_tune_of_an_earlier_day_refuses_the_memory_and_holds_the_processor(
    bench: Bench, unit: Path, tmp_path: Path
) -> None:
    """It stands for one that was installed before: what it does not know leads elsewhere."""
    (unit / "sys/class/devfreq").mkdir()
    (unit / "sys/class/devfreq/dmc").symlink_to(memory_clock(tmp_path, "dmc"))
    bench.root = unit
    pin = bench.whole("max").done.facts["pin"]
    assert (pin["strategy"], pin["held"]) == ("minmax", True)
    (memory,) = pin["memory"]
    assert (memory["held"], memory["reason"]) == (
        False, "farm-tune refuses: sys/class/devfreq/dmc/governor leads elsewhere",
    )  # fmt: skip


def sudo(bench: Bench, folder: Path, body: str) -> None:
    """Clocks that only farm-tune may set, and a sudo in the folder that stands before it."""
    clocks.close(bench.root)
    put(bench.root, "usr/local/libexec/farm-tune", "")
    folder.mkdir()
    parts.script(folder / "sudo", body)


def test_a_sudo_that_asks_for_a_password_is_named(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sudo(bench, tmp_path / "bin", "import sys\nsys.exit('sudo: a password is required')\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    pin = bench.whole("max").done.facts["pin"]
    assert (pin["strategy"], pin["held"]) == ("observe", False)
    assert pin["reason"] == "EACCES scaling_governor of policy0; farm-tune is gone: sudo: a password is required"


def test_a_sudo_that_hangs_is_named_and_the_agent_is_not_silent_meanwhile(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sudo(bench, tmp_path / "bin", "import time\ntime.sleep(12)\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    client = bench.agent()
    bench.launch(client, "max")
    bench.go.touch()
    heard = [wire.decode(client.line())]
    while not isinstance(heard[-1], wire.Done):
        heard.append(wire.decode(client.line()))
    assert heard[-1].facts["pin"]["reason"].endswith("farm-tune is gone: it does not end")
    pinned = next(at for at, one in enumerate(heard) if isinstance(one, wire.Stage) and one.stage == "pin")
    after = [type(one).__name__ for one in heard[pinned + 1 :]]
    assert after[:4] == ["Beat"] * 4  # of the seconds that it was waited for


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
    assert (pin["held"], pin["reason"]) == (False, "ENOENT scaling_max_freq of policy0 when it was to be given back")


def test_the_runners_own_sight_of_the_clock_decides_too(start: Start, root: Path, model: Path, ones: Path) -> None:
    """These files stand still: the kernel's word for the clock stays at 2.4 GHz."""
    client = start()
    assert isinstance(client.open(sysroot=str(root)), wire.Hello)
    found = {}
    for pin in ("max", PIN):
        found[pin] = client.launch(model, ones, point={"pin": pin}).done.facts["pin"]
    assert (found["max"]["held"], found["max"]["reason"]) == (True, None)
    assert (found[PIN]["held"], found[PIN]["reason"]) == (False, "the kernel tells 2400000 kHz where 1000000 were set")


def test_a_calibrated_board_is_held_to_its_canary_where_no_cycles_are_counted(
    start: Start, root: Path, model: Path, ones: Path
) -> None:
    """A canary of 1 ns would be a clock that no processor has; this tree is simulated, so that nothing counts its cycles."""
    client = start()
    assert isinstance(client.open(sysroot=str(root)), wire.Hello)
    facts = client.launch(model, ones, point={"pin": "max"}, start={"canary_ns": 1.0}).done.facts
    assert facts["eff_khz"] is None
    assert not facts["pin"]["held"]
    assert facts["pin"]["reason"].startswith("no cycles could be counted, and the clock's canary ran at 0.0% of its")
    own = (facts["canary_clock_before_ns"] + facts["canary_clock_after_ns"]) / 2
    assert canary_ns(facts) == own


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
    parts.wait_for(lambda: not clocks.guardians(short / "lease.json"), "a guardian still stands by")
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
