"""Each fault does to a board what its name says, is written down, and leaves nothing when it is undone."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_agents import beside
from farm_agents.sysfs import Sysfs
from farm_lab import chaos, faults, journal, lab, shift, state, tree, work
from farm_lab.places import LabError, Places
from farm_lab.processes import words
from farm_lab.sshd import fingerprint
from farm_lab.state import State
from farm_orchestrator.cli import call
from farm_orchestrator.errors import DiskFull, HostKeyChanged, ReadOnly
from farm_orchestrator.transport import Channel, open_channel, resolve
from lab_support import LEVELS, at, inventory, leftovers, options, ssh, wait_for

LEVEL = LEVELS[-1]
DISK = 60 << 20 if LEVEL else None
LIMIT = "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq"
ZONE = "sys/class/thermal/thermal_zone0/temp"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Two boards like a Raspberry Pi 4 behind the proxy, with disks of their own where that is possible."""
    place = at(tmp_path_factory.mktemp("broken"))
    lab.up(place, 2, options(proxy=True, profile="pi4", level=LEVEL, disk=DISK))
    yield place
    lab.down(place)


@pytest.fixture
def place(broken: Places) -> Iterator[Places]:
    """Whole again after each test."""
    yield broken
    faults.cure(broken, "vb001", "heal")
    assert journal.standing(broken) == ()


def known(place: Places) -> State:
    found = state.read(place)
    assert found is not None
    return found


def said(place: Places, command: str) -> str:
    done = ssh(place, known(place), "vb001", command)
    return done.stdout + done.stderr


def channel_to(place: Places, home: Path) -> Channel:
    return open_channel(resolve({"name": "vb001", **inventory(place)["vb001"]}), home)


def push(place: Places, folder: Path) -> None:
    file = folder / "file"
    file.write_bytes(os.urandom(100_000))  # one that is there already is not sent
    channel = channel_to(place, folder / "home")
    try:
        channel.put(file, hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size)
    finally:
        channel.close()


def route(place: Places) -> dict[str, object]:
    return dict(chaos.tell(place, "status", "vb001")["routes"][0])


def test_a_fault_is_in_the_journal_with_its_times_and_stands_until_its_end(place: Places) -> None:
    before_ns = time.monotonic_ns()
    begun = faults.strike(place, "vb001", "knob-stolen", "700000")
    assert [fault.fault for fault in journal.standing(place)] == ["knob-stolen"]
    assert journal.standing(place, "vb002") == ()
    assert faults.cure(place, "vb001", "heal") == (begun,)
    start, end = journal.lines(place)[-2:]
    assert (start["event"], start["board"], start["argument"]) == ("start", "vb001", "700000")
    assert (end["event"], end["began_ns"]) == ("end", start["t_ns"])
    assert before_ns < start["t_ns"] < end["t_ns"] < time.monotonic_ns()


def test_a_line_that_was_torn_is_none_and_swallows_no_other(place: Places) -> None:
    with place.journal.open("a") as file:
        file.write('{"t_ns": 1, "event": "start", "kept": {}')
    begun = faults.strike(place, "vb001", "knob-stolen")
    assert [fault.began_ns for fault in journal.standing(place)] == [begun.began_ns]


def test_power_off_takes_everything_and_power_on_boots_the_same_board_with_its_disk(place: Places) -> None:
    here, before = place.board("vb001"), known(place).boards[0]
    said(place, f"echo kept > {here.base}/file; ln {here.base}/file {here.base}/link; sleep 600 >/dev/null 2>&1 &")
    first = said(place, f"cat {'/' if LEVEL else here.sysroot}/{tree.BOOT_ID}")
    faults.strike(place, "vb001", "power-off")
    assert lab.status(place)[1] == {"vb001": False, "vb002": True}
    wait_for(lambda: leftovers(here.root) == [], "the end of all its processes")
    with pytest.raises(LabError, match=r"vb001 does not run.* start it: farm lab break vb001 power-on"):
        faults.strike(place, "vb001", "agent-stuck")
    faults.cure(place, "vb001", "power-on")
    after = known(place).boards[0]
    assert (after.address, after.process != before.process) == (before.address, True)
    assert said(place, f"cat {here.base}/file; stat -c %h {here.base}/link") == "kept\n2\n"
    assert said(place, f"cat {'/' if LEVEL else here.sysroot}/{tree.BOOT_ID}") not in {first, ""}


