"""Labelled rows: read, proved against the graphs, stored once for every board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

import variants_support as make
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Feeds
from farm_orchestrator.variants.arrays import read
from farm_orchestrator.variants.records import Checked

Check = Callable[..., Checked]
ROWS = 5
YAML = "dataset: {file: %s, inputs: {x: images}, scale: {x: 0.5}, labels: y}"


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, np.ndarray]:
    """Written as an .npz and as a folder of .npy files."""
    arrays: dict[str, np.ndarray] = {
        "images": np.arange(ROWS * 4, dtype=np.uint8).reshape(ROWS, 4),
        "y": np.arange(ROWS) % 3,
    }
    folder = tmp_path / "v" / "rows"
    folder.mkdir(parents=True)
    np.savez(tmp_path / "v" / "rows.npz", images=arrays["images"], y=arrays["y"], unused=np.zeros(3))
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return arrays


def dataset_of(checked: Checked, name: str = "fp32") -> Feeds:
    found = next(each for each in checked.variants if each.name == name).dataset
    assert found is not None
    return found


def test_an_npz_and_a_folder_of_npy_files_are_the_same_dataset(checked: Check, rows: dict[str, np.ndarray]) -> None:
    packed, loose = (checked({"fp32": make.dense()}, YAML % file) for file in ("rows.npz", "rows"))
    assert dataset_of(packed) == dataset_of(loose)
    assert packed.labels == loose.labels
    feeds = dataset_of(packed)
    assert (feeds.rows, feeds.arrays, feeds.scale) == (ROWS, {"x": "images"}, {"x": 0.5})
    stored = packed.files[feeds.sha256]
    assert np.array_equal(read(stored, "images"), rows["images"])
    assert read(stored, "images").dtype == np.uint8


def test_the_labels_stay_on_the_orchestrator(checked: Check, rows: dict[str, np.ndarray]) -> None:
    done = checked({"fp32": make.dense()}, YAML % "rows.npz")
    assert done.labels is not None
    assert (done.labels.metric, done.labels.rows) == ("top1", ROWS)
    assert np.array_equal(read(done.files[done.labels.sha256], "y"), rows["y"])
    with pytest.raises(KeyError):
        read(done.files[dataset_of(done).sha256], "y")


@pytest.mark.usefixtures("rows")
def test_without_labels_there_is_no_metric(checked: Check) -> None:
    done = checked({"fp32": make.dense()}, "dataset: {file: rows.npz, inputs: {x: images}, scale: {x: 0.5}}")
    assert done.labels is not None
    assert done.labels.metric is None
    assert dataset_of(done).rows == ROWS


@pytest.mark.usefixtures("rows")
def test_a_variant_that_cannot_take_the_rows_is_measured_and_not_scored(checked: Check) -> None:
    yaml = (YAML % "rows.npz") + "\nvariants: {wide: {inputs: {x: {shape: [1, 6]}}}}"
    done = checked({"fp32": make.dense(), "wide": make.dense(6)}, yaml)
    wide = next(each for each in done.variants if each.name == "wide")
    assert wide.dataset is None
    assert done.labels is not None
    assert done.labels.unscored == {"wide": "its input x is [N, 6], a row of the dataset [1, 4]"}


@pytest.mark.usefixtures("rows")
def test_half_precision_graphs_take_scaled_rows(checked: Check) -> None:
    models = {"fp32": make.dense(), "fp16": make.dense(dtype=TensorProto.FLOAT16)}
    done = checked(models, YAML % "rows.npz")
    assert dataset_of(done, "fp16") == dataset_of(done)


WRONG = {
    "{file: rows.npz, inputs: {x: image}, scale: {x: 0.5}}": r"no array image\n.*did you mean images",
    "{file: rows, inputs: {x: image}, scale: {x: 0.5}}": r"no array image\n.*did you mean images",
    "{file: rows.npz, inputs: {x: images}, scale: {x: 0.5}, labels: unused}": r"shape \[3\], the dataset 5 rows",
    "{file: rows.npz, inputs: {x: images}, scale: {x: 0.5}, labels: images}": r"shape \[5, 4\]",
    "{file: rows.npz, inputs: {z: images}}": r"has no rows for its input x",
    "{file: rows.npz, inputs: {x: y}, scale: {x: 1}}": r"its input x is \[N, 4\], a row of the dataset \[1\]",
    "{file: rows.npz, inputs: {x: images}}": r"its input x is float32, the rows are uint8",
    "{file: rows.npz, inputs: {x: images, z: y}, scale: {x: 0.5}}": r"it has no input z",
}


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("fields", WRONG, ids=range(len(WRONG)))
def test_rows_that_do_not_fit_name_the_line_and_what_is_wrong(checked: Check, fields: str) -> None:
    with pytest.raises(UsageError, match=r"variants.yaml:1: .*" + WRONG[fields]):
        checked({"fp32": make.dense()}, f"dataset: {fields}")


def test_arrays_of_unequal_length_and_none_at_all_are_refused(checked: Check, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    yaml = "dataset: {file: d.npz, inputs: {x: a}, labels: y}"
    np.savez(tmp_path / "v" / "d.npz", a=np.zeros((0, 4), np.float32), y=np.zeros(0, np.int64))
    with pytest.raises(UsageError, match="at least one: a has 0"):
        checked({"fp32": make.dense()}, yaml)
    np.savez(tmp_path / "v" / "d.npz", a=np.zeros((2, 4), np.float32), y=np.zeros(2))
    with pytest.raises(UsageError, match=r"top1 needs class numbers.*\n.*mae"):
        checked({"fp32": make.dense()}, yaml)


def test_an_array_of_objects_is_never_unpickled(checked: Check, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    np.savez(tmp_path / "v" / "d.npz", a=np.array([{}, {}], dtype=object))
    with pytest.raises(UsageError, match="cannot be read"):
        checked({"fp32": make.dense()}, "dataset: {file: d.npz, inputs: {x: a}}")
