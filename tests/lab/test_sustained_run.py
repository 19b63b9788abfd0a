"""`farm boards soak` on a virtual board whose heat is known: the clock that it finds is the one of the closed form."""

import json
from pathlib import Path

import pytest

from farm_lab import lab
from farm_lab.places import Places
from lab_support import options
from run_support import DIGITS, QUICK, Desk


@pytest.mark.long
def test_the_clock_that_the_heat_leaves_is_found_and_held(where: Places, tmp_path: Path) -> None:
    """2400 MHz would end at 85 °C and the trip is at 60; 1800 MHz ends at 59.9."""
    lab.up(where, 1, options(physics=True, load="synthetic", time_scale=20.0, exact=True))
    desk = Desk(tmp_path)
    said = desk.farm(
        "boards", "soak", "vb001", "--for", "4s", "--variant", DIGITS / "int8.onnx", "--inventory", where.inventory
    )
    assert (said.code, said.out) == (0, "vb001: 1800000 kHz, provisional\n"), said.err
    assert "vb001 at 2400 MHz: held back after" in said.err
    assert "vb001 at 1800 MHz: kept" in said.err
    kept = json.loads((desk.state / "sustained" / "vb001.json").read_text())
    assert [(one["khz"], one["kept"]) for one in kept["tried"]] == [(2_400_000, False), (1_800_000, True)]
    run = desk.farm("run", DIGITS / "int8.onnx", *QUICK, "--pin", "sustained", "--inventory", where.inventory, "--json")
    assert run.code == 0, run.err
    assert run.results["boards"][0]["pin"]["wanted"] == "1800000"
    assert {cell["point"]["pin"] for cell in run.results["cells"]} == {"1800000"}


def test_a_board_whose_clocks_nobody_may_hold_says_so_at_once(where: Places, tmp_path: Path) -> None:
    lab.up(where, 1, options(load="synthetic", profile="stock"))
    said = Desk(tmp_path).farm("boards", "soak", "vb001", "--inventory", where.inventory)
    assert (said.code, said.out) == (4, "")
    assert "vb001: this account may not write" in said.err