def test_a_power_off_that_was_killed_halfway_is_undone_too(place: Places) -> None:
    board = known(place).boards[0]
    journal.begin(place, journal.Standing("vb001", "power-off"))
    os.kill(board.process.pid, signal.SIGSTOP)
    faults.cure(place, "vb001", "power-on")
    assert known(place).boards[0].process == board.process
    assert said(place, "echo awake") == "awake\n"


def test_the_link_is_cut_slowed_and_delayed_by_the_proxy_and_whole_afterwards(place: Places) -> None:
    wait_for(lambda: route(place)["links"] == 0, "the end of other tests' connections")
    whole = route(place)
    for fault, argument in (("link-cut", None), ("slow-link", "8"), ("delay", "100"), ("packet-loss", "2")):
        faults.strike(place, "vb001", fault, argument)
    assert route(place) == {**whole, "frozen": True, "rate": 1_000_000, "delay_s": 0.05, "loss": 0.02}
    assert [fault.fault for fault in faults.cure(place, "vb001", "link-heal")] == ["link-cut"]
    assert said(place, "echo through") == "through\n"
    faults.cure(place, "vb001", "heal")
    wait_for(lambda: route(place) == whole, "a whole link")


def test_a_cut_link_stays_cut_while_the_power_is_off(place: Places) -> None:
    faults.strike(place, "vb001", "link-cut")
    faults.strike(place, "vb001", "power-off")
    faults.cure(place, "vb001", "link-heal")
    assert route(place)["frozen"]
    faults.cure(place, "vb001", "power-on")
    assert said(place, "echo through") == "through\n"


