"""farm-tune: what it writes, what it refuses, and that everything is given back however a connection ends."""

import json
import os
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

import pin_support as parts
from farm_agents import grants, tune
from pin_support import BOOT, COOLER, GOVERNOR, HIGH, LOW, POLICY, SLOW, STOCK, TO_SLOW, Peer, now, put


def give_back(root: Path, journal: Path) -> int:
    return subprocess.run(parts.command(root, journal, "restore"), capture_output=True, check=False).returncode


def test_what_was_set_reads_back_and_is_given_back_at_release(root: Path, journal: Path, peer: Peer) -> None:
    answer = peer.hold()
    assert answer["ok"]
    assert [(knob["orig"], knob["readback"]) for knob in answer["knobs"]] == [
        ("schedutil", "performance"), ("600000", "1000000"), ("2400000", "1000000"),
    ]  # fmt: skip
    assert now(root) == SLOW
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    rows = peer.ask("release")["knobs"]
    assert [row["restored"] for row in rows] == [True, True, True]
    assert now(root) == STOCK
    assert not journal.exists()


def test_the_connection_may_hold_one_lease_after_another(root: Path, peer: Peer) -> None:
    for _ in range(3):
        assert peer.hold()["ok"]
        assert now(root) == SLOW
        assert peer.ask("release")["ok"]
        assert now(root) == STOCK


