"""`farm run --pin`: a virtual board's clocks are held for each launch, and stand as before when it is over."""

import json
import shutil
from pathlib import Path

import pytest

from farm_lab import lab
from farm_lab.places import Places
from lab_support import inventory, options
from pin_support import KNOBS, close
from run_support import DIGITS, QUICK, Desk

PAIR = (DIGITS / "fp32.onnx", DIGITS / "int8.onnx")


def pinned(where: Places, tmp_path: Path) -> "list[str | Path]":
    """A command whose launches take no time."""
    where.truth.write_text(json.dumps({"ms": {"base": 2.0, "slower": 2.4}, "sleep_s": 0.01, "launch_sd": 0.002}))
    models = [tmp_path / "base.onnx", tmp_path / "slower.onnx"]
    for model in models:
        shutil.copyfile(DIGITS / "int8.onnx", model)
    return ["run", *models, "--inventory", where.inventory, *QUICK, "--pin", "max", "--json"]


def test_a_pinned_run_says_which_boards_held_their_clock(where: Places, tmp_path: Path) -> None:
    lab.up(where, 2, options(load="synthetic"))
    roots = {name: Path(fields["sysroot"]) for name, fields in inventory(where).items()}
    close(roots["vb002"])
    before = {name: [(root / knob).read_text() for knob in KNOBS] for name, root in roots.items()}
    said = Desk(tmp_path).farm(*pinned(where, tmp_path))
    assert said.code == 0, said.err
    assert {board["name"]: board["pin"] for board in said.results["boards"]} == {
        "vb001": {"wanted": "max", "held": True, "reason": None},
        "vb002": {"wanted": "max", "held": False, "reason": "EACCES scaling_governor of policy0"},
    }
    assert {cell["point"]["pin"] for cell in said.results["cells"]} == {"max"}
    assert {name: [(root / knob).read_text() for knob in KNOBS] for name, root in roots.items()} == before


@pytest.mark.parametrize("pin", ["sustainable", "sweep:", "sweep:fast", "1800", "1.8GHz", "01800000", ""])
def test_another_pin_is_refused_before_anything_starts(tmp_path: Path, pin: str) -> None:
    desk = Desk(tmp_path)
    said = desk.farm("run", *PAIR, "--pin", pin, "--dry-run")
    assert (said.code, said.out) == (2, "")
    assert f"{pin!r} is none of max, stock, sustained, sweep and a clock in kHz; write 1800 MHz as 1800000" in " ".join(
        said.err.split()
    )
    assert not desk.state.exists()
