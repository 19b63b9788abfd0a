"""A model of some hundred microseconds on one thread, for launches that look for what the farm itself costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.variants.arrays import Array, Stored, save

ROWS, WIDTH, LAYERS = 128, 192, 8
OPSET, IR = 17, 8


@dataclass(frozen=True)
class Small:
    """Its files; the graph has the input x."""

    file: Path
    sha256: str
    inputs: Stored


def small_model(scratch: Path) -> Small:
    """Multiplies x by w again and again; the weights are a rotation, so that no value grows however often."""
    import numpy as np

    random = np.random.default_rng(1)
    turned, _ = np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))
    path = scratch / "small.onnx"
    path.write_bytes(_graph(turned.astype(np.float32)))
    return Small(path, digest.afresh(path), save(scratch, {"x": random.random((ROWS, WIDTH), np.float32)}))


def _graph(weights: Array) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    names = ["x", *(f"h{layer}" for layer in range(1, LAYERS)), "y"]
    nodes = [helper.make_node("MatMul", [names[at], "w"], [names[at + 1]]) for at in range(LAYERS)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [ROWS, WIDTH]) for name in ("x", "y"))
    graph = helper.make_graph(nodes, "small", [x], [y], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="benchfarm")
    model.ir_version = IR
    return bytes(model.SerializeToString())
