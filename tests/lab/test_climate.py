"""Faults that the physics makes true: heat, a clock that lies, a board too hot to go on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_lab import climate, faults, journal, lab, state, tree
from farm_lab.places import LabError, Places
from lab_support import at, leftovers, options, spinning, wait_for

BOUND_S = 30.0  # from the start that the journal tells; the physics looks ten times a second


@pytest.fixture(scope="module")
def heated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Two boards whose heat goes sixty times as fast; the second one is like a Raspberry Pi 5, which has a fan."""
    place = at(tmp_path_factory.mktemp("heated"))
    lab.up(place, 2, options(physics=True, load="synthetic", exact=True, time_scale=60.0, profile="mix"))
    yield place
    lab.down(place)
    assert leftovers(place.root) == []


def sky(place: Places, name: str) -> dict[str, float]:
    known = state.read(place)
    assert known is not None
    return lab.weather(place, known).get(name, {})


def seen_in_time(place: Places) -> bool:
    return time.monotonic_ns() - int(journal.lines(place)[-1]["t_ns"]) < BOUND_S * 1e9


def test_heat_warms_a_board_until_its_clock_goes_down_and_healed_it_comes_back(heated: Places) -> None:
    fans = sorted(heated.board("vb002").sysroot.glob(climate.FANS))
    (fans[0]).write_text("3000\n")
    before = sky(heated, "vb002")["t_c"]
    faults.strike(heated, "vb002", "heat")
    assert [fan.read_text() for fan in fans] == ["0\n"]
    wait_for(lambda: sky(heated, "vb002").get("t_c", 0) > before + 15, "a board that heats")
    assert seen_in_time(heated)
    faults.cure(heated, "vb002", "heal")
    assert fans[0].read_text() == "3000\n"
    wait_for(lambda: sky(heated, "vb002").get("t_c", 99) < before + 2, "a board that has cooled")


def test_a_clock_that_lies_shows_the_old_one_and_runs_slower(heated: Places) -> None:
    shown = heated.board("vb001").sysroot / tree.POLICY / "scaling_cur_freq"
    (shown.parent / "scaling_governor").write_text("performance\n")
    wait_for(lambda: sky(heated, "vb001").get("speed") == 1.0, "its highest clock")
    faults.strike(heated, "vb001", "clock-lie")
    wait_for(lambda: 0 < sky(heated, "vb001").get("speed", 0) < 1, "a slower one")
    assert seen_in_time(heated)
    highest = int((shown.parent / "cpuinfo_max_freq").read_text())
    held = journal.standing(heated)[0].kept["khz"]
    assert sky(heated, "vb001")["speed"] == pytest.approx(held / highest, abs=0.1)
    assert int(shown.read_text()) == highest
    faults.cure(heated, "vb001", "heal")
    wait_for(lambda: sky(heated, "vb001").get("speed") == 1.0, "its highest clock again")


def test_a_board_that_is_too_hot_switches_itself_off_cools_and_boots_again(where: Places) -> None:
    hot = options(physics=True, exact=True, critical=True, time_scale=60.0, profile="orin-nano", slow_down="stops")
    known = lab.up(where, 1, hot)
    faults.strike(where, "vb001", "heat")
    with spinning(where, known):
        wait_for(lambda: "power-off" in [one.fault for one in journal.standing(where)], "the end of its power")
    off = journal.lines(where)[-1]
    assert (off["board"], off["fault"]) == ("vb001", "power-off")
    assert seen_in_time(where)
    wait_for(lambda: lab.status(where)[1] == {"vb001": False}, "a board that is off")
    wait_for(lambda: sky(where, "vb001")["t_c"] < 60, "a board that cools without power, below what it has idle")
    faults.cure(where, "vb001", "heal")
    assert lab.status(where)[1] == {"vb001": True}
    wait_for(lambda: 45 < sky(where, "vb001").get("t_c", 0) < 52, "what it has idle in a cool room")


@pytest.mark.parametrize("fault", sorted(climate.FAULTS))
def test_without_physics_there_is_no_heat_and_no_clock_to_lie(where: Places, fault: str) -> None:
    lab.up(where, 1, options())
    with pytest.raises(LabError, match="farm lab up --physics"):
        faults.strike(where, "vb001", fault)
    assert journal.standing(where) == ()


def test_faults_of_the_climate_that_are_not_whole_are_none(tmp_path: Path) -> None:
    board = at(tmp_path).board("vb001")
    assert climate.standing(board) == {}
    board.root.mkdir(parents=True)
    board.climate.write_text('{"heat"')
    assert climate.standing(board) == {}
