"""What `farm run` makes of boards that break while it measures."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from farm_lab import faults, journal, lab, tree
from farm_lab.places import Places
from lab_support import options
from run_support import DIGITS, QUICK, Desk, heard, wait_for

TRUTH = {"ms": {"base": 2.0, "other": 2.2}, "sleep_s": 0.25}
BOUND_S = (
    10.0  # from the fault's start, by the lab's journal, to a launch that is lost and a board that was asked again
)


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


def detected_s(desk: Desk, where: Places, fault: str) -> float:
    """From the start of the fault to the end of the launch that it cost."""
    began_ns: int = next(line["t_ns"] for line in journal.lines(where) if line.get("fault") == fault)
    wall_s = time.time() - (time.monotonic_ns() - began_ns) / 1e9
    lost_s: float = max(row["t1"] for row in desk.launches() if row["state"] == "lost")
    return lost_s - wall_s


def test_a_run_outlives_resets_cuts_a_loss_of_power_a_stuck_agent_and_a_killed_runner(
    where: Places, tmp_path: Path, models: list[Path]
) -> None:
    lab.up(where, 1, options(load="synthetic", proxy=True))
    where.truth.write_text(json.dumps(TRUTH))
    desk = Desk(tmp_path)

    def after(fault: str, told: list[str], for_s: float | None = None) -> None:
        wait_for(progress(desk), f"a launch before {fault}", within_s=90.0)
        before = lost(desk)
        faults.strike(where, "vb001", fault, for_s=for_s)
        wait_for(lambda: lost(desk) == before + told, f"{told} of {fault}, after {before}")
        wait_for(progress(desk), f"a launch after {fault}", within_s=90.0)
        assert lost(desk) == before + told
        if told:
            assert detected_s(desk, where, fault) <= BOUND_S

    with desk.start("run", *models, "--inventory", where.inventory, "--preset", "quick", "--json") as run:
        try:
            after("reset", ["link_lost"])
            after("link-cut", [], for_s=1.0)
            after("power-off", ["rebooted"], for_s=2.0)
            after("agent-stuck", ["link_lost"])
            after("runner-killed", [])
            said = heard(run)
        finally:
            run.kill()
    (killed,) = [row for row in desk.launches() if row["state"] == "failed"]
    assert "CRASH(SIGKILL)" in killed["outcome"]
    block = [row for row in desk.launches() if (row["block"], row["attempt"]) == (killed["block"], killed["attempt"])]
    assert [row["state"] for row in block if row["variant"] == killed["variant"]] == ["failed", "done"], (
        "tried once more"
    )
    assert said.code == 0, said.err
    assert {cell["state"] for cell in said.results["cells"]} == {"measured"}


def test_a_slow_far_off_board_that_loses_packets_in_another_year_with_a_slow_shell_and_no_sensor_is_measured(
    where: Places, tmp_path: Path, models: list[Path]
) -> None:
    lab.up(where, 1, options(load="synthetic", proxy=True))
    where.truth.write_text(json.dumps({**TRUTH, "sleep_s": 0.05}))
    for fault in ("delay", "slow-link", "packet-loss", "slow-shell", "wrong-clock", "sensor-gone"):
        faults.strike(where, "vb001", fault)
    desk = Desk(tmp_path)
    said = desk.farm(
        "run", models[0], "--inventory", where.inventory, "--preset", "quick", "--max-blocks", "8", "--json"
    )
    assert said.code == 0, said.err
    (cell,) = said.results["cells"]
    assert cell["state"] == "measured"
    assert cell["latency_ms"]["p50"]["value"] == pytest.approx(2.0, rel=0.1)
    assert lost(desk) == []
    assert all(0 < row["t1"] - row["t0"] < 3600 for row in desk.launches() if row["state"] == "done")


def test_a_knob_that_is_stolen_while_it_is_held_is_told_of_the_cell(
    where: Places, tmp_path: Path, models: list[Path]
) -> None:
    lab.up(where, 1, options(load="synthetic"))
    where.truth.write_text(json.dumps(TRUTH))
    governor = where.board("vb001").sysroot / tree.POLICY / "scaling_governor"
    limit = governor.with_name("scaling_max_freq")
    desk = Desk(tmp_path)
    pinned = ("run", models[0], "--inventory", where.inventory, *QUICK, "--pin", "max", "--json")
    with desk.start(*pinned) as run:
        try:
            wait_for(progress(desk), "a timed launch")
            while not stolen(desk):  # a launch may have been over when the thief came
                before = progress(desk)
                wait_for(lambda: governor.read_text().strip() == "performance", "a clock that is held")
                faults.strike(where, "vb001", "knob-stolen", "1000000")
                wait_for(lambda: governor.read_text().strip() != "performance", "the end of that launch")
                assert limit.read_text() == "1000000\n", "what others set is not overwritten"
                faults.cure(where, "vb001", "heal")
                wait_for(before, "what it has to tell")
            said = heard(run)
        finally:
            run.kill()
    (cell,) = said.results["cells"]
    assert "FOREIGN_CHANGE" in {found["name"] for found in cell["findings"]}
    assert all("scaling_max_freq" in text for text in stolen(desk))


def stolen(desk: Desk) -> list[str]:
    told = [found for row in desk.launches() for found in json.loads(row["findings"] or "[]")]
    return [found["text"] for found in told if found["name"] == "FOREIGN_CHANGE"]


@pytest.mark.long
def test_another_program_on_the_board_s_processor_drops_the_block_that_it_hit(
    where: Places, tmp_path: Path, models: list[Path]
) -> None:
    lab.up(where, 1, options())
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(where.inventory.read_text().replace('"interference": "note"', '"interference": "drop"'))
    desk = Desk(tmp_path)
    with desk.start("run", *models, "--inventory", inventory, *QUICK, "--json") as run:
        try:
            wait_for(progress(desk), "a timed launch")
            faults.strike(where, "vb001", "foreign-load")
            wait_for(progress(desk), "a launch beside it")
            faults.cure(where, "vb001", "heal")
            assert heard(run).code in {0, 4}
        finally:
            run.kill()
    rows = [row for row in desk.launches() if row["phase"] >= 2 and row["state"] == "done"]
    facts = [json.loads(row["facts"]) for row in rows]
    beside = [row for row, told in zip(rows, facts, strict=True) if told["foreign_cpu_ns"] > 0.3 * told["wall_ns"]]
    assert beside, "it was there while a launch ran"
    assert "INTERFERENCE" in {row["dropped"] for row in rows}
