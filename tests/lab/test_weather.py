"""The physics of a running lab: boards heat and slow down, sensors move, and nothing stays stopped."""

import json
import os
import signal
import time
from pathlib import Path
from statistics import fmean

import pytest

from farm_lab import background, lab, quota, tree, usage
from farm_lab.places import Places
from farm_lab.processes import Process, seen
from farm_orchestrator.cli import call
from lab_support import LEVELS, at, leftovers, options, spinning, ssh, wait_for

SLOT_S = 6.0
JOB = {
    "msg": "job", "launch": "7.1", "kind": "measure", "point": {"provider": "CPUExecutionProvider"}, "deadline_s": 60.0,
    "recipe": {"warmup_s": 0.0, "slot_s": SLOT_S, "slot_cap_s": SLOT_S, "min_iterations": 1},
    "model": {"name": "fp32", "bytes": 1_000_000}, "feeds": {"rows": None},
}  # fmt: skip
POLICY = tree.POLICY
WAYS = ["stops", *(["quota"] if quota.ground() else [])]


def stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def weather_of(where: Places) -> Process:
    """The physics process; the other one of its kind is its guard."""
    found = background.running("weather", where.root)
    pids = {process.pid for process in found}
    return next(process for process in found if int(stat(process.pid)[1]) not in pids)


def slow(where: Places) -> None:
    """A quarter of the highest clock."""
    (where.board("vb001").sysroot / POLICY / "scaling_governor").write_text("powersave\n")


