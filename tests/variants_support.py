"""Small models and folders for the tests of the variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SEED = 0
Shape = Sequence[int | str]


def value(name: str, shape: Shape, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def weights(name: str, shape: Sequence[int], dtype: Any = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.random.default_rng(SEED).standard_normal(shape).astype(dtype), name)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: Sequence[TensorProto] = (),
    *,
    opset: int = 17,
    ir: int = 8,
    domains: Mapping[str, int] | None = None,
) -> ModelProto:
    graph = helper.make_graph(list(nodes), "test", list(inputs), list(outputs), list(initializers))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, v) for d, v in (domains or {}).items())]
    made = helper.make_model(graph, opset_imports=opsets)
    made.ir_version = ir
    return made


def dense(inputs: int = 4, classes: int = 3, *, batch: int | str = "N", dtype: int = TensorProto.FLOAT) -> ModelProto:
    """One product: x @ w -> logits."""
    numpy_type = helper.tensor_dtype_to_np_dtype(dtype)
    return model(
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        [value("x", [batch, inputs], dtype)],
        [value("logits", [batch, classes], dtype)],
        [weights("w", [inputs, classes], numpy_type)],
    )


def conv(size: int = 8, *, dtype: int = TensorProto.FLOAT, opset: int = 17) -> ModelProto:
    """A 3x3 convolution of one channel on size x size."""
    numpy_type = helper.tensor_dtype_to_np_dtype(dtype)
    return model(
        [helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3])],
        [value("x", ["N", 1, size, size], dtype)],
        [value("y", ["N", 2, size - 2, size - 2], dtype)],
        [weights("w", [2, 1, 3, 3], numpy_type)],
        opset=opset,
    )


def lookup(rows: int = 10) -> ModelProto:
    """Ids, cast on the way, pick rows of a table."""
    return model(
        [
            helper.make_node("Cast", ["ids"], ["wide"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "wide"], ["y"]),
        ],
        [value("ids", ["batch", "seq"], TensorProto.INT64)],
        [value("y", ["batch", "seq", 4])],
        [weights("table", [rows, 4])],
    )


def constant_of(name: str, shape: Sequence[int], number: float) -> list[NodeProto]:
    """A tensor made when the model runs."""
    size = numpy_helper.from_array(np.array(shape, np.int64))
    fill = numpy_helper.from_array(np.array([number], np.float32))
    return [
        helper.make_node("Constant", [], [f"{name}.shape"], value=size),
        helper.make_node("ConstantOfShape", [f"{name}.shape"], [name], value=fill),
    ]


def branching() -> ModelProto:
    """`If` on the sign of the first number."""
    zero = numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    first = numpy_helper.from_array(np.zeros(1, np.int64), "first")
    arms = [
        helper.make_graph([helper.make_node(op, ["x"], [f"{op}.y"])], op, [], [value(f"{op}.y", [1, 4])])
        for op in ("Relu", "Neg")
    ]
    return model(
        [
            helper.make_node("Flatten", ["x"], ["row"], axis=0),
            helper.make_node("Gather", ["row", "first"], ["one"], axis=1),
            helper.make_node("Greater", ["one", "zero"], ["sign"]),
            helper.make_node("If", ["sign"], ["y"], then_branch=arms[0], else_branch=arms[1]),
        ],
        [value("x", [1, 4])],
        [value("y", [1, 4])],
        [zero, first],
    )


def folder(path: Path, models: Mapping[str, ModelProto | bytes], yaml: str | None = None) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, made in models.items():
        content = made if isinstance(made, bytes) else made.SerializeToString()
        (path / f"{name}.onnx").write_bytes(content)
    if yaml is not None:
        (path / "variants.yaml").write_text(yaml, encoding="utf-8")
    return path