def test_a_reset_ends_every_connection_and_stands_no_longer(place: Places) -> None:
    board = inventory(place)["vb001"]
    command = ["ssh", "-F", "none", "-i", str(board["key"]), "-p", str(board["port"]), "-o", "BatchMode=yes",
               "-o", f"UserKnownHostsFile={place.known_hosts}", "-o", "StrictHostKeyChecking=yes",
               f"{board['user']}@{board['host']}", "echo up; sleep 600"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "up\n"
        faults.strike(place, "vb001", "reset")
        assert client.wait(60) == 255
    assert journal.standing(place) == ()


def test_a_full_disk_takes_nothing_more_and_a_push_says_disk_full(place: Places, tmp_path: Path) -> None:
    if DISK is None:
        with pytest.raises(LabError, match=r"no disk of its own.*--disk"):
            faults.strike(place, "vb001", "disk-full")
        return
    base = place.board("vb001").base
    faults.strike(place, "vb001", "disk-full")
    assert "No space left on device" in said(place, f"head -c 100000 /dev/zero > {base}/big")
    with pytest.raises(DiskFull, match="no room below"):
        push(place, tmp_path)
    faults.cure(place, "vb001", "heal")
    push(place, tmp_path)
    disk = lab.disks(place, known(place))["vb001"]
    assert disk is not None
    assert disk.size == DISK


def test_nothing_is_written_to_a_read_only_disk_and_a_push_says_so(place: Places, tmp_path: Path) -> None:
    if LEVEL == 0 and os.geteuid() == 0:
        with pytest.raises(LabError, match="root writes past them"):
            faults.strike(place, "vb001", "read-only")
        return
    base = place.board("vb001").base
    faults.strike(place, "vb001", "read-only")
    assert said(place, f"touch {base}/new") != ""
    with pytest.raises(ReadOnly, match="nothing can be written below"):
        push(place, tmp_path)
    faults.cure(place, "vb001", "heal")
    push(place, tmp_path)


def test_the_wall_clock_is_off_sleeps_end_and_nothing_is_left_behind(place: Places) -> None:
    ask = f"{sys.executable} -c 'import time; a = time.monotonic(); time.sleep(0.2); print(time.time(), time.monotonic() - a)'"
    faults.strike(place, "vb001", "wrong-clock")
    assert all(file.exists() for file in shift.shared(place.board("vb001")))
    wall_s, slept_s = map(float, said(place, ask).split())
    assert abs(time.time() + 1000 * 86400 - wall_s) < 600
    assert 0.2 <= slept_s < 60
    said(place, f"{sys.executable} -c 'import os; os.kill(os.getpid(), 9)'")
    faults.cure(place, "vb001", "heal")
    assert abs(time.time() - float(said(place, ask).split()[0])) < 600
    shift.forget(place.board("vb001"))
    assert not any(file.exists() for file in shift.shared(place.board("vb001")))
    assert not list(shift.SHARED.glob("*faketime*")), "what the library makes where nobody made it a name"


def test_another_host_key_is_refused_with_both_fingerprints_until_it_is_undone(place: Places, tmp_path: Path) -> None:
    here = place.board("vb001")
    faults.strike(place, "vb001", "host-key-changed")
    with pytest.raises(HostKeyChanged) as refused:
        channel_to(place, tmp_path / "home").close()
    assert fingerprint(here.host_key) in str(refused.value)
    assert fingerprint(here.other_key) in str(refused.value)
    faults.cure(place, "vb001", "heal")
    channel_to(place, tmp_path / "home").close()


def test_the_faults_of_the_ssh_server_stand_side_by_side_and_outlive_a_boot(place: Places) -> None:
    faults.strike(place, "vb001", "slow-shell", "0.5")
    faults.strike(place, "vb001", "wrong-clock", "+1000d")
    faults.strike(place, "vb001", "power-off")
    faults.cure(place, "vb001", "power-on")
    begin = time.monotonic()
    home, year, mark = said(place, "echo $HOME; date +%Y; echo $FARM_LAB").split()
    assert time.monotonic() - begin > 0.5
    assert (home, mark) == (str(place.board("vb001").home), str(place.board("vb001").root))
    assert int(year) >= time.gmtime().tm_year + 2
    faults.cure(place, "vb001", "heal")
    assert list(place.board("vb001").home.iterdir()) == []


@pytest.mark.parametrize("fault", ["sensor-gone", "sensor-garbage"])
@pytest.mark.parametrize("argument", [None, ZONE])
def test_a_sensor_that_is_gone_or_talks_nonsense_leaves_a_reason_and_comes_back(
    place: Places, fault: str, argument: str | None
) -> None:
    sysroot = place.board("vb001").sysroot
    before = (sysroot / ZONE).stat().st_ino
    faults.strike(place, "vb001", fault, argument)
    facts: dict[str, object] = {}
    beside.look(facts, Sysfs(str(sysroot)), [0], "start")
    assert facts["temp_mc_start"] is None
    assert facts["temp_mc_start_reason"] == beside.NO_ZONE
    faults.cure(place, "vb001", "heal")
    assert (sysroot / ZONE).stat().st_ino == before
    assert (sysroot / ZONE).read_text().strip().isdigit()


def test_a_sensor_that_talks_nonsense_cannot_be_taken_away_too_and_is_its_old_self_afterwards(place: Places) -> None:
    zone = place.board("vb001").sysroot / ZONE
    before = zone.stat().st_ino
    faults.strike(place, "vb001", "sensor-garbage")
    with pytest.raises(
        LabError, match="its sensors have sensor-garbage already; undo it first: farm lab break vb001 heal"
    ):
        faults.strike(place, "vb001", "sensor-gone", ZONE)
    faults.cure(place, "vb001", "heal")
    assert zone.stat().st_ino == before


def test_a_stolen_knob_is_given_back_unless_somebody_has_put_it_right(place: Places) -> None:
    knob = place.board("vb001").sysroot / LIMIT
    faults.strike(place, "vb001", "knob-stolen")
    assert knob.read_text().strip() == "1200000"
    faults.cure(place, "vb001", "heal")
    assert knob.read_text().strip() == "1800000"
    faults.strike(place, "vb001", "knob-stolen", "600000")
    knob.write_text("1500000\n")
    faults.cure(place, "vb001", "heal")
    assert knob.read_text().strip() == "1500000"
    knob.write_text("1800000\n")


def test_foreign_load_is_one_process_on_the_cpu_of_the_board_and_ends_with_the_fault(place: Places) -> None:
    board, here = known(place).boards[0], place.board("vb001")
    faults.strike(place, "vb001", "foreign-load")
    (busy,) = work.foreign(here)
    wait_for(lambda: os.sched_getaffinity(busy.pid) == {board.cpu}, "the board's CPU")
    assert words(busy)[-2:] == [str(here.root), str(board.cpu)]
    faults.cure(place, "vb001", "heal")
    assert work.foreign(here) == []


def test_for_undoes_the_fault_even_if_the_command_is_killed(place: Places) -> None:
    command = [sys.executable, "-m", "farm_orchestrator.cli", "lab", "break", "vb001", "link-cut", "--for", "2"]
    with subprocess.Popen([*command, "--dir", str(place.root)], start_new_session=True) as process:
        wait_for(lambda: bool(route(place)["frozen"]), "the cut")
        os.killpg(process.pid, signal.SIGKILL)
    wait_for(lambda: not route(place)["frozen"], "the end of the cut")
    wait_for(lambda: journal.standing(place) == (), "the end in the journal")
    start, end = journal.lines(place)[-2:]
    assert end["t_ns"] - start["t_ns"] >= 2_000_000_000


def test_the_time_of_a_fault_that_was_healed_ends_no_later_one(place: Places) -> None:
    first = faults.strike(place, "vb001", "link-cut", for_s=600.0)
    faults.cure(place, "vb001", "heal")
    assert [line for line in leftovers(place.root) if str(first.began_ns) in line] == []
    second = faults.strike(place, "vb001", "link-cut")
    faults.expire(place, "vb001", first.began_ns)
    assert [fault.began_ns for fault in journal.standing(place)] == [second.began_ns]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("vb009", "link-cut"), "has no board 'vb009'; its boards: vb001, vb002"),
        (("vb001", "earthquake"), "there is no fault 'earthquake'; there are power-off, link-cut, "),
        (("vb001", "link-cut", "5"), "'5': nothing follows the name of this fault"),
        (("vb001", "delay", "soon"), "'soon': a number of ms, there and back above 0 was expected"),
        (("vb001", "slow-link", "-1"), "a number of Mbit/s above 0"),
        (("vb001", "packet-loss", "101"), "a number of percent above 0 was expected, at most 100"),
        (("vb001", "wrong-clock", "yesterday"), "a shift of the clock is written as +1000d"),
        (("vb001", "undervoltage", "low"), "bits of get_throttled are written as 50005"),
        (("vb001", "sensor-gone", "sys/../../state.json"), "its tree has no file sys/../../state.json"),
        (("vb001", "reset", "--for", "3"), "reset is over at once; leave out --for"),
        (("vb001", "link-cut", "--for", "nan"), "a number of seconds above 0 was expected"),
        (("vb001", "power-on"), "vb001 has no power-off that power-on could undo"),
        (("vb001", "heal", "--for", "3"), "heal undoes what there is; nothing follows it"),
    ],
)
def test_what_cannot_be_done_is_exit_2_and_changes_nothing(
    place: Places, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], text: str
) -> None:
    assert call(["lab", "break", *arguments, "--dir", str(place.root)]) == 2
    assert text in " ".join(capsys.readouterr().err.split())
    assert journal.standing(place) == ()


