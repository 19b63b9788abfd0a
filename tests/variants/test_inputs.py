"""Inputs are made once, from a fixed seed, and fit the graphs or say why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

import variants_support as make
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Json, Variant
from farm_orchestrator.variants.arrays import Array, read
from farm_orchestrator.variants.checks.graph import Graph, Tensor
from farm_orchestrator.variants.records import Checked

Check = Callable[..., Checked]


def variant(checked: Checked, name: str) -> Variant:
    return next(each for each in checked.variants if each.name == name)


def array(checked: Checked, name: str, tensor: str = "x") -> Array:
    feeds = variant(checked, name).feeds
    return read(checked.files[feeds.sha256], feeds.arrays[tensor])


def findings(checked: Checked, name: str) -> dict[str, Json]:
    return {each["name"]: each for each in variant(checked, name).findings}


def test_generated_inputs_are_the_same_every_time_and_told(checked: Check) -> None:
    first, again = (checked({"fp32": make.dense()}) for _ in range(2))
    assert variant(first, "fp32").feeds == variant(again, "fp32").feeds
    assert "input x is float32 [1, 4], standard normal, seed 0, N = 1" in first.assumptions
    assert array(first, "fp32").shape == (1, 4)


def test_what_the_yaml_says_is_not_called_an_assumption(checked: Check) -> None:
    yaml = "baseline: fp32\ninputs: {x: {shape: [3, 4], dtype: float32, range: [5, 6]}}"
    done = checked({"fp32": make.dense()}, yaml)
    assert done.assumptions == ()
    values = array(done, "fp32")
    assert values.shape == (3, 4)
    assert ((values >= 5) & (values < 6)).all()


def test_a_symbol_has_one_value_in_the_whole_graph(checked: Check) -> None:
    node = helper.make_node("Concat", ["a", "b"], ["y"], axis=1)
    both = make.model([node], [make.value("a", ["N", 2]), make.value("b", ["N", 3])], [make.value("y", ["N", 5])])
    done = checked({"fp32": both}, "inputs: {a: {shape: [7, 2]}}")
    assert array(done, "fp32", "b").shape == (7, 3)
    assert any("N = 7" in text for text in done.assumptions)


def test_ids_without_a_range_are_refused_by_the_name_of_the_tensor(checked: Check) -> None:
    with pytest.raises(UsageError, match=r"input ids \(int64\) picks rows of a table.*inputs\.ids\.range") as told:
        checked({"fp32": make.lookup()})
    assert told.value.exit_code == 2


def test_ids_in_their_range_run_and_out_of_it_are_refused(checked: Check) -> None:
    done = checked({"fp32": make.lookup(10)}, "inputs: {ids: {shape: [1, 6], range: [0, 10]}}")
    assert set(array(done, "fp32", "ids").ravel()) <= set(range(10))
    with pytest.raises(UsageError, match="BAD_INPUT"):
        checked({"fp32": make.lookup(10)}, "inputs: {ids: {shape: [1, 6], range: [500, 510]}}")


def test_an_array_of_the_users_own_file_is_used_as_it_is(checked: Check, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    mine = np.arange(4, dtype=np.float32)[None]
    np.savez(tmp_path / "v" / "mine.npz", x=mine)
    done = checked({"fp32": make.dense()}, "inputs: {x: mine.npz}")
    assert np.array_equal(array(done, "fp32"), mine)


def test_a_missing_array_and_an_unreadable_file_name_the_line(checked: Check, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    np.savez(tmp_path / "v" / "mine.npz", xx=np.zeros((1, 4), np.float32))
    with pytest.raises(UsageError, match=r"variants.yaml:1: mine.npz has no array x\n.*did you mean xx"):
        checked({"fp32": make.dense()}, "inputs: {x: mine.npz}")
    (tmp_path / "v" / "mine.npz").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"variants.yaml:1: mine.npz cannot be read"):
        checked({"fp32": make.dense()}, "inputs: {x: mine.npz}")


@pytest.mark.parametrize("fields", ["shape: [1, 5]", "shape: [4]", "dtype: int64"])
def test_inputs_that_do_not_fit_the_baseline_name_line_and_tensor(checked: Check, fields: str) -> None:
    with pytest.raises(UsageError, match=r"variants.yaml:1: the baseline fp32 does not take this: its x"):
        checked({"fp32": make.dense()}, f"inputs: {{x: {{{fields}}}}}")


def test_a_misspelt_tensor_gets_a_suggestion(checked: Check) -> None:
    with pytest.raises(UsageError, match=r"variants.yaml:1: no variant has an input xx\n.*did you mean x\?"):
        checked({"fp32": make.dense()}, "inputs: {xx: {shape: [1, 4]}}")
    with pytest.raises(UsageError, match=r"fp32 does not have an input xx"):
        checked({"fp32": make.dense()}, "variants: {fp32: {inputs: {xx: {shape: [1, 4]}}}}")


def test_another_resolution_needs_its_own_inputs_and_is_compared_all_the_same(checked: Check) -> None:
    models = {"fp32": make.conv(8), "r6": make.conv(6)}
    bare = checked(models)
    assert [(each.name, each.check) for each in bare.refused] == [("r6", 8)]
    assert "inputs differ: give variants.r6.inputs" in bare.refused[0].text
    told = checked(models, "variants: {r6: {inputs: {x: {shape: [1, 1, 6, 6]}}}}")
    assert told.refused == ()
    assert "[1, 1, 6, 6]" in findings(told, "r6")["INPUTS_DIFFER"]["text"]
    assert findings(told, "fp32") == {}


def test_half_precision_inputs_are_cast_without_an_entry(checked: Check) -> None:
    done = checked({"fp32": make.conv(8), "fp16": make.conv(8, dtype=TensorProto.FLOAT16)})
    assert "float16, cast from the baseline's float32" in findings(done, "fp16")["INPUTS_DIFFER"]["text"]
    assert variant(done, "fp16").feeds.sha256 == variant(done, "fp32").feeds.sha256
    golden = variant(done, "fp16").golden
    assert golden is not None
    assert read(done.files[golden.sha256], "y").dtype == np.float16


def test_a_graph_that_takes_fewer_inputs_gets_fewer(checked: Check) -> None:
    node = helper.make_node("Add", ["x", "mask"], ["y"])
    masked = make.model([node], [make.value("x", [1, 4]), make.value("mask", [1, 4])], [make.value("y", [1, 4])])
    plain = make.model([helper.make_node("Relu", ["x"], ["y"])], [make.value("x", [1, 4])], [make.value("y", [1, 4])])
    done = checked({"fp32": masked, "pruned": plain})
    assert set(variant(done, "pruned").feeds.arrays) == {"x"}
    assert "does not take mask" in findings(done, "pruned")["INPUTS_DIFFER"]["text"]
    assert variant(done, "pruned").feeds.sha256 == variant(done, "fp32").feeds.sha256


def test_a_graph_whose_time_depends_on_data_is_told_unless_the_data_are_given(checked: Check, tmp_path: Path) -> None:
    generated = checked({"fp32": make.branching()})
    assert "If" in findings(generated, "fp32")["DATA_DEPENDENT"]["text"]
    np.savez(tmp_path / "v" / "rows.npz", x=np.ones((1, 4), np.float32))
    assert findings(checked({"fp32": make.branching()}, "inputs: {x: rows.npz}"), "fp32") == {}


def test_subnormal_inputs_and_outputs_are_told(checked: Check) -> None:
    done = checked({"fp32": make.dense()}, "inputs: {x: {shape: [1, 4], range: [0, 1.0e-39]}}")
    assert set(findings(done, "fp32")) == {"DENORMALS"}


def test_one_file_under_two_names_is_one_push_and_two_variants(checked: Check) -> None:
    done = checked({"a": make.dense(), "b": make.dense(), "c": make.dense(4, 2)})
    a, b = variant(done, "a"), variant(done, "b")
    assert (a.sha256, a.files) == (b.sha256, b.files)
    assert "The same file as b" in findings(done, "a")["SAME_FILE"]["text"]
    assert set(findings(done, "b")) == {"SAME_FILE"}
    assert "SAME_FILE" not in findings(done, "c")


def test_inputs_of_unsupported_kinds_are_refused_by_name(checked: Check) -> None:
    text = make.model(
        [helper.make_node("Identity", ["words"], ["y"])],
        [make.value("words", [1], TensorProto.STRING)],
        [make.value("y", [1], TensorProto.STRING)],
    )
    with pytest.raises(UsageError, match="input words is a string"):
        checked({"fp32": text})
    with pytest.raises(UsageError, match=r"input x \[100000, 100000\] of float32 takes more than 1 GiB"):
        checked({"fp32": make.dense(100_000, 1, batch=100_000)})


def test_every_dtype_is_drawn_within_its_range(checked: Check) -> None:
    kinds = {
        "uint8": TensorProto.UINT8,
        "int32": TensorProto.INT32,
        "bool": TensorProto.BOOL,
        "double": TensorProto.DOUBLE,
    }
    nodes = [helper.make_node("Cast", [name], [f"{name}.y"], to=TensorProto.FLOAT) for name in kinds]
    inputs = [make.value(name, [64], kind) for name, kind in kinds.items()]
    outputs = [make.value(f"{name}.y", [64]) for name in kinds]
    done = checked({"fp32": make.model(nodes, inputs, outputs)})
    assert array(done, "fp32", "uint8").max() > 1
    assert set(array(done, "fp32", "int32")) == {0, 1}
    assert array(done, "fp32", "bool").dtype == np.bool_
    assert array(done, "fp32", "double").dtype == np.float64
    assert variant(done, "fp32").quantised is False


def test_named_dimensions_are_bound_for_the_board_and_unnamed_ones_are_left() -> None:
    graph = Graph(
        17,
        8,
        frozenset({""}),
        (Tensor("ids", "int64", ("batch", "seq")), Tensor("x", "float32", ("x.0", 3))),
        frozenset(),
        (),
        quantised=False,
    )
    assert graph.bound({"ids": (1, 64), "x": (5, 3)}) == {"batch": 1, "seq": 64}
