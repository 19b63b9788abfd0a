"""The checks that are pure: room, versions, digests, and what a graph says of itself."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import variants_support as make
from farm_orchestrator import digest
from farm_orchestrator.runtimes import NEWEST
from farm_orchestrator.variants.arrays import save
from farm_orchestrator.variants.checks import Refusal
from farm_orchestrator.variants.checks.dry import judge, subnormal
from farm_orchestrator.variants.checks.graph import read
from farm_orchestrator.variants.checks.support import check_support
from farm_orchestrator.variants.sandbox import Ended


def test_an_older_runtime_refuses_what_a_newer_one_takes() -> None:
    check_support(21, 10, {"", "com.microsoft"}, "1.19.2")
    with pytest.raises(Refusal, match=r"opset 22; onnxruntime 1\.19\.2 takes 21 at most"):
        check_support(22, 10, {""}, "1.19.2")
    with pytest.raises(Refusal, match="IR version 11"):
        check_support(21, 11, {""}, "1.19.2")


@pytest.mark.parametrize("version", ["1.99.0", "2.0.0.dev1", "", "nightly"])
def test_an_unknown_runtime_leaves_it_to_the_dry_load(version: str) -> None:
    check_support(99, 99, {""}, version)


def test_the_table_never_goes_back() -> None:
    rows = [NEWEST[version] for version in sorted(NEWEST)]
    assert all(old[0] <= new[0] and old[1] <= new[1] for old, new in pairwise(rows))


def test_a_custom_operator_inside_a_branch_is_found() -> None:
    arm = helper.make_graph(
        [helper.make_node("Odd", ["x"], ["o"], domain="com.acme")], "arm", [], [make.value("o", [1, 4])]
    )
    always = numpy_helper.from_array(np.array(True), "always")  # noqa: FBT003 - a tensor
    node = helper.make_node("If", ["always"], ["y"], then_branch=arm, else_branch=arm)
    graph = read(make.model([node], [make.value("x", [1, 4])], [make.value("y", [1, 4])], [always]))
    assert graph.domains == {"", "com.acme"}
    assert graph.data_dependent == ("If",)


def test_a_domain_that_is_only_imported_is_no_reason_to_refuse() -> None:
    model = make.model(
        [helper.make_node("Relu", ["x"], ["y"])],
        [make.value("x", [1])],
        [make.value("y", [1])],
        domains={"org.example.unused": 1},
    )
    assert read(model).domains == {""}


def test_ids_are_followed_through_casts_and_not_mistaken_for_tables() -> None:
    assert read(make.lookup()).ids == {"ids"}
    node = helper.make_node("Gather", ["x", "first"], ["y"])
    first = numpy_helper.from_array(np.zeros(1, np.int64), "first")
    table = make.model([node], [make.value("x", [3, 2], TensorProto.INT64)], [make.value("y", [1, 2])], [first])
    assert read(table).ids == frozenset()


def test_a_weight_of_eight_bits_or_a_q_node_makes_a_model_quantised() -> None:
    assert not read(make.dense()).quantised
    small = numpy_helper.from_array(np.zeros((4, 3), np.int8), "w8")
    model = make.dense()
    model.graph.initializer.append(small)
    assert read(model).quantised


@pytest.mark.parametrize(
    ("ended", "fragment"),
    [
        (Ended(0, 11, 0, None, "", ()), "CRASH: onnxruntime ended with SIGSEGV"),
        (Ended(0, 24, 0, None, "", ()), "TIMEOUT"),
        (Ended(0, 9, 0, None, "", ()), "TIMEOUT"),
        (Ended(0, 0, 1, None, "", ()), "CRASH: onnxruntime ended with code 1"),
        (Ended(0, 0, 0, "MemoryError", "", ()), "OUT_OF_MEMORY"),
        (Ended(0, 0, 0, "RuntimeException", "std::bad_alloc", ()), "OUT_OF_MEMORY"),
        (Ended(0, 0, 0, "Fail", "[ONNXRuntimeError] : 1 : FAIL : odd", ()), "INVALID_GRAPH: odd"),
        (Ended(0, 0, 0, None, "", ("y",)), "CRASH: the outputs cannot be read"),
    ],
)
def test_every_way_to_end_has_its_kind(tmp_path: Path, ended: Ended, fragment: str) -> None:
    with pytest.raises(Refusal) as told:
        judge(ended, tmp_path)
    assert fragment in told.value.text
    assert told.value.check == 8


def test_subnormal_numbers_are_those_below_the_normal_range() -> None:
    tiny = np.finfo(np.float32).tiny
    assert subnormal(np.array([0.0, tiny / 2], np.float32))
    assert not subnormal(np.array([0.0, tiny, 1.0], np.float32))
    assert not subnormal(np.array([1e-7], np.float16))
    assert not subnormal(np.array([1]))


def test_a_file_of_arrays_depends_on_the_arrays_alone(tmp_path: Path) -> None:
    a, b = np.arange(3), np.ones((2, 2), np.float16)
    one, two = save(tmp_path, {"file": a, "b/../c": b}), save(tmp_path, {"b/../c": b, "file": a})
    assert one == two
    assert one.sha256 == digest.afresh(one.path)
    with np.load(one.path) as stored:
        assert np.array_equal(stored["file"], a)
        assert np.array_equal(stored["b/../c"], b)
