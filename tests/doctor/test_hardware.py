"""What the checks make of facts that no machine of ours has, and what the board's own Python makes of a tree."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doctor_support import FLAGS, HWMON, MODEL, sysroot
from farm_lab.tree import POLICY
from farm_orchestrator.bootstrap.scan import Scan, scan
from farm_orchestrator.doctor import Finding, State, of_board, program
from farm_orchestrator.doctor.board_facts import BoardFacts, look
from farm_orchestrator.doctor.fleet_checks import clock
from farm_orchestrator.doctor.inside import Inside, read
from farm_orchestrator.model import Json
from farm_orchestrator.transport import open_channel

GIGA = 1_000_000_000


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> BoardFacts:
    """This machine, looked at as a board would be."""
    folder = tmp_path_factory.mktemp("here")
    board = {"name": "b", "local": True, "python": sys.executable, "base": str(folder / "base"),
             "sysroot": sysroot(folder / "root", {}), "interference": "drop"}  # fmt: skip
    facts = look(board, folder)
    assert facts.scan
    assert facts.inside
    return replace(facts, scan=replace(facts.scan, available=GIGA))


def line(facts: BoardFacts, check: str) -> Finding:
    (hit,) = [each for each in of_board(facts) if each.check == check]
    return hit


def scanned(facts: BoardFacts, **changes: Any) -> BoardFacts:
    assert facts.scan
    return replace(
        facts,
        scan=replace(facts.scan, **changes),
        board={**facts.board, "local": False},
        spec={**facts.spec, "user": "u", "host": "h", "port": 22},
    )


def inside(facts: BoardFacts, **changes: Any) -> BoardFacts:
    assert facts.inside
    return replace(facts, inside=Inside.model_validate({**facts.inside.model_dump(), **changes}))


def load(busy: float, stolen: float = 0.0) -> Json:
    return {"busy": busy, "stolen": stolen, "top": [{"name": "apt-get", "share": 0.5}]}


def test_the_shorter_of_two_measures_is_what_a_login_shell_takes(here: BoardFacts) -> None:
    """A slow link is no slow shell, and a busy moment is neither."""
    for age_s, command_s, state in ((0.3, 0.4, State.WARNING), (0.01, 0.4, State.OK), (0.3, 0.02, State.OK)):
        assert line(replace(scanned(here, shell_s=age_s), command_s=command_s), "shell").state == state


@pytest.mark.parametrize(("offset_s", "what"), [
    (0.6, "as this machine's"), (-30.0, "30 s behind"), (86400.0 * 1000, "1000.0 days ahead of"), (-7200, "2.0 hours behind"),
])  # fmt: skip
def test_a_clock_is_told_by_how_far_it_is_off(here: BoardFacts, offset_s: float, what: str) -> None:
    hit = line(replace(here, offset_s=offset_s), "clock")
    assert what in hit.what
    assert hit.state == (State.WARNING if abs(offset_s) > 60 else State.OK)


def test_a_clock_that_no_board_shares_is_this_machine_s(here: BoardFacts) -> None:
    def answer(*offsets: float) -> State | None:
        found = clock([replace(here, offset_s=offset) for offset in offsets])
        return None if found is None else found.state

    assert answer(-3600.0, -3601.0, -3599.0) == State.WARNING
    assert answer(-3600.0, 0.0, 0.5) == State.OK
    assert answer(-3600.0, -3600.0) is None


def test_memory_is_told_before_it_runs_out(here: BoardFacts) -> None:
    states = [line(scanned(here, available=size), "memory").state for size in (50_000_000, 200_000_000, GIGA)]
    assert states == [State.FAULT, State.WARNING, State.OK]


def test_whether_a_launch_can_be_limited_is_told_and_no_fault(here: BoardFacts) -> None:
    told = line(inside(here, memory_limit={"reason": "the kernel does not count memory"}), "memory limit")
    assert (told.state, told.what) == (State.OK, "no launch can be limited: the kernel does not count memory")
    assert line(inside(here, memory_limit={"reason": None}), "memory limit").what == "a launch can be limited"
    assert all(each.check != "memory limit" for each in of_board(inside(here, memory_limit=None)))


@pytest.mark.parametrize(("changes", "cause", "mend"), [
    ({"bits": 32, "arch": "arm", "machine": "aarch64"}, "32-bit userland", "64-bit image"),
    ({"libc": ("musl", (1, 2, 4))}, "musl", "glibc"),
])  # fmt: skip
def test_why_a_runtime_cannot_be_brought_is_told_with_what_is_missing(
    here: BoardFacts, changes: dict[str, Any], cause: str, mend: str
) -> None:
    broken = inside(
        scanned(here, **changes), runtime={"error": "ModuleNotFoundError: No module named 'onnxruntime'", "code": 0}
    )
    hit = line(broken, "runtime")
    assert (hit.state, hit.what) == (State.FAULT, "its Python has no onnxruntime")
    assert cause in (hit.why or "")
    assert mend in (hit.mend or "")
    assert line(scanned(here, **changes), "runtime").state == State.OK


def test_load_is_a_warning_where_it_drops_blocks_and_a_note_elsewhere(here: BoardFacts) -> None:
    busy = inside(here, load=load(0.6))
    assert line(busy, "load").state == State.WARNING
    assert "apt-get 50%" in (line(busy, "load").why or "")
    assert line(replace(busy, board={**busy.board, "interference": "note"}), "load").state == State.OK
    assert line(inside(here, load=load(0.02)), "load").state == State.OK
    assert "stolen" in line(inside(here, load=load(0.02, 0.05)), "load").what
    assert "process 7" in line(inside(here, load=load(0.02), holder=7), "load").what


def test_what_this_account_may_not_do_is_told_with_the_line_that_allows_it(here: BoardFacts) -> None:
    assert here.inside
    assert here.inside.clocks
    closed = inside(here, clocks={**here.inside.clocks.model_dump(), "closed": ["/sys/x/scaling_governor"]})
    assert line(closed, "pinning").state == State.WARNING
    assert "farm boards tune-script" in (line(closed, "pinning").mend or "")
    shut = inside(here, power=[{"source": "rapl", "path": "/e", "readable": False}])
    assert line(shut, "power").state == State.WARNING
    assert "chmod g+r /e" in (line(shut, "power").mend or "")
    assert line(inside(here, power=[]), "power").what == "no sensor: energy is not measured"


def test_powersave_is_no_fault_of_a_driver_that_follows_the_load(here: BoardFacts) -> None:
    assert here.inside
    assert here.inside.clocks
    clocks = {**here.inside.clocks.model_dump(), "governor": "powersave"}
    assert line(inside(here, clocks=clocks), "governor").state == State.WARNING
    assert line(inside(here, clocks={**clocks, "driver": "intel_pstate"}), "governor").state == State.OK


def test_a_board_without_clocks_and_sensors_is_well(here: BoardFacts, tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    bare = look({**here.board, "sysroot": str(tmp_path)}, tmp_path)
    found = {each.check: each.state for each in of_board(bare)}
    checks = ("governor", "temperature", "throttling", "supply", "pinning", "power")
    assert [found[check] for check in checks] == [State.OK] * len(checks)


def test_the_board_s_own_python_reads_the_tree(tmp_path: Path) -> None:
    tree = sysroot(tmp_path / "root", {
        MODEL: "Raspberry Pi 5 Model B Rev 1.1\0", FLAGS: "80008\n", f"{HWMON}/name": "rpi_volt\n",
        f"{HWMON}/in0_lcrit_alarm": "0\n", "sys/class/powercap/intel-rapl:0/energy_uj": "1\n", "dev/vcio": "",
        f"{POLICY}/scaling_max_freq": "1800000\n",
        "sys/devices/virtual/thermal/thermal_zone0/temp": "-256000\n",
    })  # fmt: skip
    text = program.look(str(tmp_path / "base"), {"sysroot": tree, "runtime": "default"})
    done = subprocess.run([sys.executable, "-I", "-"], input=text, capture_output=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["heat"]["temp_mc"] is None
    assert seen["heat"]["throttled"] == 0x80008
    assert sorted(seen["heat"]["trips"]) == [["critical", 85000], ["passive", 60000]]
    assert seen["supply"] == {"low": False, "over_current": 0}
    assert [(each["source"], each["readable"]) for each in seen["power"]] == [("ina226", True), ("rapl", True)]
    assert (seen["clocks"]["driver"], seen["clocks"]["max_khz"], seen["clocks"]["most_khz"]) == (
        "cpufreq-dt",
        1800000,
        2400000,
    )
    assert 0 <= seen["load"]["busy"] <= 1
    assert seen["runtime"]["onnxruntime"]
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize("answer", [
    "", "[]", "{}", "null", "[" * 100_000, '{"python": 3}', '{"python": "x", "executable": ""}',
    '{"python": "3.11.7", "executable": "", "heat": {"temp_mc": "hot"}}',
    '{"python": "3.11.7", "executable": "", "load": {"busy": NaN, "stolen": 0.0, "top": []}}', '{"python": "99999999999.1", "executable": ""}',
])  # fmt: skip
def test_a_board_may_answer_anything(answer: str) -> None:
    assert read(answer) is None


def test_an_agent_that_holds_the_board_is_seen_without_touching_its_lock(tmp_path: Path) -> None:
    started = Path("/proc/self/stat").read_bytes().rsplit(b")", 1)[1].split()[19].decode()
    (tmp_path / "lock").write_text(json.dumps({"pid": os.getpid(), "start": started, "fence": 1, "farm": "x"}))
    text = program.look(str(tmp_path), {"runtime": "default"})
    done = subprocess.run([sys.executable, "-I", "-"], input=text, capture_output=True, check=True)
    assert json.loads(done.stdout)["holder"] == os.getpid()


def test_a_scan_is_the_same_through_the_channel(here: BoardFacts, tmp_path: Path) -> None:
    channel = open_channel(here.board, tmp_path)
    found = scan(channel, here.board)
    channel.close()
    assert isinstance(found, Scan)
    assert here.scan
    assert (found.base.path, found.libc, found.boot_id) == (here.scan.base.path, here.scan.libc, here.scan.boot_id)
