"""The canary's two graphs, as the agent carries them. After a wanted change: `python tests/canary_graphs.py`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence

from onnx import NodeProto, TensorProto, ValueInfoProto, helper

OPSET, IR_VERSION = 13, 7  # every onnxruntime that runs under Python 3.8 takes them
WIDTH = 32  # 4 KiB a matrix: operands, result and the runtime's packed copy stay within 32 KiB of L1
LINKS = 16
Shape = Sequence[int | str]


def clock() -> bytes:
    """y[32, 32] = x w w ... w. `w` comes in as data: the runtime would lay a constant out anew for each link."""
    names = ["x", *(f"h{link}" for link in range(1, LINKS)), "y"]
    links = [helper.make_node("MatMul", [left, "w"], [right]) for left, right in itertools.pairwise(names)]
    square = (WIDTH, WIDTH)
    return model(links, [tensor("x", square), tensor("w", square)], tensor("y", square))


def memory() -> bytes:
    """y[n] = x + x, over as much memory as it is given."""
    return model([helper.make_node("Add", ["x", "x"], ["y"])], [tensor("x", ["n"])], tensor("y", ["n"]))


def tensor(name: str, shape: Shape) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(nodes: Sequence[NodeProto], inputs: Sequence[ValueInfoProto], output: ValueInfoProto) -> bytes:
    graph = helper.make_graph(nodes, "canary", inputs, [output])
    opset = helper.make_opsetid("", OPSET)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="")
    return bytes(made.SerializeToString(deterministic=True))


def sources() -> str:
    """The lines of the agent's module that hold the graphs."""
    return "".join(
        f"{name} = bytes.fromhex(\n{_lines(data.hex())})\n" for name, data in (("CLOCK", clock()), ("MEMORY", memory()))
    )


def _lines(text: str) -> str:
    return "".join(f'    "{text[at : at + 110]}"\n' for at in range(0, len(text), 110))


if __name__ == "__main__":
    sys.stdout.write(sources())
