"""Virtual boards come up, are reached by plain ssh, and leave nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farm_lab import lab, level, state
from farm_lab.places import LabError, Places, check
from farm_lab.processes import seen
from farm_orchestrator import config
from farm_orchestrator.cli import call
from farm_orchestrator.transport import open_channel, resolve
from lab_support import LEVELS, at, inventory, leftovers, options, ssh, wait_for

FARM = [sys.executable, "-m", "farm_orchestrator.cli"]


@pytest.mark.parametrize("depth", LEVELS)
def test_each_board_answers_plain_ssh_with_the_written_key_and_known_hosts(where: Places, depth: int) -> None:
    known = lab.up(where, 3, options(level=depth))
    for board in known.boards:
        done = ssh(where, known, board.name, "hostname; cat; echo $FARM_LAB", stdin="in and out\n")
        assert done.returncode == 0, done.stderr
        host, *rest = done.stdout.splitlines()
        assert rest == ["in and out", str(where.board(board.name).root)]
        assert (host == board.name) == (depth == 1)


@pytest.mark.parametrize("depth", LEVELS)
def test_after_down_no_process_no_mount_and_no_file_is_left(where: Places, depth: int) -> None:
    known = lab.up(where, 2, options(level=depth, proxy=True))
    ssh(where, known, "vb001", "sleep 600 >/dev/null 2>&1 & sh -c 'trap \"\" TERM; sleep 601' >/dev/null 2>&1 &")
    assert len(leftovers(where.root)) > 2
    assert lab.down(where)
    assert leftovers(where.root) == []
    assert str(where.root) not in Path("/proc/mounts").read_text()
    assert not where.root.exists()
    assert not lab.down(where)


def test_every_board_has_its_own_key_port_base_and_cpu(where: Places) -> None:
    found = inventory_after_up(where, 4)
    assert list(found) == ["vb001", "vb002", "vb003", "vb004"]
    for field in ("port", "fingerprint", "base", "python", "sysroot"):
        assert len({board[field] for board in found.values()}) == 4
    cpus = sorted(os.sched_getaffinity(0))
    assert [board["cpus"] for board in found.values()] == [str(cpus[i % len(cpus)]) for i in range(4)]
    assert all(board["lab"] and board["interference"] == "note" for board in found.values())


def inventory_after_up(where: Places, count: int) -> dict[str, dict[str, object]]:
    lab.up(where, count, options())
    return inventory(where)


def test_the_farm_itself_reads_the_inventory_and_connects(where: Places, tmp_path: Path) -> None:
    lab.up(where, 1, options())
    settings = config.load(cwd=tmp_path, env={}, inventory=where.inventory)
    (board,) = config.boards(settings)
    channel = open_channel(resolve(board.to_json()), settings.home)
    try:
        done = channel.exec([board.python, "-I", "-"], stdin=b"import sys; print(sys.executable)")
    finally:
        channel.close()
    assert (done.rc, done.out.decode().strip()) == (0, sys.executable)


def test_the_files_of_a_lab_are_for_its_user_alone(where: Places) -> None:
    lab.up(where, 1, options())
    assert where.root.stat().st_mode & 0o077 == 0
    assert where.key.stat().st_mode & 0o077 == 0


def test_up_on_a_running_lab_changes_nothing_and_adds_what_is_missing(where: Places) -> None:
    first = lab.up(where, 2, options())
    assert lab.up(where, 2, options()) == first
    grown = lab.up(where, 3, options())
    assert grown.boards[:2] == first.boards
    assert lab.up(where, 1, options()) == grown


def test_a_board_that_died_comes_back_with_its_key_and_its_port(where: Places) -> None:
    first = lab.up(where, 2, options())
    before = inventory(where)
    os.kill(first.boards[0].process.pid, signal.SIGKILL)
    wait_for(lambda: not first.boards[0].process.alive, "the end of sshd")
    assert lab.status(where)[1] == {"vb001": False, "vb002": True}
    again = lab.up(where, 2, options())
    assert inventory(where) == before
    assert again.boards[1] == first.boards[1]
    assert ssh(where, again, "vb001", "true").returncode == 0


def test_two_labs_live_side_by_side(tmp_path: Path) -> None:
    one, two = at(tmp_path / "one"), at(tmp_path / "two")
    try:
        first, second = lab.up(one, 2, options()), lab.up(two, 2, options())
        assert not {b.port for b in first.boards} & {b.port for b in second.boards}
        lab.down(one)
        assert all(lab.status(two)[1].values())
        assert ssh(two, second, "vb002", "true").returncode == 0
    finally:
        lab.down(one)
        lab.down(two)


def test_an_up_that_was_killed_is_cleaned_by_the_next_up(where: Places, tmp_path: Path) -> None:
    command = [*FARM, "lab", "up", "-n", "30", "--level", "0", "--dir", str(where.root)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path) as process:
        wait_for(lambda: any(where.boards.glob("*/sshd.pid")), "the first board of a lab")
        process.kill()
    orphans = {int(file.read_text() or 0) for file in where.boards.glob("*/sshd.pid")} - {0}
    assert state.read(where) is None or not state.read(where).ready  # type: ignore[union-attr]  # None stands before
    known = lab.up(where, 1, options())
    assert orphans
    assert [pid for pid in orphans if seen(pid)] == [] or {b.process.pid for b in known.boards} >= {
        pid for pid in orphans if seen(pid)
    }
    lab.down(where)
    assert leftovers(where.root) == []


def test_a_torn_state_file_does_not_hide_what_runs(where: Places) -> None:
    known = lab.up(where, 2, options())
    where.state.write_text(where.state.read_text()[:100])
    assert state.read(where) is None
    again = lab.up(where, 1, options())
    assert not any(board.process.alive for board in known.boards)
    assert [board.name for board in again.boards] == ["vb001"]
    where.state.write_bytes(b"\0\0")
    lab.down(where)
    assert leftovers(where.root) == []


def test_an_up_after_a_torn_state_file_makes_boards_that_were_read_only_whole(where: Places) -> None:
    lab.up(where, 1, options(level=0))
    base = where.board("vb001").base
    base.chmod(0o500)
    where.state.write_text("")
    lab.up(where, 1, options(level=0))
    assert base.stat().st_mode & 0o200


def test_a_stranger_whose_command_line_names_the_lab_is_left_alone(where: Places) -> None:
    lab.up(where, 1, options())
    config_file = where.board("vb001").sshd_config
    words = [sys.executable, "-c", "import time; time.sleep(600)", "sshd", "-f", str(config_file)]
    with subprocess.Popen(words) as stranger:
        lab.down(where)
        assert stranger.poll() is None
        stranger.kill()


def test_a_recorded_pid_that_is_another_process_today_is_left_alone(where: Places) -> None:
    known = lab.up(where, 1, options())
    body = json.loads(where.state.read_text())
    body["boards"][0]["process"] = {"pid": os.getpid(), "start": 1}
    where.state.write_text(json.dumps(body))
    again = lab.up(where, 1, options())
    assert again.boards[0].process.pid != os.getpid()
    assert not known.boards[0].process.alive
    assert lab.down(where)


def test_other_options_are_refused_while_the_lab_runs(where: Places) -> None:
    lab.up(where, 1, options())
    with pytest.raises(LabError, match="runs with another load and seed; end it first: farm lab down"):
        lab.up(where, 1, options(load="synthetic", seed=2))


def test_two_commands_at_once_do_not_mix(where: Places) -> None:
    with state.alone(where), pytest.raises(LabError, match="another `farm lab` command is at work"):
        lab.up(where, 1, options())


@pytest.mark.parametrize("name", ["with space", "semi;colon", "$(x)", "ünï"])
def test_a_folder_that_could_not_be_handed_to_a_board_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="choose another folder with --dir"):
        check(tmp_path / name, proxy=False)


def test_a_level_that_does_not_exist_here_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LabError, match=r"level 1 does not work here: .*; use --level 0"):
        level.choose("1")
    assert level.choose("auto") == 0


def test_without_an_ssh_server_the_message_says_what_to_install(where: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm_lab.sshd.SBIN", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LabError, match="install the OpenSSH server"):
        lab.up(where, 1, options())


def test_the_commands_say_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FARM_HOME", raising=False)
    try:
        assert call(["lab", "status"]) == 0
        assert "There is no lab" in capsys.readouterr().err
        assert call(["lab", "up", "-n", "1", "--level", "0"]) == 0
        out = capsys.readouterr().out
        assert "farm boards probe --inventory .farm/lab/inventory.yaml" in out
        assert call(["lab", "up", "-n", "1", "--level", "0", "--load", "synthetic"]) == 2
        assert "farm lab down" in capsys.readouterr().err
        assert call(["lab", "status", "--json"]) == 0
        assert [b["up"] for b in json.loads(capsys.readouterr().out)["boards"]] == [True]
        assert call(["boards", "probe", "--json", "--inventory", ".farm/lab/inventory.yaml"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["model"] == "benchfarm virtual board vb001"
    finally:
        assert call(["lab", "down"]) == 0
    assert leftovers(tmp_path) == []
    assert (tmp_path / ".farm").stat().st_mode & 0o077 == 0
