"""Checks 5 and 6: the model parsed without its weights' files, and what onnx itself says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships none
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from farm_orchestrator.variants.checks.refusal import Refusal

STANDARD = ("", "ai.onnx")
SMALL_INTEGERS = {TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4}
QUANTISED_OPS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
DATA_DEPENDENT_OPS = ("NonMaxSuppression", "Loop", "If")
LOOKUPS = {"Gather", "GatherElements", "GatherND"}  # the ids are the second input
CARRIERS = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}  # ids stay ids


@dataclass(frozen=True)
class Tensor:
    """A graph input. `dtype`: numpy's name, or onnx's where numpy has none; a dimension is a number or a symbol."""

    name: str
    dtype: str
    dims: tuple[int | str, ...] | None


@dataclass(frozen=True)
class Graph:
    """What the checks and the inputs need to know. `ids`: inputs that index a table; `tensors`: external data."""

    opset: int
    ir: int
    domains: frozenset[str]
    inputs: tuple[Tensor, ...]
    ids: frozenset[str]
    data_dependent: tuple[str, ...]
    quantised: bool

    def input(self, name: str) -> Tensor | None:
        return next((tensor for tensor in self.inputs if tensor.name == name), None)

    def bound(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """The named symbolic dimensions as inputs of these shapes bind them; a session may then fix them."""
        sizes = ((tensor, zip(tensor.dims or (), shapes[tensor.name], strict=False)) for tensor in self.inputs)
        return {
            dim: size
            for tensor, pairs in sizes
            for axis, (dim, size) in enumerate(pairs)
            if isinstance(dim, str) and dim != unnamed(tensor.name, axis)
        }


def parse(path: Path) -> ModelProto:
    """Check 5, first half. The file is parsed, nothing beside it is opened."""
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        raise Refusal(5, "is no ONNX model, or a truncated one", "copy or export it again") from None
    if not model.HasField("graph") or not model.graph.node:
        raise Refusal(5, "holds no graph", "copy or export it again")
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    odd = next((name for name in names if not name or not name.isprintable()), None)
    if odd is not None:
        raise Refusal(5, f"has an input or output called {odd!r}", "export it with plain names")
    return model


def check_model(path: Path) -> None:
    """Check 6: onnx's own checker with shape inference."""
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        raise Refusal(6, f"is no valid ONNX model: {_first(str(error))}", "export it again") from None


def _first(text: str) -> str:
    """Without the dump of the whole node that follows."""
    return text.partition("==> Context")[0].strip()


def read(model: ModelProto) -> Graph:
    nodes = tuple(nodes_of(model))
    operators = {node.op_type for node in nodes}
    small = any(tensor.data_type in SMALL_INTEGERS for tensor in model.graph.initializer)
    return Graph(
        opset=max((entry.version for entry in model.opset_import if entry.domain in STANDARD), default=1),
        ir=model.ir_version,
        domains=frozenset(node.domain for node in nodes) - {function.domain for function in model.functions},
        inputs=tuple(_inputs(model.graph)),
        ids=_ids(model.graph),
        data_dependent=tuple(name for name in DATA_DEPENDENT_OPS if name in operators),
        quantised=small or not operators.isdisjoint(QUANTISED_OPS),
    )


def nodes_of(model: ModelProto) -> Iterator[NodeProto]:
    """Every node: of the graph, of what Loop and If hold, of the model's own functions."""
    yield from _walk(model.graph.node)
    for function in model.functions:
        yield from _walk(function.node)


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor that could have its bytes in another file."""
    yield from _stored(model.graph)
    for training in model.training_info:
        yield from _stored(training.initialization)
        yield from _stored(training.algorithm)
    for node in nodes_of(model):
        for attribute in node.attribute:
            yield from _held(attribute)


def _walk(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _walk(graph.node)


def _held(attribute: AttributeProto) -> Iterator[TensorProto]:
    yield from (attribute.t, *attribute.tensors)
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield from (sparse.values, sparse.indices)
    for graph in (attribute.g, *attribute.graphs):
        yield from _stored(graph)


def _stored(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def _inputs(graph: GraphProto) -> Iterator[Tensor]:
    constants = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        if value.name not in constants:
            yield Tensor(value.name, _dtype(value), _dims(value))


def _dtype(value: ValueInfoProto) -> str:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return str(kind or "unknown").removesuffix("_type")
    number = value.type.tensor_type.elem_type
    name = TensorProto.DataType.Name(number).lower() if number in TensorProto.DataType.values() else "unknown"
    return {"float": "float32", "double": "float64"}.get(name, name)


def _dims(value: ValueInfoProto) -> tuple[int | str, ...] | None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.dim_value > 0 else dim.dim_param or unnamed(value.name, axis)
        for axis, dim in enumerate(tensor.shape.dim)
    )


def unnamed(tensor: str, axis: int) -> str:
    """What stands for a dimension without number and name."""
    return f"{tensor}.{axis}"


def _ids(graph: GraphProto) -> frozenset[str]:
    """Inputs that end, maybe after a cast or a reshape, as the ids of a table look-up."""
    origin = {value.name: value.name for value in graph.input}
    found = set()
    for node in graph.node:
        if node.op_type in LOOKUPS and len(node.input) > 1:
            found.add(origin.get(node.input[1]))
        elif node.op_type == "EmbedLayerNormalization":
            found.update(origin.get(name) for name in node.input[:2])
        elif node.op_type in CARRIERS and node.input and node.input[0] in origin:
            origin[node.output[0]] = origin[node.input[0]]
    return frozenset(name for name in found if name is not None)
