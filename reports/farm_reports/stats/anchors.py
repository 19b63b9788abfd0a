"""Finds the node of the original graph that a node of an optimised one stands for, by what runtimes make of names."""

from __future__ import annotations

import re
from collections.abc import Mapping

PREFIX = re.compile(r"^(fused |InsertedPrecisionFreeCast_)+")
INSERTED = "/InsertedPrecisionFreeCast"  # and whatever follows
# One of these at a time; `Conv_output_0_output_quantized_cast` takes three steps back to the tensor `Conv_output_0`.
SUFFIX = re.compile(
    r"(_nchwc|_nhwc|_token_\d+|_quant(ized)?|_(De)?[Qq]uantizeLinear(_[\w.]*)?|_bias_(add|cast)|_cast\w*|_kernel"
    r"|_scales?(_\w+)?|_zero_point|_mul|_add|_Add|_MatMul|_clone\w*|_[Oo]utput|_[Ii]nput)$"
)
LAST = 64  # characters of a name in which a suffix lies: a name of a hostile trace may be made to be slow to search
STEPS = 6


def anchor_of(name: str, anchors: Mapping[str, str]) -> str | None:
    """`anchors`: names of the original graph's nodes, tensors and weights, each with the node that it stands for."""
    rest = PREFIX.sub("", name).partition(INSERTED)[0]
    for _ in range(STEPS):
        if rest in anchors:
            return anchors[rest]
        end, cut = SUFFIX.subn("", rest[-LAST:], count=1)
        if not cut:
            return None
        rest = rest[:-LAST] + end
    return anchors.get(rest)
