"""The model that costs nothing: what its launch takes is the farm's own share."""

from __future__ import annotations

from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.model import FLOOR, Feeds, FileRef, Variant

SHAPE = [1, 64]
OPSET, IR = 17, 8


def floor_model(scratch: Path) -> tuple[Variant, dict[str, Path]]:
    """One Identity node on [1, 64] floats: the variant, and its files by digest."""
    import numpy as np

    from farm_orchestrator.variants.arrays import save

    path = scratch / "floor.onnx"
    path.write_bytes(_model())
    sha256, feeds = digest.afresh(path), save(scratch, {"x": np.zeros(SHAPE, np.float32)})
    variant = Variant(
        name=FLOOR,
        sha256=sha256,
        files=(FileRef("model.onnx", sha256, path.stat().st_size),),
        opset=OPSET,
        feeds=Feeds(feeds.sha256, feeds.size, {"x": "x"}),
        ir=IR,
    )
    return variant, {sha256: path, feeds.sha256: feeds.path}


def _model() -> bytes:
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "floor", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="benchfarm")
    model.ir_version = IR
    return bytes(model.SerializeToString())
