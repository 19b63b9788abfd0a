"""What `farm run` makes of boards that break while it measures."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from farm_lab import faults, lab
from farm_lab.places import Places
from lab_support import options
from run_support import DIGITS, Desk, heard, wait_for

TRUTH = {"ms": {"base": 2.0, "other": 2.2}, "sleep_s": 0.25}


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    return [Path(shutil.copyfile(DIGITS / "int8.onnx", tmp_path / f"{name}.onnx")) for name in TRUTH["ms"]]  # type: ignore[attr-defined]  # a dict of dicts


def lost(desk: Desk) -> list[str]:
    return [row["outcome"] for row in desk.launches() if row["state"] == "lost"]


def timed(desk: Desk) -> int:
    return sum(row["state"] == "done" and row["phase"] >= 2 for row in desk.launches())


def progress(desk: Desk) -> Callable[[], bool]:
    """One more timed launch is done than now."""
    before = timed(desk)
    return lambda: timed(desk) > before


def test_a_run_outlives_resets_cuts_a_loss_of_power_a_stuck_agent_and_a_killed_runner(
    where: Places, tmp_path: Path, models: list[Path]
) -> None:
    lab.up(where, 1, options(load="synthetic", proxy=True))
    where.truth.write_text(json.dumps(TRUTH))
    desk = Desk(tmp_path)
    command: tuple[str | Path, ...] = (
        "run",
        *models,
        "--inventory",
        where.inventory,
        "--preset",
        "quick",
        "--max-blocks",
        "16",
        "--json",
    )

    def after(fault: str, told: list[str], for_s: float | None = None) -> None:
        wait_for(progress(desk), f"a launch before {fault}", within_s=90.0)
        before = lost(desk)
        faults.strike(where, "vb001", fault, for_s=for_s)
        wait_for(lambda: lost(desk) == before + told, f"{told} of {fault}, after {before}")
        wait_for(progress(desk), f"a launch after {fault}", within_s=90.0)
        assert lost(desk) == before + told

    with desk.start(*command) as run:
        try:
            after("reset", ["link_lost"])
            after("link-cut", [], for_s=1.0)
            after("power-off", ["rebooted"], for_s=2.0)
            after("agent-stuck", ["link_lost"])
            faults.strike(where, "vb001", "runner-killed")
            said = heard(run)
        finally:
            run.kill()
    failed = [row for row in desk.launches() if row["state"] == "failed"]
    assert {row["outcome"] for row in failed} == {"CRASH(SIGKILL)"}, said.err
    assert failed[0]["variant"] in {cell["variant"] for cell in said.results["cells"] if cell["state"] == "failed"}


def test_a_slow_far_off_board_with_a_slow_shell_and_no_sensor_is_measured(
    where: Places, tmp_path: Path, models: list[Path]
) -> None:
    lab.up(where, 1, options(load="synthetic", proxy=True))
    where.truth.write_text(json.dumps({**TRUTH, "sleep_s": 0.05}))
    for fault in ("delay", "slow-link", "slow-shell", "sensor-gone"):
        faults.strike(where, "vb001", fault)
    desk = Desk(tmp_path)
    said = desk.farm("run", *models, "--inventory", where.inventory, "--preset", "quick", "--max-blocks", "8", "--json")
    assert said.code == 0, said.err
    assert {cell["variant"]: cell["state"] for cell in said.results["cells"]} == {
        "base": "measured",
        "other": "measured",
    }
    assert lost(desk) == []
    assert all(0 < row["t1"] - row["t0"] < 3600 for row in desk.launches() if row["state"] == "done")
