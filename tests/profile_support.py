"""Variants to be profiled: a small convolutional network, its static int8 twin, and what else a graph may be like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from farm_orchestrator.model import Feeds, Variant
from farm_orchestrator.store import Artefacts

SIDE, WIDTH = 32, 48
LAYERS = 4


class Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    def __init__(self, count: int = 4) -> None:
        self.left: Iterator[Any] = iter([{"x": picture(index)} for index in range(count)])

    def get_next(self) -> Any:
        return next(self.left, None)


def picture(seed: int) -> Any:
    return np.random.default_rng(seed).random((1, 3, SIDE, SIDE), np.float32)


def network(*, named: bool = True, prefix: str = "/body") -> ModelProto:
    """Convolutions with their activations, a mean over the picture, ten classes."""
    rng, nodes, weights, before, channels = np.random.default_rng(1), [], [], "x", 3

    def node(op: str, name: str, inputs: list[str], output: str, **more: Any) -> None:
        nodes.append(helper.make_node(op, inputs, [output], name=f"{prefix}/{name}" if named else "", **more))

    for index in range(LAYERS):
        name, made = f"{prefix}.{index}.weight", f"{prefix}/conv{index}_output_0"
        scale = np.sqrt(2 / (9 * channels))
        weights.append(
            numpy_helper.from_array((rng.standard_normal((WIDTH, channels, 3, 3)) * scale).astype(np.float32), name)
        )
        node("Conv", f"conv{index}", [before, name], made, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        before, channels = f"{prefix}/relu{index}_output_0", WIDTH
        node("Relu", f"relu{index}", [made], before)
    node("GlobalAveragePool", "pool", [before], f"{prefix}/pool_output_0")
    node("Flatten", "flatten", [f"{prefix}/pool_output_0"], f"{prefix}/flat_output_0")
    weights.append(numpy_helper.from_array(rng.standard_normal((WIDTH, 10)).astype(np.float32), f"{prefix}.head"))
    node("Gemm", "head", [f"{prefix}/flat_output_0", f"{prefix}.head"], "logits")
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, 3, SIDE, SIDE]), ("logits", [1, 10]))
    ]
    graph = helper.make_graph(nodes, "network", tensors[:1], tensors[1:], weights)
    made_model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made_model)
    return made_model


def int8_of(model: Path, target: Path) -> Path:
    quantize_static(
        model,
        target,
        Pictures(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    return target


def kept(artefacts: Artefacts, file: Path, name: str, **fields: Any) -> Variant:
    """The variant of a file that is an artefact from now on."""
    inputs = file.parent / "inputs.npz"
    np.savez(inputs, x=picture(0))
    model, fed = artefacts.put(file), artefacts.put(inputs)
    return Variant(name, model.sha256, (model,), 17, Feeds(fed.sha256, fed.size, {"x": "x"}), **fields)


def arms(artefacts: Artefacts, folder: Path) -> list[Variant]:
    """fp32; int8 made from it; a graph without names; one that has nothing to do with the others."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {"fp32": network(), "bare": network(named=False), "other": network(prefix="/trunk")}
    files = {name: folder / f"{name}.onnx" for name in models}
    for name, model in models.items():
        onnx.save(model, files[name])
    files["int8"] = int8_of(files["fp32"], folder / "int8.onnx")
    made = {"fp32": {}, "int8": {"parent": "fp32", "quantised": True}, "bare": {}, "other": {}}
    return [kept(artefacts, files[name], name, **fields) for name, fields in made.items()]
