"""Makes the example: trains a small CNN on scikit-learn's digits and writes its variants, the dataset and figures.

    python make.py OUT_DIR

Takes about two minutes on two cores. requirements.txt beside this file names what must be installed. Results depend
on the CPU in the last digits; the seed makes them repeatable on one machine.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

SEED = 0
SCALE = 1 / 16
OPSET, IR = 17, 8
CALIBRATION_ROWS = 32


def main(out: Path) -> None:
    torch.set_num_threads(2)
    splits = split()
    teacher = train(Digits(32), splits["train"], loss=hard_loss)
    student = train(Digits(8), splits["train"], loss=distillation_loss(teacher))
    save_dataset(splits, out / "digits.npz")
    fp32, distilled = out / "fp32.onnx", out / "distilled.onnx"
    export(teacher, fp32)
    export(student, distilled, {"parent": "fp32", "recipe": "distilled", "width": 8, "temperature": 3})
    make_fp16(fp32, out / "fp16.onnx")
    make_static(fp32, out / "int8.onnx", splits["calibration"][0])
    make_dynamic(fp32, out / "int8-dynamic.onnx")
    make_pruned(fp32, out / "struct50.onnx", fraction=0.5)
    print_figures(out, *splits["test"])


# --- data


def split() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """uint8 images [n, 1, 32, 32] of 0..16 and labels: 1000 train, 100 calibration, 200 validation, 497 test."""
    digits = load_digits()
    order = np.random.default_rng(SEED).permutation(len(digits.target))
    small = digits.images.astype(np.uint8)[order]
    images = small.repeat(4, axis=1).repeat(4, axis=2)[:, None]
    labels = digits.target.astype(np.int64)[order]
    bounds = {"train": (0, 1000), "calibration": (1000, 1100), "validation": (1100, 1300), "test": (1300, 1797)}
    return {name: (images[low:high], labels[low:high]) for name, (low, high) in bounds.items()}


def floats(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) * np.float32(SCALE)


def save_dataset(splits: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    images, labels = splits["test"]
    np.savez_compressed(path, images=images, y=labels, calibration=splits["calibration"][0])


# --- models


def block(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6())


class Digits(nn.Module):
    """Depthwise and residual CNN on 32x32, as wide as `width`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.stem = block(1, w, 3, stride=2)
        self.narrow = nn.Sequential(block(w, w, 3, groups=w), block(w, 2 * w, 1))
        self.wide = nn.Sequential(block(2 * w, 2 * w, 3, stride=2, groups=2 * w), block(2 * w, 4 * w, 1))
        self.residual = nn.Sequential(block(4 * w, 4 * w, 3), block(4 * w, 4 * w, 3))
        self.head = nn.Linear(4 * w, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.wide(self.narrow(self.stem(x)))
        return self.head((x + self.residual(x)).mean((2, 3)))


def hard_loss(logits: torch.Tensor, _x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, y)


def distillation_loss(teacher: nn.Module):
    def loss(logits: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            soft = F.softmax(teacher(x) / 3, dim=1)
        match = F.kl_div(F.log_softmax(logits / 3, dim=1), soft, reduction="batchmean")
        return 0.3 * F.cross_entropy(logits, y) + 0.7 * 9 * match

    return loss


def train(model: nn.Module, rows: tuple[np.ndarray, np.ndarray], loss, epochs: int = 12) -> nn.Module:
    torch.manual_seed(SEED)
    for layer in model.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    x, y = torch.from_numpy(floats(rows[0])), torch.from_numpy(rows[1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(x)).split(32):
            optimiser.zero_grad()
            loss(model(x[batch]), x[batch], y[batch]).backward()
            optimiser.step()
        schedule.step()
    return model.eval()


# --- files


def export(model: nn.Module, path: Path, facts: dict | None = None) -> None:
    torch.onnx.export(
        model, (torch.zeros(1, 1, 32, 32),), path, dynamo=False, opset_version=OPSET,
        input_names=["x"], output_names=["logits"], dynamic_axes={"x": {0: "N"}, "logits": {0: "N"}},
    )  # fmt: skip
    write(onnx.load(path), path, {"recipe": "trained", **(facts or {})})


def write(model: onnx.ModelProto, path: Path, facts: dict) -> None:
    """Saves with what made the file in metadata_props, checked, in an IR that old runtimes load."""
    model.ir_version = IR
    drop_unused_domains(model)
    facts = {**facts, "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "torch": torch.__version__}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {f"benchfarm.{name}": str(value) for name, value in facts.items()})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def drop_unused_domains(model: onnx.ModelProto) -> None:
    """The quantiser's pre-processing imports every operator set it knows."""
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def parent(path: Path) -> dict:
    return {"parent": path.stem, "parent_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def make_fp16(source: Path, path: Path) -> None:
    model = OnnxModel(convert_float_to_float16(onnx.load(source), keep_io_types=True))
    model.topological_sort()  # the converter appends its casts at the end
    write(model.model, path, {**parent(source), "recipe": "fp16"})


class Rows(CalibrationDataReader):
    def __init__(self, rows: np.ndarray) -> None:
        self.rest = iter(floats(rows))

    def get_next(self) -> dict | None:
        row = next(self.rest, None)
        return None if row is None else {"x": row[None]}


def make_static(source: Path, path: Path, calibration: np.ndarray) -> None:
    rows = calibration[:CALIBRATION_ROWS]
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared.onnx"
        quant_pre_process(source, prepared)
        quantize_static(
            prepared, path, Rows(rows), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip
    digest = hashlib.sha256(rows.tobytes()).hexdigest()
    facts = {"recipe": "qdq_u8s8_pc", "calibration_rows": len(rows), "calibration_sha256": digest}
    write(onnx.load(path), path, {**parent(source), **facts})


def make_dynamic(source: Path, path: Path) -> None:
    quantize_dynamic(source, path, weight_type=QuantType.QUInt8)
    write(onnx.load(path), path, {**parent(source), "recipe": "dynamic_u8"})


# --- structured pruning

PASSES = {"BatchNormalization", "Relu", "Clip", "Sigmoid", "HardSwish", "LeakyRelu"}


def make_pruned(source: Path, path: Path, fraction: float) -> None:
    """Cuts the weakest output channels (L1) of every Conv whose only reader is another Conv; no fine-tuning."""
    model = onnx.load(source)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    pairs = chains(model.graph)
    if not pairs:
        raise SystemExit("struct_prune found no chain of two Convs; nothing changed")
    for first, between, second in pairs:
        prune(weights, first, between, second, fraction)
    write(shape_free(model), path, {**parent(source), "recipe": "struct_prune", "fraction": fraction})


def chains(graph: onnx.GraphProto) -> list[tuple]:
    """(Conv A, the nodes between, Conv B), group 1 both, every tensor on the way read once."""
    readers: dict[str, list] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    found = []
    for first in filter(is_plain_conv, graph.node):
        between, node = [], first
        while len(readers.get(node.output[0], [])) == 1:
            node = readers[node.output[0]][0]
            if node.op_type not in PASSES:
                break
            between.append(node)
        if node is not first and is_plain_conv(node):
            found.append((first, between, node))
    return found


def is_plain_conv(node: onnx.NodeProto) -> bool:
    groups = [attribute.i for attribute in node.attribute if attribute.name == "group"]
    return node.op_type == "Conv" and groups in ([], [1])


def prune(weights: dict, first: onnx.NodeProto, between: list, second: onnx.NodeProto, fraction: float) -> None:
    kernel = numpy_helper.to_array(weights[first.input[1]])
    keep_n = max(8, round(len(kernel) * (1 - fraction) / 8) * 8)
    strength = np.abs(kernel).sum(axis=tuple(range(1, kernel.ndim)))
    keep = np.sort(np.argsort(strength)[::-1][:keep_n])
    per_channel = [*first.input[1:], *(n for node in between if node.op_type == "BatchNormalization" for n in node.input[1:])]
    for name in per_channel:
        cut(weights[name], keep, axis=0)
    cut(weights[second.input[1]], keep, axis=1)


def cut(tensor: onnx.TensorProto, keep: np.ndarray, axis: int) -> None:
    array = numpy_helper.to_array(tensor).take(keep, axis=axis)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))


def shape_free(model: onnx.ModelProto) -> onnx.ModelProto:
    """Intermediate shapes were those of the wide model."""
    del model.graph.value_info[:]
    return model


# --- figures


def print_figures(out: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Top-1 on the test rows and SQNR to fp32; the table of the README beside this folder."""
    x = floats(images)
    logits = {path.stem: run(path, x) for path in sorted(out.glob("*.onnx"))}
    rows = [figures(out / f"{name}.onnx", z, logits["fp32"], labels) for name, z in logits.items()]
    print(json.dumps(rows, indent=1))


def run(path: Path, x: np.ndarray) -> np.ndarray:
    """Row by row, as a board does: a dynamically quantised model has one scale per call."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["logits"], {"x": row[None]})[0] for row in x]).astype(np.float64)


def figures(path: Path, z: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> dict:
    noise = float(((z - reference) ** 2).sum())
    sqnr = round(10 * float(np.log10((reference**2).sum() / noise)), 1) if noise else "exact"
    top1 = round(float((z.argmax(1) == labels).mean()), 4)
    return {"variant": path.stem, "bytes": path.stat().st_size, "top1": top1, "sqnr_db": sqnr}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
