"""`farm run` gives a whole run on every kind of board that a mixed lab stands for."""

import json
import shutil
from pathlib import Path

from farm_lab import lab, profiles
from farm_lab.places import Places
from lab_support import LEVELS, options
from run_support import DIGITS, QUICK, Desk

BOARDS = profiles.MIXED[:6]


def test_a_run_over_a_mixed_lab_is_whole_on_every_board(where: Places, tmp_path: Path) -> None:
    known = lab.up(where, len(BOARDS), options(load="synthetic", profile=profiles.MIX, level=LEVELS[-1]))
    assert [board.profile for board in known.boards] == ["pi4", "pi5", "orin-nano", "rock5b", "n100", "bb-ai64"]
    where.truth.write_text(json.dumps({"ms": {"base": 2.0, "slower": 2.4}, "sleep_s": 0.01, "launch_sd": 0.002}))
    models = [tmp_path / "base.onnx", tmp_path / "slower.onnx"]
    for model in models:
        shutil.copyfile(DIGITS / "int8.onnx", model)
    said = Desk(tmp_path).farm("run", *models, "--inventory", where.inventory, *QUICK, "--json")
    assert said.code == 0, said.err
    cells = {(cell["board"], cell["variant"]): cell for cell in said.results["cells"]}
    assert len(cells) == 2 * len(BOARDS)
    assert {cell["state"] for cell in cells.values()} == {"measured"}
    told = {board["model"]: board["capabilities"]["clocks"] for board in said.results["boards"]}
    assert len(told) == len(BOARDS)
    assert {model: clocks["reason"] for model, clocks in told.items() if not clocks["ok"]} == {
        "BeagleBoard.org BeagleBone AI-64": "no cpufreq policy tells a clock"
    }
