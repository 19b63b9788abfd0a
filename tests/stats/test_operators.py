"""Medians of operators over the calls of a profile, and the way back from a name to the original graph."""

from __future__ import annotations

import numpy as np
import pytest

from farm_reports.stats.anchors import anchor_of
from farm_reports.stats.operators import Anchored, Trace, groups, profiled, share

CALL_US = 1000


def trace(times: dict[tuple[str, str], list[int]], *, order: int = 1) -> Trace:
    """By node: its time in each call; the calls in the file forwards or backwards."""
    calls = len(next(iter(times.values())))
    runs = [(CALL_US * index, CALL_US - 100) for index in range(calls)]
    events = [
        (node, CALL_US * index + 10 * node + 1, us)
        for node, each in enumerate(times.values())
        for index, us in enumerate(each)
    ]
    return Trace(tuple(times), np.array(runs[::order]), np.array(events[::order]).reshape(-1, 3))


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_calls_do_not_count_wherever_they_stand_in_the_file(order: int) -> None:
    found = profiled(trace({("a", "Conv"): [900] * 5 + [10, 20, 30, 40]}, order=order))
    (node,) = found.nodes
    assert (found.calls, found.kept, found.call_us) == (9, 4, 900.0)
    assert (node.name, node.op, node.us, node.low_us) == ("a", "Conv", 25.0, 17.5)


def test_a_trace_of_the_first_calls_alone_is_none() -> None:
    with pytest.raises(ValueError, match="holds 5 calls, and the first 5 do not count"):
        profiled(trace({("a", "Conv"): [1] * 5}))
    with pytest.raises(ValueError, match="holds 0 calls"):
        profiled(Trace((), np.zeros((0, 2), np.int64), np.zeros((0, 3), np.int64)))


def test_what_runs_several_times_in_a_call_adds_up_and_what_holds_others_is_left_to_them() -> None:
    once = trace({("loop", "Loop"): [60] * 7, ("body", "Add"): [20] * 7})
    twice = Trace(once.nodes, once.runs, np.concatenate([once.events, once.events[7:] + np.array([0, 30, 0])]))
    (body,) = profiled(twice).nodes
    assert (body.name, body.us) == ("body", 40.0)


def test_nodes_of_one_kind_behind_one_anchor_are_one_row_and_the_shares_make_a_whole() -> None:
    nodes = [
        Anchored("conv", "Conv", 60.0, 50.0),
        Anchored("conv", "Mul", 4.0, 3.0),
        Anchored("conv", "Mul", 6.0, 5.0),
        Anchored(None, "Transpose", 30.0, 20.0),
    ]
    rows = groups(nodes)
    assert [(row.anchor, row.op, row.nodes, row.us, row.low_us) for row in rows] == [
        ("conv", "Conv", 1, 60.0, 50.0), (None, "Transpose", 1, 30.0, 20.0), ("conv", "Mul", 2, 10.0, 8.0),
    ]  # fmt: skip
    assert sum(row.share for row in rows) == pytest.approx(1.0)
    assert [row.tiny for row in rows] == [False, False, True], "under 10 us each"
    assert share(nodes) == pytest.approx(0.7)
    assert share([]) is None
    assert share([Anchored(None, "Add", 0.0, 0.0)]) is None


ANCHORS = {"/stem/Conv": "/stem/Conv", "/stem/Clip": "/stem/Conv", "/stem/Conv_output_0": "/stem/Conv",
           "/stem/Clip_output_0": "/stem/Conv", "stem.weight": "/stem/Conv", "/head/Gemm": "/head/Gemm", "logits": "/head/Gemm"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "anchor"),
    [
        ("/stem/Conv", "/stem/Conv"),
        ("/stem/Clip_output_0_nchwc", "/stem/Conv"),
        ("/stem/Conv_token_16", "/stem/Conv"),
        ("fused /stem/Conv", "/stem/Conv"),
        ("InsertedPrecisionFreeCast_/stem/Conv_output_0_nchwc", "/stem/Conv"),
        ("/stem/Conv_output_0_output_quantized_cast", "/stem/Conv"),
        ("/stem/Conv_quant_output_scale_mul", "/stem/Conv"),
        ("/stem/Conv_output_0_bias_add", "/stem/Conv"),
        ("/stem/Clip_output_0_QuantizeLinear", "/stem/Conv"),
        ("stem.weight_DequantizeLinear", "/stem/Conv"),
        ("/head/Gemm_MatMul_quant", "/head/Gemm"),
        ("logits_DequantizeLinear_Output/InsertedPrecisionFreeCast_0", "/head/Gemm"),
        ("Transpose_token_21", None),
        ("ReorderOutput", None),
        ("x_QuantizeLinear", None),
        ("", None),
        ("_mul" * 400, None),
    ],
)
def test_a_name_leads_back_to_the_node_that_it_stands_for(name: str, anchor: str | None) -> None:
    assert anchor_of(name, ANCHORS) == anchor
