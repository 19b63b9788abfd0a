"""Inputs cast as the graph wants them, outputs compared with the golden ones."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farm_agents import feeds, golden
from farm_agents.failure import LaunchFailed
from farm_agents.spec import Feeds

FLOAT = {"x": "tensor(float)"}


def load(tmp_path: Path, spec: Feeds, wanted: dict[str, str], **arrays: Any) -> feeds.Inputs:
    np.savez(tmp_path / "feeds.npz", **arrays)
    return feeds.load(str(tmp_path / "feeds.npz"), spec, wanted)


def spec(**changes: Any) -> Feeds:
    return Feeds(**{"sha256": "0" * 64, "arrays": {"x": "x"}, **changes})


@pytest.mark.parametrize("kind", sorted(feeds.TYPES))
def test_an_array_becomes_the_type_of_the_graphs_input(tmp_path: Path, kind: str) -> None:
    row = load(tmp_path, spec(), {"x": kind}, x=np.array([[0, 1]], np.uint8)).row(0)
    assert row["x"].dtype == feeds.TYPES[kind]
    assert row["x"].flags["C_CONTIGUOUS"]


def test_stored_times_scale_is_the_value(tmp_path: Path) -> None:
    inputs = load(tmp_path, spec(scale={"x": 0.0625}), FLOAT, x=np.array([[0, 8, 16]], np.uint8))
    assert inputs.row(0)["x"].tolist() == [[0.0, 0.5, 1.0]]


def test_a_row_keeps_its_axis(tmp_path: Path) -> None:
    inputs = load(tmp_path, spec(rows=3), FLOAT, x=np.arange(12.0).reshape(3, 4))
    assert inputs.row(1)["x"].tolist() == [[4.0, 5.0, 6.0, 7.0]]


def test_a_scalar_input_stays_a_scalar(tmp_path: Path) -> None:
    assert load(tmp_path, spec(), FLOAT, x=np.float64(2.0)).row(0)["x"].shape == ()


def test_arrays_that_the_graph_does_not_ask_for_are_left_alone(tmp_path: Path) -> None:
    inputs = load(tmp_path, spec(arrays={"x": "x", "mask": "m"}), FLOAT, x=np.zeros(2), m=np.zeros(2))
    assert list(inputs.row(0)) == ["x"]


def test_more_rows_than_a_quarter_of_the_free_memory_are_not_run(tmp_path: Path) -> None:
    inputs = load(tmp_path, spec(rows=10), FLOAT, x=np.zeros((10, 100), np.uint8))
    assert feeds.rows_that_fit(inputs, 10**9) == 10
    assert feeds.rows_that_fit(inputs, 4 * 400 * 3) == 3
    assert feeds.rows_that_fit(inputs, 1) == 1
    assert feeds.rows_that_fit(inputs, None) == 10


@pytest.mark.parametrize(
    ("change", "wanted", "text"),
    [
        ({}, {"y": "tensor(float)"}, "nothing is given for the inputs y"),
        ({"arrays": {"x": "absent"}}, FLOAT, "no array absent"),
        ({"rows": 3}, FLOAT, "3 rows are asked for"),
        ({}, {"x": "tensor(string)"}, r"input x is a tensor\(string\)"),
    ],
)
def test_inputs_that_cannot_be_fed_say_which(
    tmp_path: Path, change: dict[str, Any], wanted: dict[str, str], text: str
) -> None:
    with pytest.raises(LaunchFailed, match=text):
        load(tmp_path, spec(**change), wanted, x=np.zeros((2, 2)))


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\x03\x04 and nothing", b"\x80\x04\x95"])
def test_a_file_that_is_no_npz_is_bad_input(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(data)
    with pytest.raises(LaunchFailed, match="no readable") as failed:
        feeds.load_arrays(str(tmp_path / "bad.npz"))
    assert failed.value.kind == "BAD_INPUT"


def test_a_pickle_inside_an_npz_is_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(LaunchFailed, match="no readable"):
        feeds.load_arrays(str(tmp_path / "p.npz"))


def test_outputs_are_stored_under_any_name_and_always_as_the_same_bytes(tmp_path: Path) -> None:
    outputs = {"file": np.ones(3), "a/b": np.array(["x", "y"], object), "s": np.float32(2)}
    digests = []
    for name in ("one.npz", "two.npz"):
        feeds.save(str(tmp_path / name), outputs)
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    back = feeds.load_arrays(str(tmp_path / "one.npz"))
    assert (back["file"].tolist(), back["a/b"].tolist(), back["s"]) == ([1, 1, 1], ["x", "y"], 2)


def test_rows_are_joined_on_their_first_axis_and_scalars_in_a_row() -> None:
    joined = feeds.join([{"y": np.ones((1, 2)), "n": np.array(1)}, {"y": np.zeros((1, 2)), "n": np.array(2)}])
    assert joined["y"].shape == (2, 2)
    assert joined["n"].tolist() == [1, 2]


def test_outputs_whose_shape_depends_on_the_row_cannot_be_joined() -> None:
    with pytest.raises(LaunchFailed, match="depends on the row"):
        feeds.join([{"y": np.ones((1, 2))}, {"y": np.ones((1, 3))}])


def noisy(db: float, size: int = 10_000) -> tuple[Any, Any]:
    """A signal and the same with noise `db` below it."""
    random = np.random.default_rng(1)
    signal, noise = random.standard_normal(size), random.standard_normal(size)
    noise *= np.sqrt(np.square(signal).sum() / np.square(noise).sum()) * 10 ** (-db / 20)
    return signal, signal + noise


@pytest.mark.parametrize(
    ("db", "quantised", "differs"), [(40.1, False, False), (39.9, False, True), (20.1, True, False), (19.9, True, True)]
)
def test_forty_decibels_are_asked_of_floats_and_twenty_of_quantised_models(
    *,
    db: float,
    quantised: bool,
    differs: bool,
) -> None:
    wanted, got = noisy(db)
    compared = golden.compare({"y": got}, {"y": wanted}, quantised=quantised)
    assert compared["facts"]["golden_sqnr_db"] == pytest.approx(db, abs=1e-6)
    assert [finding["name"] for finding in compared["findings"]] == ["BOARD_DIFFERS"] * differs


def test_the_worst_output_decides() -> None:
    wanted, got = noisy(10.0)
    compared = golden.compare({"a": wanted, "b": got}, {"a": wanted, "b": wanted}, quantised=False)
    assert compared["facts"]["golden_sqnr_db"] == pytest.approx(10.0)
    assert compared["findings"]


def test_identical_outputs_are_exact_and_have_no_sqnr() -> None:
    facts = golden.compare({"y": np.ones(3)}, {"y": np.ones(3)}, quantised=False)["facts"]
    assert (facts["golden_exact"], facts["golden_sqnr_db"], facts["golden_max_abs"]) == (True, None, 0.0)
    assert facts["golden_sqnr_db_reason"]


@pytest.mark.parametrize("golden_arrays", [{"z": np.ones(3)}, {"y": np.ones((1, 3))}, {}])
def test_other_names_or_shapes_are_another_model(golden_arrays: dict[str, Any]) -> None:
    compared = golden.compare({"y": np.ones(3)}, golden_arrays, quantised=True)
    assert compared["findings"][0]["name"] == "BOARD_DIFFERS"
    assert compared["facts"]["golden_sqnr_db"] is None


def test_labels_and_indices_are_compared_too() -> None:
    same = golden.compare({"y": np.array(["cat"], object)}, {"y": np.array(["cat"])}, quantised=False)
    other = golden.compare({"y": np.array(["cat"], object)}, {"y": np.array(["dog"])}, quantised=False)
    assert (same["findings"], len(other["findings"])) == ([], 1)
    assert golden.compare({"i": np.array([3])}, {"i": np.array([4])}, quantised=False)["findings"]


def test_silence_where_a_signal_was_expected_stays_within_what_json_can_say() -> None:
    facts = golden.compare({"y": np.ones(3)}, {"y": np.zeros(3)}, quantised=False)["facts"]
    assert facts["golden_sqnr_db"] == -300.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_found(value: float) -> None:
    assert golden.not_finite({"ok": np.ones(2), "bad": np.array([1, value], np.float16), "int": np.array([1])}) == [
        "bad"
    ]


def test_the_digest_knows_names_types_shapes_and_values() -> None:
    outputs: list[dict[str, Any]] = [
        {"y": np.zeros(4)},
        {"z": np.zeros(4)},
        {"y": np.zeros((2, 2))},
        {"y": np.zeros(4, np.float32)},
        {"y": np.ones(4)},
    ]
    assert len({golden.digest(output) for output in outputs}) == len(outputs)
    assert golden.digest({"a": np.ones(1), "b": np.zeros(1)}) == golden.digest({"b": np.zeros(1), "a": np.ones(1)})
