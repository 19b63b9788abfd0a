"""A board that ran only the first rows: all of them on this machine, and what the two say together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import engine_support as support
import variants_support as make
from farm_orchestrator import store, tabled, variants
from farm_orchestrator.lane import drain
from farm_orchestrator.model import Recipe, Variant
from farm_orchestrator.store import Artefacts
from farm_orchestrator.variants.arrays import Array, read, save
from farm_orchestrator.variants.whole import Whole, compared, run_whole

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
ROWS = 497
NO_TIME = 0.0  # for more than the row that is always run


@pytest.fixture
def digits(tmp_path: Path) -> tuple[Variant, dict[str, Path]]:
    """fp32 of the example with its files by digest; the labels are the one entry that no launch needs."""
    (tmp_path / "s").mkdir()
    checked = variants.check(variants.load([DIGITS]), tmp_path / "s")
    assert checked.labels is not None
    found = next(each for each in checked.variants if each.name == "fp32")
    return found, {**checked.files, "truth": checked.files[checked.labels.sha256]}


def outputs(tmp_path: Path, rows: Array) -> Path:
    return save(tmp_path, {"logits": rows}).path


def test_all_rows_here_give_what_the_example_says_of_itself(
    digits: tuple[Variant, dict[str, Path]], tmp_path: Path
) -> None:
    fp32, files = digits
    whole = run_whole([fp32], files.__getitem__, tmp_path / "kept", 60.0)["fp32"]
    assert whole.outputs is not None
    rows = read(whole.outputs, "logits")
    told = compared(outputs(tmp_path, rows[:40]), whole, files["truth"], "top1")
    assert (told["rows"], told["agreement"]) == (ROWS, 1.0)
    assert told["value"] > 0.99


def test_a_report_made_again_runs_no_row_again(digits: tuple[Variant, dict[str, Path]], tmp_path: Path) -> None:
    fp32, files = digits
    first = run_whole([fp32], files.__getitem__, tmp_path / "kept", NO_TIME)["fp32"]
    nothing: dict[str, Path] = {}
    again = run_whole([fp32], nothing.__getitem__, tmp_path / "kept", NO_TIME)["fp32"]
    assert first == again
    assert first.outputs is not None
    assert read(first.outputs, "logits").shape == (1, 10)


def test_a_board_that_differs_on_one_row_in_twenty_is_told(tmp_path: Path) -> None:
    scores = np.eye(3)[np.arange(40) % 3]
    board = scores.copy()
    board[:2] = np.roll(board[:2], 1, axis=1)
    truth = save(tmp_path, {"y": np.arange(40) % 3}).path
    told = compared(outputs(tmp_path, board), Whole(outputs(tmp_path, scores)), truth, "top1")
    assert told == {"rows": 40, "value": 1.0, "agreement": 0.95}


def test_a_model_that_cannot_run_here_leaves_the_reason(tmp_path: Path) -> None:
    told = compared(tmp_path / "any", Whole(None, "TIMEOUT: one inference did not end in time"), tmp_path / "y", "top1")
    assert told == {"reason": "TIMEOUT: one inference did not end in time"}


def test_external_data_is_found_beside_the_model(tmp_path: Path) -> None:
    folder = make.folder(tmp_path / "v", {"fp32": make.dense(4, 3)}, "dataset: {file: d.npz, inputs: {x: a}}\n")
    np.savez(folder / "d.npz", a=np.ones((6, 4), np.float32))
    path = folder / "fp32.onnx"
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="fp32.data", size_threshold=0)
    assert (folder / "fp32.data").exists()
    (tmp_path / "s").mkdir()
    checked = variants.check(variants.load([folder]), tmp_path / "s")
    whole = run_whole(checked.variants, checked.files.__getitem__, tmp_path / "kept", 60.0)["fp32"]
    assert whole.outputs is not None
    assert read(whole.outputs, "logits").shape == (6, 3)


def test_a_slow_board_runs_the_first_rows_and_the_report_says_how_many_of_how_many(tmp_path: Path) -> None:
    """The real agent, whose recipe leaves it no time for a second row."""
    recipe: Recipe = replace(support.TINY, rows_s=NO_TIME)
    artefacts = Artefacts(tmp_path / ".farm" / "cas")
    (tmp_path / "models").mkdir()
    arm = support.variant(artefacts, tmp_path / "models", "base", "Abs", rows=5)
    farm = support.make_farm(tmp_path, blocks=1, variants=[arm], recipe=recipe)
    with support.world_of(farm) as world:
        drain("b0", world, lambda _: None)
    truth = artefacts.put(save(tmp_path, {"y": np.zeros(5, np.int64)}).path)
    labels = {"sha256": truth.sha256, "size": truth.size, "metric": "top1", "rows": 5, "unscored": {}}
    found = tabled.read(farm.store, support.RUN)
    found = replace(found, run=replace(found.run, facts={"labels": labels}, state="closed"))
    (told,) = tabled.scores(found, artefacts, tmp_path / "kept").values()
    assert (told["rows"], told["rows_asked"], told["rows_reason"]) == (1, 5, "0 s were over")
    assert told["orchestrator"]["agreement"] == 1.0
    partial = replace(found, run=replace(found.run, state="open"))
    (early,) = tabled.scores(partial, artefacts, tmp_path / "other").values()
    assert early["orchestrator"] is None, "nothing else runs beside launches that are timed"
    assert store.launches(farm.store, support.RUN)
