"""`farm run` takes a virtual board for a real one, and finds the truth a synthetic one was given."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from farm_lab import lab
from farm_lab.places import Places
from lab_support import leftovers, options
from run_support import DIGITS, Desk, Said

TRUTH = {"ms": {"base": 2.0, "faster": 1.8, "slower": 2.2, "same": 2.0}, "sleep_s": 0.02, "launch_sd": 0.002}


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """One file under four names: only the truth tells them apart."""
    found = [tmp_path / f"{name}.onnx" for name in TRUTH["ms"]]  # type: ignore[attr-defined]  # a dict of dicts
    for file in found:
        shutil.copyfile(DIGITS / "int8.onnx", file)
    return found


def run(where: Places, desk: Desk, *arguments: str | Path) -> Said:
    said = desk.farm("run", *arguments, "--inventory", where.inventory, "--preset", "quick", "--json")
    assert said.code == 0, said.err
    return said


def cells(said: Said) -> dict[tuple[str, str], Any]:
    return {(cell["board"], cell["variant"]): cell for cell in said.results["cells"]}


def one_at_a_time(journal: Path, least: int) -> None:
    """So many runners or more, each ended before the next one started."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"] * (len(lines) // 2)
    assert [line["launch"] for line in lines[::2]] == [line["launch"] for line in lines[1::2]]
    assert len(lines) // 2 >= least


def test_a_run_over_synthetic_boards_finds_the_truth_says_that_it_is_synthetic_and_holds_to_one_runner(
    where: Places, tmp_path: Path, models: list[Path]
) -> None:
    lab.up(where, 2, options(load="synthetic"))
    where.truth.write_text(json.dumps(TRUTH))
    said = run(where, Desk(tmp_path), *models, "--max-blocks", "8")
    assert said.results["run"]["synthetic"] is True
    found = cells(said)
    assert len(found) == 8
    for (board, name), cell in found.items():
        assert cell["state"] == "measured", (board, name, cell["reason"])
        if name != "base":
            ratio = cell["versus_baseline"]
            assert ratio["verdict"] == name
            assert ratio["low"] <= TRUTH["ms"][name] / 2.0 <= ratio["high"]  # type: ignore[index]  # a dict of dicts
    page = next((tmp_path / "runs").glob("*/report.html")).read_text()
    assert "stand-in load" in page
    for name in ("vb001", "vb002"):
        one_at_a_time(where.board(name).base / "journal.jsonl", least=4 * 8)
    lab.down(where)
    assert leftovers(where.root) == []
