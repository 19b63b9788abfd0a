"""The example is what its README says, and passes every check."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import farm_orchestrator
from farm_orchestrator import digest, variants
from farm_orchestrator.model import FLOOR
from farm_orchestrator.variants.arrays import read, save
from farm_orchestrator.variants.records import Checked
from farm_orchestrator.variants.score import score
from farm_reports import bounds

DIGITS = Path(farm_orchestrator.__file__).parents[2] / "examples" / "digits"
NAMES = ["distilled", "fp16", "fp32", "int8", "int8-dynamic", "struct50"]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    return variants.check(variants.load([DIGITS]), tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def top1(checked: Checked, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Of each variant over the whole test set, row by row as on a board, through our own scoring."""
    assert checked.labels is not None
    folder, files = tmp_path_factory.mktemp("outputs"), {}
    images = read(DIGITS / "digits.npz", "images").astype(np.float32) * np.float32(0.0625)
    for variant in checked.variants:
        model = checked.files[variant.files[0].sha256]
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        logits = np.concatenate([session.run(["logits"], {"x": row[None]})[0] for row in images])
        files[variant.name] = save(folder, {"logits": logits}).path
    truth = checked.files[checked.labels.sha256]
    return {name: each["value"] for name, each in score(files, "fp32", truth, checked.labels.to_json()).items()}


def test_six_variants_pass_with_nothing_assumed_and_nothing_doubted(checked: Checked) -> None:
    assert [variant.name for variant in checked.variants] == NAMES
    assert (checked.refused, checked.assumptions, checked.baseline) == ((), (), "fp32")
    assert all(variant.findings == () for variant in checked.variants)
    assert {variant.name for variant in checked.variants if variant.quantised} == {"int8", "int8-dynamic"}


def test_every_file_that_a_run_needs_is_there_under_its_digest(checked: Checked) -> None:
    assert checked.labels is not None
    needed = {checked.labels.sha256}
    for variant in checked.variants:
        assert variant.golden is not None
        assert variant.dataset is not None
        needed |= {variant.feeds.sha256, variant.golden.sha256, variant.dataset.sha256}
        needed |= {file.sha256 for file in variant.files}
    assert needed == set(checked.files)
    assert all(digest.afresh(path) == sha256 for sha256, path in checked.files.items())


def test_accuracy_is_real_and_ranks_the_variants(top1: dict[str, float]) -> None:
    assert top1["fp32"] > 0.99
    assert all(abs(top1[name] - top1["fp32"]) <= 0.01 for name in ("fp16", "int8", "int8-dynamic"))
    assert top1["struct50"] < 0.9 < top1["distilled"] < top1["fp32"] - 0.01


def test_the_readme_gives_the_figures_of_the_files(top1: dict[str, float], checked: Checked) -> None:
    rows = re.findall(
        r"^\| `(\S+)\.onnx` \|.*?\| ([\d,]+) \| ([\d.]+) \|", (DIGITS / "README.md").read_text(), re.MULTILINE
    )
    told = {name: (int(size.replace(",", "")), float(share)) for name, size, share in rows}
    assert {name: size for name, (size, _) in told.items()} == {v.name: v.bytes for v in checked.variants}
    assert all(abs(share - top1[name]) <= 0.0041 for name, (_, share) in told.items())  # two rows: kernels differ


def test_the_size_limit_rules_out_fp32_and_nothing_else(checked: Checked) -> None:
    most = bounds.parse("size", checked.limits.limits["size"]).value
    assert {variant.name for variant in checked.variants if variant.bytes > most} == {"fp32"}
    assert checked.limits.ship == ("int8",)


def test_the_models_are_for_old_runtimes_and_say_how_they_were_made() -> None:
    for name in NAMES:
        model = onnx.load(DIGITS / f"{name}.onnx")
        assert (model.ir_version, {entry.version for entry in model.opset_import}) == (8, {17})
        assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["x", "logits"]
        facts = {entry.key: entry.value for entry in model.metadata_props}
        assert "benchfarm.recipe" in facts
        assert facts.get("benchfarm.parent", "fp32") == "fp32"


def test_all_of_it_is_smaller_than_four_megabytes() -> None:
    assert sum(path.stat().st_size for path in DIGITS.rglob("*") if path.is_file()) < 4_000_000


def test_the_floor_is_one_node_that_runs(tmp_path: Path) -> None:
    floor, files = variants.floor_model(tmp_path)
    assert (floor.name, floor.opset, set(files)) == (FLOOR, 17, {floor.files[0].sha256, floor.feeds.sha256})
    model = files[floor.files[0].sha256]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    x = read(files[floor.feeds.sha256], floor.feeds.arrays["x"])
    assert np.array_equal(session.run(None, {"x": x})[0], x)
    assert [node.op_type for node in onnx.load(model).graph.node] == ["Identity"]
