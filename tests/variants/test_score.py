"""Accuracy objects out of the files that a board sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from farm_orchestrator.model import Json
from farm_orchestrator.variants.arrays import Array, save
from farm_orchestrator.variants.score import choose, score
from farm_reports.results import Accuracy

N = 40
STREAM = np.random.default_rng(5)
Y = STREAM.integers(0, 3, N)
GOOD = np.eye(3)[Y] * 4 + STREAM.normal(size=(N, 3)) * 0.1
WORSE = np.where(np.arange(N)[:, None] < 4, -GOOD, GOOD)  # four rows wrong


def labels(metric: str | None = "top1", **unscored: str) -> Json:
    return {"metric": metric, "rows": N, "unscored": unscored, "sha256": "", "size": 0}


def scored(
    tmp_path: Path, outputs: dict[str, dict[str, Array]], body: Json, y: Array | None = Y
) -> dict[str, Accuracy]:
    files = {name: save(tmp_path, arrays).path for name, arrays in outputs.items()}
    truth = save(tmp_path, {} if y is None else {"y": y}).path
    found = score(files, "fp32", truth, body)
    return {name: Accuracy(**each) for name, each in found.items()}


def test_a_worse_variant_loses_points_and_its_baseline_is_compared_with_nothing(tmp_path: Path) -> None:
    found = scored(tmp_path, {"fp32": {"logits": GOOD}, "int8": {"logits": WORSE}}, labels())
    base, worse = found["fp32"], found["int8"]
    assert (base.value, base.delta_pt, base.agreement, base.sqnr_db, base.mcnemar_p) == (1.0, None, None, None, None)
    assert (worse.value, worse.agreement) == (0.9, 0.9)
    assert worse.delta_pt == pytest.approx(-10.0)
    assert worse.mcnemar_p == pytest.approx(0.125)
    assert worse.resolution_pt == pytest.approx(100 * 1.96 * 2 / N, rel=1e-3)
    assert worse.low is not None
    assert worse.high is not None
    assert worse.low < 0.9 < worse.high
    assert (worse.rows, worse.exact, worse.reason) == (N, False, None)


def test_identical_outputs_are_exact_and_have_no_infinite_sqnr(tmp_path: Path) -> None:
    twin = scored(tmp_path, {"fp32": {"logits": GOOD}, "twin": {"logits": GOOD}}, labels())["twin"]
    assert (twin.exact, twin.sqnr_db, twin.delta_pt, twin.agreement) == (True, None, 0.0, 1.0)


def test_without_labels_nothing_is_called_accuracy(tmp_path: Path) -> None:
    found = scored(tmp_path, {"fp32": {"logits": GOOD}, "int8": {"logits": WORSE}}, labels(None), None)
    assert (found["int8"].metric, found["int8"].value, found["int8"].delta_pt) == (None, None, None)
    assert found["int8"].agreement == 0.9
    assert found["int8"].sqnr_db is not None


def test_a_lost_baseline_leaves_the_accuracy_and_says_why_there_is_no_comparison(tmp_path: Path) -> None:
    found = scored(tmp_path, {"int8": {"logits": WORSE}}, labels())["int8"]
    assert (found.value, found.agreement, found.delta_pt) == (0.9, None, None)
    assert found.reason == "the baseline gave no outputs"


def test_non_finite_outputs_give_no_figure_at_all(tmp_path: Path) -> None:
    broken = GOOD.copy()
    broken[3, 1] = np.nan
    found = scored(tmp_path, {"fp32": {"logits": GOOD}, "fp16": {"logits": broken}}, labels())["fp16"]
    assert (found.value, found.agreement, found.sqnr_db) == (None, None, None)
    assert found.reason == "an output holds NaN or infinity"


def test_rows_capped_by_a_boards_memory_are_scored_on_the_rows_there_are(tmp_path: Path) -> None:
    found = scored(tmp_path, {"fp32": {"logits": GOOD}, "int8": {"logits": WORSE[:10]}}, labels())["int8"]
    assert (found.rows, found.value, found.agreement) == (10, 0.6, 0.6)
    assert found.delta_pt == pytest.approx(-40.0)  # to the baseline on the same ten rows
    assert found.low is not None
    assert found.low < 0.35  # the interval of ten rows, not of forty


def test_an_absolute_error_needs_one_number_per_row(tmp_path: Path) -> None:
    y = STREAM.normal(size=N)
    outputs = {"fp32": {"v": y[:, None]}, "int8": {"v": y[:, None] + 0.5}, "odd": {"v": GOOD}}
    found = scored(tmp_path, outputs, labels("mae"), y)
    assert found["int8"].value == pytest.approx(0.5)
    assert found["int8"].agreement is None
    assert found["odd"].value is None
    assert "one number per row" in (found["odd"].reason or "")


def test_labels_beyond_the_classes_are_told(tmp_path: Path) -> None:
    found = scored(tmp_path, {"fp32": {"logits": GOOD}}, labels(), np.full(N, 7))["fp32"]
    assert (found.value, found.reason) == (None, "there are 3 classes and a label 7")


def test_variants_that_could_not_take_the_rows_keep_their_reason(tmp_path: Path) -> None:
    found = scored(tmp_path, {"fp32": {"logits": GOOD}}, labels(r192="its input x is larger"))
    assert (found["r192"].value, found["r192"].reason) == (None, "its input x is larger")


def test_the_output_with_classes_is_the_one_that_is_scored(tmp_path: Path) -> None:
    path = save(tmp_path, {"a": np.zeros((N, 1)), "features": np.zeros((N, 5)), "logits": GOOD}).path
    chosen = choose(path).rows
    assert chosen is not None
    assert np.array_equal(chosen, GOOD)
    (tmp_path / "odd.npz").write_bytes(b"odd")
    assert "cannot be read" in (choose(tmp_path / "odd.npz").reason or "")