def test_a_fault_twice_is_refused_and_heal_of_nothing_is_none(
    place: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ("--dir", str(place.root))
    assert call(["lab", "break", "vb001", "knob-stolen", *here]) == 0
    assert call(["lab", "break", "vb001", "knob-stolen", *here]) == 2
    assert "vb001 has knob-stolen already; undo it first: farm lab break vb001 heal" in capsys.readouterr().err
    assert call(["lab", "status", "--json", *here]) == 0
    assert [board["faults"] for board in json.loads(capsys.readouterr().out)["boards"]] == [["knob-stolen"], []]
    assert call(["lab", "break", "vb001", "heal", *here]) == 0
    assert "vb001: knob-stolen undone." in capsys.readouterr().err
    assert call(["lab", "break", "vb001", "heal", *here]) == 0
    assert "vb001 had no fault." in capsys.readouterr().err


def test_without_a_launch_no_runner_and_no_agent_can_be_hit(place: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PATIENCE_S", 0.1)
    for fault in ("runner-killed", "agent-stuck"):
        with pytest.raises(LabError, match="break it while a run measures on it"):
            faults.strike(place, "vb001", fault)


def test_without_libfaketime_the_message_says_what_to_install(place: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift, "FOLDERS", ("/nowhere",))
    with pytest.raises(LabError, match="apt-get install faketime"):
        faults.strike(place, "vb001", "wrong-clock")


def test_a_lab_that_is_down_is_named_and_none_is_made(where: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["lab", "break", "vb001", "link-cut", "--dir", str(where.root)]) == 2
    assert f"there is no lab in {where.root}; start one: farm lab up" in capsys.readouterr().err
    assert not where.root.exists()


def test_a_plain_lab_says_what_it_lacks_and_down_leaves_nothing_of_all_its_faults(where: Places) -> None:
    lab.up(where, 1, options())
    for fault, lack in (
        ("link-cut", "farm lab up --proxy"),
        ("disk-full", "--disk"),
        ("undervoltage", "--profile pi4"),
    ):
        with pytest.raises(LabError, match=lack):
            faults.strike(where, "vb001", fault)
    for fault in ("foreign-load", "sensor-gone", "knob-stolen", "slow-shell", "host-key-changed", "power-off"):
        faults.strike(where, "vb001", fault, for_s=600.0)
    assert len(journal.standing(where)) == 6
    assert lab.down(where)
    assert leftovers(where.root) == []
    assert not where.root.exists()
