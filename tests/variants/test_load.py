"""What a directory means, and what is said about one that means nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import variants_support as make
from farm_orchestrator import variants
from farm_orchestrator.errors import UsageError
from farm_orchestrator.variants.records import TensorSpec, VariantSet

TWO = {"fp32": make.dense(), "int8": make.dense()}
Found = Callable[..., VariantSet]


def names(found: VariantSet) -> list[str]:
    return [entry.name for entry in found.entries]


def test_without_a_yaml_every_onnx_file_is_a_variant_and_the_guess_is_told(found: Found) -> None:
    loaded = found(TWO)
    assert names(loaded) == ["fp32", "int8"]
    assert (loaded.baseline, loaded.assumptions) == ("fp32", ("the baseline is fp32, by its name",))


def test_the_largest_file_is_the_baseline_where_no_name_tells(found: Found) -> None:
    loaded = found({"a": make.dense(4), "b": make.dense(64, 64), "c": make.dense(8)})
    assert (loaded.baseline, loaded.guessed) == ("b", True)
    assert loaded.assumptions == ("the baseline is b, the largest file",)


def test_external_data_counts_for_the_largest_file(tmp_path: Path) -> None:
    folder = make.folder(tmp_path, {"a": make.dense(64), "b": make.dense(4)})
    (folder / "b.onnx.data").write_bytes(bytes(1_000_000))
    assert variants.load([folder]).baseline == "b"


def test_of_single_files_the_first_is_the_baseline(tmp_path: Path) -> None:
    folder = make.folder(tmp_path, TWO)
    loaded = variants.load([folder / "int8.onnx", folder / "fp32.onnx"])
    assert (names(loaded), loaded.baseline, loaded.assumptions) == (["int8", "fp32"], "int8", ())


def test_the_flag_wins_over_the_file(found: Found) -> None:
    assert found(TWO, "baseline: fp32\n", "int8").baseline == "int8"


def test_a_yaml_says_everything(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", images=np.zeros((3, 4)), y=np.zeros(3, np.int64), mask=np.ones((1, 2)))
    folder = make.folder(
        tmp_path,
        TWO,
        """
baseline: fp32
inputs:
  x: {shape: [1, 4], dtype: float32, range: [0, 1]}
  mask: rows.npz
dataset: {file: rows.npz, inputs: {x: images}, scale: {x: 0.5}, labels: y}
limits: {latency_p50: 30ms, latency_p99: 0.9x, peak_memory: 180MB, size: 1MB, energy: 40mJ, accuracy: 0.97}
ship: [int*]
budgets: {latency_p50: +5%, accuracy: -0.3pt}
variants:
  eight: {file: int8.onnx, parent: fp32, recipe: qdq, notes: "as sent", inputs: {x: {shape: [2, 4]}}}
  int8: {file: int8.onnx}