def test_the_end_of_the_connection_gives_everything_back(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    peer.hang_up()
    assert peer.ends() == 0
    assert now(root) == STOCK
    assert not journal.exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_polite_signal_gives_everything_back(root: Path, peer: Peer, name: str) -> None:
    peer.hold()
    peer.process.send_signal(signal.Signals[name])
    assert peer.ends() == 128 + signal.Signals[name]
    assert now(root) == STOCK


def test_a_lease_that_runs_out_gives_everything_back(root: Path, peer: Peer) -> None:
    peer.hold(lease_s=0.2)
    assert peer.ends() == 0
    assert now(root) == STOCK


def test_what_a_killed_farm_tune_left_is_given_back_by_the_next(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    parts.forsake(journal, peer.process.pid)
    assert now(root) == SLOW
    assert give_back(root, journal) == 0
    assert now(root) == STOCK
    assert not journal.exists()


def test_whoever_comes_next_is_told_what_was_left(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    parts.forsake(journal, peer.process.pid)
    again = Peer(root, journal)
    try:
        left = again.ask("acquire", lease_s=60)["left"]
        assert {row["path"]: row["restored"] for row in left} == dict.fromkeys(STOCK, True)
        assert now(root) == STOCK
    finally:
        again.close()


def test_another_boot_has_forgotten_by_itself(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    parts.forsake(journal, peer.process.pid)
    put(root, BOOT, "boot-2")
    put(root, HIGH, "1800000")
    assert give_back(root, journal) == 0
    assert now(root) == {**SLOW, HIGH: "1800000"}
    assert not journal.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "farm.lease/1", "boot_id": "boot-1", "knobs": [1]}'])
def test_a_journal_that_cannot_be_read_stops_nobody(root: Path, journal: Path, text: str) -> None:
    journal.parent.mkdir()
    journal.write_text(text)
    assert give_back(root, journal) == 0
    assert now(root) == STOCK


def test_what_something_else_has_set_is_left_to_it(root: Path, peer: Peer) -> None:
    peer.hold()
    put(root, HIGH, "1800000")
    rows = {row["path"]: row for row in peer.ask("release")["knobs"]}
    assert rows[HIGH]["seen"] == "1800000"
    assert not rows[HIGH]["restored"]
    assert now(root) == {**STOCK, HIGH: "1800000"}


def test_a_limit_that_heat_lowered_is_nobody_elses_change(root: Path, peer: Peer) -> None:
    assert peer.ask("acquire", lease_s=60)["ok"]
    assert peer.ask("set", writes=[[HIGH, "1800000"]])["ok"]
    put(root, COOLER, "2")
    put(root, HIGH, "1500000")
    (row,) = peer.ask("release")["knobs"]
    assert row["restored"]
    assert "seen" not in row
    assert now(root) == STOCK


def test_a_limit_read_while_the_board_is_hot_is_not_the_one_to_give_back(root: Path, peer: Peer) -> None:
    put(root, COOLER, "2")
    put(root, HIGH, "1500000")
    knobs = {knob["path"]: knob for knob in peer.hold()["knobs"]}
    assert (knobs[HIGH]["orig"], knobs[HIGH]["orig_inferred"]) == ("2400000", True)
    peer.hang_up()
    peer.ends()
    assert now(root) == STOCK


def test_what_a_governor_was_tuned_to_comes_back_with_it(root: Path, peer: Peer) -> None:
    put(root, f"{POLICY}/schedutil/rate_limit_us", "500")
    peer.hold()
    put(root, f"{POLICY}/schedutil/rate_limit_us", "10000")  # as the kernel does when a governor takes over
    assert peer.ask("release")["ok"]
    assert (root / POLICY / "schedutil" / "rate_limit_us").read_text() == "500\n"


def test_what_a_governor_was_tuned_to_for_all_policies_comes_back_with_it(root: Path, peer: Peer) -> None:
    shared = f"{parts.CPUFREQ}/schedutil/up_threshold"
    put(root, shared, "50")
    peer.hold()
    put(root, shared, "95")
    assert peer.ask("release")["ok"]
    assert (root / shared).read_text() == "50\n"


def test_the_speed_that_somebody_had_set_comes_back_with_its_governor(root: Path, peer: Peer) -> None:
    put(root, GOVERNOR, "userspace")
    put(root, f"{POLICY}/scaling_setspeed", "1200000")
    peer.hold()
    put(root, f"{POLICY}/scaling_setspeed", "<unsupported>")
    assert peer.ask("release")["ok"]
    assert (root / GOVERNOR).read_text() == "userspace\n"
    assert (root / f"{POLICY}/scaling_setspeed").read_text() == "1200000\n"


def test_a_limit_that_tells_nonsense_keeps_nothing_from_the_others(root: Path, peer: Peer) -> None:
    peer.hold()
    put(root, HIGH, "²")
    rows = {row["path"]: row for row in peer.ask("release")["knobs"]}
    assert rows[HIGH]["seen"] == "²"
    assert rows[LOW]["restored"]
    assert rows[GOVERNOR]["restored"]


def test_a_knob_that_is_a_fifo_holds_nobody_up(root: Path, peer: Peer) -> None:
    peer.hold()
    (root / HIGH).unlink()
    os.mkfifo(root / HIGH)
    rows = {row["path"]: row for row in peer.ask("release")["knobs"]}
    assert not rows[HIGH]["restored"]
    assert rows[LOW]["restored"]
    assert rows[GOVERNOR]["restored"]


def test_a_policy_that_vanishes_keeps_nothing_from_the_others(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    (root / HIGH).unlink()
    rows = {row["path"]: row for row in peer.ask("release")["knobs"]}
    assert (rows[HIGH]["restored"], rows[HIGH]["error"]) == (False, "ENOENT")
    assert rows[LOW]["restored"]
    assert rows[GOVERNOR]["restored"]
    assert not journal.exists()


def test_two_cannot_hold_the_clocks_at_once(root: Path, journal: Path, peer: Peer) -> None:
    peer.hold()
    other = Peer(root, journal)
    try:
        answer = other.ask("acquire", lease_s=60)
        assert (answer["ok"], answer["reason"]) == (False, "another farm-tune holds the clocks of this board")
    finally:
        other.close()
    assert now(root) == SLOW


class Kernel(grants.Tree):
    """Files that behave as the kernel's: `stands_at` is what a knob reads back, whatever is written."""

    def __init__(self, root: Path, journal: Path, stands_at: dict[str, str]) -> None:
        super().__init__(str(root))
        self.journal = journal
        self.stands_at = stands_at
        self.journaled: list[list[str]] = []

    def write(self, name: str, value: str) -> None:
        self.journaled.append([knob["path"] for knob in json.loads(self.journal.read_text())["knobs"]])
        super().write(name, self.stands_at.get(name, value))


def test_every_knob_is_in_the_journal_before_the_first_is_written(root: Path, journal: Path) -> None:
    kernel = Kernel(root, journal, {})
    desk = tune.Desk(kernel, str(journal))
    desk.acquire({})
    desk.set({"writes": TO_SLOW})
    assert kernel.journaled == [[GOVERNOR, LOW, HIGH]] * 3
    desk.leave()


def test_a_knob_that_reads_back_another_value_is_told_and_given_back(root: Path, journal: Path) -> None:
    desk = tune.Desk(Kernel(root, journal, {HIGH: "1500000"}), str(journal))
    desk.acquire({})
    knobs = {knob["path"]: knob for knob in desk.set({"writes": TO_SLOW})["knobs"]}
    assert (knobs[HIGH]["wanted"], knobs[HIGH]["readback"]) == ("1000000", "1500000")
    desk.tree = grants.Tree(str(root))
    assert all(row["restored"] for row in desk.leave())
    assert now(root) == STOCK


BAD_PATHS = [
    "etc/passwd", "/etc/passwd", "../etc/passwd", f"{POLICY}/../policy0/scaling_max_freq", f"/{HIGH}", f"{HIGH}\n", f"{HIGH}\0",
    f"{POLICY}/boost", f"{POLICY}/scaling_cur_freq", "sys/devices/system/cpu/cpu0/online",
    "sys/devices/system/cpu/cpufreq/policy/scaling_max_freq", "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq",
    "sys/devices/system/cpu/cpufreq/policy1/scaling_max_freq", "", None, 7, ["x"],
]  # fmt: skip
BAD_VALUES = [
    "", "0", "-1", "1000001", "2400000 ", "2400000\n1", "0x10", "1e6", "²", "9" * 40, "performance", 2_400_000, None, True,
]  # fmt: skip


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_is_no_knob_is_refused_untouched(root: Path, journal: Path, peer: Peer, path: Any) -> None:
    assert peer.ask("acquire", lease_s=60)["ok"]
    answer = peer.ask("set", writes=[[HIGH, "1000000"], [path, "1000000"]])
    assert not answer["ok"]
    assert answer["reason"]
    assert now(root) == STOCK
    assert not journal.exists()


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_value_that_the_board_does_not_list_is_refused_untouched(root: Path, peer: Peer, value: Any) -> None:
    assert peer.ask("acquire", lease_s=60)["ok"]
    assert not peer.ask("set", writes=[[LOW, "1000000"], [HIGH, value]])["ok"]
    assert not peer.ask("set", writes=[[GOVERNOR, "ondemand"]])["ok"]
    assert now(root) == STOCK


def test_a_knob_that_leads_elsewhere_is_refused(root: Path, tmp_path: Path, peer: Peer) -> None:
    (tmp_path / "victim").write_text("1800000\n")
    (root / HIGH).unlink()
    (root / HIGH).symlink_to(tmp_path / "victim")
    assert peer.ask("acquire", lease_s=60)["ok"]
    answer = peer.ask("set", writes=[[HIGH, "1000000"]])
    assert answer == {"ok": False, "reason": f"{HIGH} leads elsewhere"}
    assert (tmp_path / "victim").read_text() == "1800000\n"


@pytest.mark.parametrize(
    "line", [b"", b"x", b"[]", b"{}", b'{"verb": "exec"}', b'{"verb": []}', b'{"verb": "set"}', b'{"verb": "release"}',
             b'{"verb": "read"}', b'{"verb": "acquire", "lease_s": -1}', b'{"verb": "acquire", "lease_s": 1e9}',
             b'{"verb": "acquire", "lease_s": true}', b"\xff\xfe", b"[" * 5000]
)  # fmt: skip
def test_nonsense_is_answered_and_changes_nothing(root: Path, peer: Peer, line: bytes) -> None:
    assert not peer.say(line)["ok"]
    assert now(root) == STOCK
    assert peer.hold()["ok"]


def test_a_line_without_end_ends_the_connection(root: Path, peer: Peer) -> None:
    peer.hold()
    peer.line.sendall(b"x" * (tune.LINE_LIMIT + 1))
    assert peer.ends() == 0
    assert now(root) == STOCK


def test_only_knobs_can_be_read(root: Path, peer: Peer) -> None:
    assert peer.ask("read", paths=[HIGH])["values"] == [{"path": HIGH, "value": "2400000"}]
    assert not peer.ask("read", paths=["etc/machine-id"])["ok"]


def test_a_knob_that_nobody_may_write_is_closed_to_root_too(root: Path, peer: Peer) -> None:
    parts.close(root)
    assert [knob["error"] for knob in peer.hold()["knobs"]] == ["EACCES"] * 3
    assert all(row["restored"] for row in peer.ask("release")["knobs"])


@pytest.mark.parametrize("words", [["x"], ["restore", "x"], ["--root"], ["--shell", "x"]])
def test_other_arguments_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert tune.main(words) == 2
    assert "usage" in capsys.readouterr().err


def test_nobody_reads_a_knob_empty_while_it_is_set(root: Path) -> None:
    """The written file is never shorter than its new text; a reader of the inode sees whole lines only."""
    kernel, seen = grants.Tree(str(root)), set()
    fd = os.open(root / GOVERNOR, os.O_RDONLY)
    try:
        for value in ("performance", "schedutil", "userspace", "performance"):
            kernel.write(GOVERNOR, value)
            seen.add(os.pread(fd, 100, 0))
    finally:
        os.close(fd)
    assert seen == {b"performance\n", b"schedutil\n", b"userspace\n"}
