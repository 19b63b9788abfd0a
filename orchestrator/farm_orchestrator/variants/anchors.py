"""What the names in a graph stand for: its nodes, its tensors and its weights, each with the node that does the work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator.variants.checks import Refusal, graph

if TYPE_CHECKING:
    from onnx import NodeProto

TAILS = frozenset(
    {
        "Relu", "Clip", "BatchNormalization", "Sigmoid", "HardSwish", "LeakyRelu", "Dropout", "Identity", "Reshape",
        "Flatten", "Squeeze", "Unsqueeze", "Mul", "Transpose", "QuantizeLinear", "DequantizeLinear",
    }
)  # fmt: skip
LONGEST = 1_000  # of them in a row


@dataclass(frozen=True)
class Anchors:
    """`roots`: name -> the node that it stands for; `named`: whether the graph's nodes have names of their own."""

    roots: Mapping[str, str]
    named: bool


def anchors(model: Path) -> Anchors:
    """Without names nodes are called after their first output. A file that cannot be read stands for nothing."""
    try:
        nodes = list(graph.parse(model).graph.node)
    except Refusal:
        return Anchors({}, named=False)
    made = {output: node for node in nodes if node.op_type != "Constant" for output in node.output if output}
    found: dict[str, str] = {}
    for node in (each for each in nodes if each.op_type != "Constant"):
        root = name_of(_root(node, made))
        for name in (node.name, *node.output, *(each for each in node.input[1:] if each not in made)):
            if name:
                found.setdefault(name, root)
    return Anchors(found, named=any(node.name for node in nodes))


def name_of(node: NodeProto) -> str:
    return str(node.name or next(iter(node.output), node.op_type))


def _root(node: NodeProto, made: Mapping[str, NodeProto]) -> NodeProto:
    """An activation, or what only moves values, goes with the node that made them."""
    for _ in range(LONGEST):
        before = next((made[name] for name in node.input if name in made), None)
        if node.op_type not in TAILS or before is None:
            break
        node = before
    return node
