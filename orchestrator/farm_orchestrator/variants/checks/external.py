"""Check 5, second half: weights in files beside the model, and nowhere else."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from onnx import ModelProto, TensorProto

from farm_orchestrator.variants.arrays import Stored
from farm_orchestrator.variants.checks.files import copy, regular
from farm_orchestrator.variants.checks.graph import tensors_of
from farm_orchestrator.variants.checks.refusal import Refusal

BITS = {"INT2": 2, "UINT2": 2, "INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "DOUBLE": 64, "COMPLEX64": 64, "COMPLEX128": 128}
BITS |= {"FLOAT16": 16, "BFLOAT16": 16, "INT16": 16, "UINT16": 16, "FLOAT": 32, "INT32": 32, "UINT32": 32}
BITS |= {"INT64": 64, "UINT64": 64}  # everything else has 8
MEND = "put the data file beside the model and refer to it by its plain name"


@dataclass(frozen=True)
class Piece:
    """The bytes [0, end) that a tensor needs of the file `name`."""

    tensor: str
    name: str
    end: int


def gather(model: ModelProto, source: Path, target: Path) -> tuple[Stored, ...]:
    """The data files of a model in `source`, copied to `target` in name order. Raises Refusal(5)."""
    pieces = tuple(_pieces(model))
    ends = {piece.name: 0 for piece in pieces}
    for piece in pieces:
        ends[piece.name] = max(ends[piece.name], piece.end)
    stored = tuple(_bring(source / name, target / name) for name in sorted(ends))
    for piece in pieces:
        size = (target / piece.name).stat().st_size
        if size < piece.end:
            raise Refusal(
                5, f"{piece.name} has {size:,} bytes, tensor {piece.tensor} needs {piece.end:,}", "copy it again"
            )
    return stored


def _pieces(model: ModelProto) -> Iterator[Piece]:
    for tensor in tensors_of(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            yield _piece(tensor)


def _piece(tensor: TensorProto) -> Piece:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    name = _plain(entries.get("location", ""), tensor.name)
    offset, length = _count(entries.get("offset", "0")), _count(entries.get("length", "0"))
    return Piece(tensor.name, name, offset + max(length, _bytes(tensor)))


def _plain(name: str, tensor: str) -> str:
    if name in ("", ".", "..") or name != os.path.basename(name) or "\\" in name or not name.isprintable():  # noqa: PTH119 - text, no path yet
        raise Refusal(5, f"keeps tensor {tensor} in {name!r}, which is no plain file name", MEND)
    if name == "model.onnx":
        raise Refusal(5, f"keeps tensor {tensor} in a file called model.onnx", "give the data file another name")
    return name


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refusal(5, f"has the external data offset or length {text!r}", "export it again")
    return int(text)


def _bytes(tensor: TensorProto) -> int:
    known = tensor.data_type in TensorProto.DataType.values()
    bits = BITS.get(TensorProto.DataType.Name(tensor.data_type), 8) if known else 8
    elements: int = math.prod(max(dim, 0) for dim in tensor.dims)
    return (elements * bits + 7) // 8


def _check_alone(file: BinaryIO) -> None:
    """A second name for a file elsewhere would carry that file to the boards."""
    if os.fstat(file.fileno()).st_nlink != 1:
        raise Refusal(5, "is a hard link to another file")


def _bring(source: Path, target: Path) -> Stored:
    try:
        with regular(source) as file:
            _check_alone(file)
            return copy(file, target)
    except Refusal as refusal:
        raise Refusal(5, f"external data {source.name} {refusal.text}", MEND) from None