@pytest.mark.parametrize("depth", LEVELS)
def test_a_fanless_board_heats_trips_and_slows_by_the_known_factors(where: Places, depth: int) -> None:
    hot = options(physics=True, load="synthetic", profile="fanless", time_scale=60.0, exact=True, level=depth)
    known = lab.up(where, 1, hot)
    truth = {**json.loads(where.truth.read_text()), "sd": 0.0, "launch_sd": 0.0, "board_sd": 0.0}
    where.truth.write_text(json.dumps(truth))
    done = ssh(where, known, "vb001", f"{where.board('vb001').runner} runner", stdin=json.dumps(JOB) + "\n")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    times = [ns / 20e6 for line in lines if line["msg"] == "samples" for ns in line["latency_ns"]]
    factors = {round(tree.FREQS_KHZ[-1] / khz, 4) for khz in tree.FREQS_KHZ}
    assert {round(ratio, 4) for ratio in times} <= factors
    assert min(times) < 1.4
    assert fmean(times[-len(times) // 4 :]) > 1.3
    facts = lines[-1]["facts"]
    assert facts["cooling_state_max"] > 0
    assert facts["temp_mc_end"] > 50_000
    assert round(facts["canary_clock_after_ns"] / 50_000, 4) in factors
    assert facts["freq_transitions"] > 0
    assert facts["governor"] == "schedutil"


@pytest.mark.parametrize("way", WAYS)
def test_a_runner_gets_the_share_of_the_time_that_its_clock_is_of_the_highest(where: Places, way: str) -> None:
    known = lab.up(where, 1, options(physics=True, slow_down=way))
    with spinning(where, known) as pid:
        slow(where)
        shares: list[float] = []

        def braked() -> bool:
            begin, before = time.monotonic(), usage.had_ns(pid)[0]
            time.sleep(1.0)
            shares.append((usage.had_ns(pid)[0] - before) / 1e9 / (time.monotonic() - begin))
            return 0.1 < shares[-1] < 0.4

        wait_for(braked, f"a quarter of the time: {shares}")
        assert lab.weather(where, known)["vb001"]["slowed_by"] == way


def slowed(where: Places, pid: int, way: str) -> bool:
    """Stopped at this moment, or in the group of its board."""
    if way == "stops":
        return stat(pid)[0] == "T"
    here = quota.ground()
    assert here is not None
    group = here.group(where.root, "vb001") / quota.PROCESSES
    return group.exists() and str(pid) in group.read_text().split()


@pytest.mark.parametrize("way", WAYS)
def test_when_the_physics_is_killed_nothing_stays_stopped(where: Places, way: str) -> None:
    known = lab.up(where, 1, options(physics=True, slow_down=way))
    with spinning(where, known) as pid:
        slow(where)
        wait_for(lambda: slowed(where, pid, way), "a stop")
        os.kill(weather_of(where).pid, signal.SIGKILL)
        wait_for(lambda: not background.running("weather", where.root), "the end of the guard")
        assert not slowed(where, pid, way)
        assert stat(pid)[0] != "T"


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_a_lab_lets_go_of_what_it_held_and_leaves_nothing(where: Places, way: str) -> None:
    known = lab.up(where, 2, options(physics=True, slow_down=way))
    with spinning(where, known) as pid:
        slow(where)
        wait_for(lambda: slowed(where, pid, way), "a stop")
        process = seen(pid)
        os.kill(weather_of(where).pid, signal.SIGTERM)
        wait_for(lambda: not background.running("weather", where.root), "the end of the physics")
        assert process is not None
        assert not slowed(where, pid, way)
        assert stat(pid)[0] != "T"
    assert lab.up(where, 2, options(physics=True, slow_down=way)).ready
    assert len(background.running("weather", where.root)) == 2
    lab.down(where)
    assert leftovers(where.root) == []


def test_a_board_that_came_back_has_sensors_that_move(where: Places) -> None:
    known = lab.up(where, 1, options(physics=True, time_scale=100.0))
    zone = where.board("vb001").sysroot / tree.ZONE / "temp"
    wait_for(lambda: int(zone.read_text()) < 38_000, "a board that cools")
    os.kill(known.boards[0].process.pid, signal.SIGKILL)
    wait_for(lambda: not known.boards[0].process.alive, "its end")
    lab.up(where, 1, options(physics=True, time_scale=100.0))
    wait_for(lambda: int(zone.read_text()) < 38_000, "one that still does")


def test_what_a_kernel_would_have_refused_is_in_the_boards_journal(where: Places) -> None:
    lab.up(where, 1, options(physics=True))
    here = where.board("vb001")
    (here.sysroot / POLICY / "scaling_governor").write_text("turbo\n")
    wait_for(lambda: here.journal.exists() and here.journal.read_text().endswith("\n"), "a line of the journal")
    line = json.loads(here.journal.read_text())
    assert (line["event"], line["wrote"], line["kept"]) == ("would_be_EINVAL", "turbo", "schedutil")
    wait_for(lambda: (here.sysroot / POLICY / "scaling_governor").read_text() == "schedutil\n", "the old governor")


def test_without_physics_nothing_runs_and_nothing_moves(where: Places) -> None:
    known = lab.up(where, 1, options())
    assert background.running("weather", where.root) == []
    assert lab.weather(where, known) == {}


def test_the_commands_say_clock_and_temperature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    place = at(tmp_path)
    folder = ["--dir", str(place.root)]
    try:
        assert call(["lab", "up", "-n", "1", "--level", "0", "--cores", "1", *folder]) == 2
        assert "--physics" in capsys.readouterr().err
        assert call(["lab", "up", "-n", "1", "--level", "0", "--critical", *folder]) == 2
        assert "--critical is about the physics" in capsys.readouterr().err
        heat = ["--physics", "--exact", "--time-scale", "2", "--drift", "1", "--critical", "--slow-down", "stops"]
        assert call(["lab", "up", "-n", "1", "--level", "0", *heat, *folder]) == 0
        capsys.readouterr()
        assert call(["lab", "status", *folder]) == 0
        out = capsys.readouterr().out
        assert " MHz" in out
        assert " °C  slowed by stops" in out
        assert call(["lab", "status", "--json", *folder]) == 0
        assert 30.0 < json.loads(capsys.readouterr().out)["boards"][0]["weather"]["t_c"] < 50.0
    finally:
        call(["lab", "down", *folder])