""",
    )
    loaded = variants.load([folder])
    assert names(loaded) == ["eight", "fp32", "int8"]
    assert loaded.inputs["x"] == TensorSpec((1, 4), "float32", (0.0, 1.0), None, f"{folder}/variants.yaml:4")
    assert loaded.inputs["mask"].file == folder / "rows.npz"
    assert loaded.dataset is not None
    assert (loaded.dataset.metric, loaded.dataset.labels, dict(loaded.dataset.scale)) == ("top1", "y", {"x": 0.5})
    assert loaded.limits.limits["accuracy"] == "0.97"
    assert loaded.limits.lines["latency_p50"] == f"{folder}/variants.yaml:7"
    assert loaded.limits.ship == ("int*",)
    eight = loaded.entries[0]
    assert (eight.path.name, eight.parent, eight.recipe, eight.inputs["x"].shape) == (
        "int8.onnx",
        "fp32",
        "qdq",
        (2, 4),
    )


def test_one_file_under_two_names_is_two_variants(found: Found) -> None:
    yaml = "variants:\n  a: {file: fp32.onnx}\n  b: {file: fp32.onnx}\n"
    assert names(found({"fp32": make.dense()}, yaml)) == ["a", "b"]


WRONG = {
    "baselin: fp32": (1, 1, "baseline"),
    "baseline: fp23": (1, 11, "fp32"),
    "baseline: '../fp32'": (1, 11, "fp32"),
    "inputs: {x: {shap: [1]}}": (1, 14, "shape"),
    "inputs: {x: {shape: [0, 4]}}": (1, 22, "greater than 0"),
    "inputs: {x: {dtype: float23}}": (1, 21, "float32"),
    "inputs: {x: {range: [1, 0]}}": (1, 21, "lower one first"),
    "inputs: {x: {range: [0, .inf]}}": (1, 21, "lower one first"),
    "inputs: {x: rows.csv}": (1, 13, ".npz"),
    "inputs: {x: ../rows.npz}": (1, 13, "inside this directory"),
    "inputs: {x: rows.npz}": (1, 13, "there is no file rows.npz"),
    "dataset: {inputs: {x: a}}": (1, 1, "the key 'file' is missing"),
    "dataset: {file: /rows.npz, inputs: {x: a}}": (1, 17, "inside this directory"),
    "dataset: {file: rows.npz, inputs: {x: a}}": (1, 17, "there is no file"),
    "dataset: {file: d.npz, inputs: {x: a}, scale: {z: 1}}": (1, 10, "scale names 'z'"),
    "dataset: {file: d.npz, inputs: {x: a}, scale: {x: 0}}": (1, 51, "greater than 0"),
    "dataset: {file: d.npz, inputs: {x: a}, metric: top1}": (1, 10, "needs labels"),
    "dataset: {file: d.npz, inputs: {x: a}, labels: y, metric: top5}": (1, 59, "top1"),
    "limits: {latency_p5: 3ms}": (1, 10, "latency_p50"),
    "limits: {latency_p50: 3}": (1, 23, "has no unit"),
    "limits: {size: -3MB}": (1, 16, "sign"),
    "limits: {accuracy: -1pt}": (1, 20, "labelled rows"),
    "ship: [int9]": (1, 8, "int8"),
    "ship: int8": (1, 7, "list"),
    "budgets: {latency_p50: 30ms}": (1, 24, "change against the past"),
    "budgets: {accuracy: -1pt}": (1, 21, "labelled rows"),
    "variants: {'<script>': {file: fp32.onnx}}": (1, 12, "'script'"),
    "variants: {a: {file: ../fp32.onnx}}": (1, 22, "inside this directory"),
    "variants: {a: {file: fp23.onnx}}": (1, 22, "fp32.onnx"),
    "variants: {absent: {}}": (1, 20, "absent.onnx"),
    "variants: {a: {fil: fp32.onnx}}": (1, 16, "file"),
    "- a": (1, 1, "list"),
}


@pytest.mark.parametrize("yaml", WRONG, ids=range(len(WRONG)))
def test_each_wrong_key_or_value_is_told_with_its_place_and_a_way_out(tmp_path: Path, yaml: str) -> None:
    line, column, fragment = WRONG[yaml]
    folder = make.folder(tmp_path, TWO, yaml)
    with pytest.raises(UsageError) as told:
        variants.load([folder])
    assert f"variants.yaml:{line}:{column}: " in str(told.value), told.value
    assert fragment in str(told.value), told.value
    assert told.value.exit_code == 2


def test_an_absolute_error_cannot_be_limited_as_accuracy(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.zeros((1, 4)), y=np.zeros(1))
    yaml = "dataset: {file: d.npz, inputs: {x: a}, labels: y, metric: mae}\nlimits: {accuracy: 0.9}\n"
    with pytest.raises(UsageError, match=r"variants.yaml:2:20: limits.accuracy: the metric mae"):
        variants.load([make.folder(tmp_path, TWO, yaml)])


def test_a_path_through_a_linked_folder_does_not_lead_outside(tmp_path: Path) -> None:
    outside = make.folder(tmp_path / "outside", {"fp32": make.dense()})
    folder = make.folder(tmp_path / "v", TWO, "variants: {a: {file: way/fp32.onnx}}")
    (folder / "way").symlink_to(outside)
    with pytest.raises(UsageError, match="leads out of the directory"):
        variants.load([folder])


@pytest.mark.parametrize("stem", ["my model", "<script>alert(1)<", "-rf", "é", "a" * 65])
def test_a_file_name_that_is_no_name_is_refused_with_a_suggestion(tmp_path: Path, stem: str) -> None:
    folder = make.folder(tmp_path, {"fp32": make.dense(), stem: make.dense()})
    with pytest.raises(UsageError, match=r"rename it, e\.g\. [A-Za-z0-9][A-Za-z0-9._-]{0,63}\.onnx"):
        variants.load([folder])


def test_a_file_with_an_odd_name_may_be_named_in_the_yaml(found: Found) -> None:
    yaml = "variants: {mine: {file: 'my model.onnx'}}"
    assert names(found({"fp32": make.dense(), "my model": make.dense()}, yaml)) == ["fp32", "mine"]


def test_two_files_of_one_name_are_refused_with_both_paths(tmp_path: Path) -> None:
    one = make.folder(tmp_path / "1", {"fp32": make.dense()}) / "fp32.onnx"
    two = make.folder(tmp_path / "2", {"fp32": make.dense()}) / "fp32.onnx"
    with pytest.raises(UsageError, match=re.escape(f"{one} and {two}")):
        variants.load([one, two])
    yaml = "variants: {int8: {file: fp32.onnx}}"
    with pytest.raises(UsageError, match="two variants are called int8"):
        variants.load([make.folder(tmp_path / "3", TWO, yaml)])


def test_an_empty_directory_a_missing_path_and_no_path_are_told_apart(tmp_path: Path) -> None:
    for paths, text in (([tmp_path], "holds no .onnx file"), ([tmp_path / "x"], "no such file"), ([], "no variants")):
        with pytest.raises(UsageError, match=text):
            variants.load(paths)


def test_a_directory_is_given_alone(tmp_path: Path) -> None:
    folder = make.folder(tmp_path / "v", TWO)
    with pytest.raises(UsageError, match="one directory"):
        variants.load([folder, folder / "fp32.onnx"])


def test_an_unknown_baseline_flag_gets_a_suggestion(found: Found) -> None:
    with pytest.raises(UsageError, match="did you mean fp32"):
        found(TWO, None, "fp23")


def test_the_schema_describes_what_is_read() -> None:
    schema = variants.schema()
    assert set(schema["properties"]) == {"baseline", "inputs", "dataset", "limits", "ship", "budgets", "variants"}
    assert schema["additionalProperties"] is False
