"""A virtual board whose firmware tells of too low a voltage: its part ends, and every place says what mends it."""

import shutil
from pathlib import Path

from farm_lab import faults, lab
from farm_lab.places import Places
from lab_support import options
from run_support import DIGITS, QUICK, Desk

SEEN = "get_throttled 0x50005 before, 0x50005 after the slot"


def test_a_run_gives_up_the_starved_board_and_says_what_mends_it(where: Places, tmp_path: Path) -> None:
    models = [Path(shutil.copyfile(DIGITS / "int8.onnx", tmp_path / f"{name}.onnx")) for name in ("base", "other")]
    lab.up(where, 1, options(profile="pi4"))
    faults.strike(where, "vb001", "undervoltage")
    desk = Desk(tmp_path)
    said = desk.farm("run", *models, "--inventory", where.inventory, *QUICK, "--json")
    assert said.code == 4, said.err
    reason = said.results["cells"][0]["reason"]
    assert reason.startswith("the supply voltage was too low in 2 blocks in a row; the last time ")
    assert reason.endswith(f"{SEEN}; a stronger power supply and a shorter cable mend that")
    assert {(cell["state"], cell["reason"]) for cell in said.results["cells"]} == {("not_run", reason)}
    assert said.results["boards"][0]["reason"] == reason
    assert reason in said.results["sentence"]
    assert all(reason in (desk.runs()[0] / name).read_text() for name in ("report.html", "junit.xml"))
    timed = [row for row in desk.launches() if row["phase"] >= 2]
    assert sum(row["dropped"] == "UNDERVOLT" for row in timed) == 2
    assert {row["dropped"] for row in timed if row["state"] == "done"} == {"UNDERVOLT", "block_lost"}
    assert {row["state"] for row in timed} == {"done", "skipped"}
