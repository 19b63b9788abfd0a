"""Check 7: operator sets, domains and IR version against what an onnxruntime takes."""

from __future__ import annotations

from collections.abc import Iterable

from farm_orchestrator.runtimes import too_new
from farm_orchestrator.variants.checks.refusal import Refusal

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})


def check_support(opset: int, ir: int, domains: Iterable[str], onnxruntime: str) -> None:
    """An onnxruntime that the table does not know refuses nothing here: the dry load decides."""
    foreign = sorted(set(domains) - DOMAINS)
    if foreign:
        raise Refusal(
            7,
            f"uses operators of the domain {foreign[0]}: a custom operator library is native code and is not loaded",
            "export the model without custom operators",
        )
    found = too_new(opset, ir, onnxruntime)
    if found is not None:
        what, has, newest = found
        raise Refusal(
            7,
            f"has {what} {has}; onnxruntime {onnxruntime} takes {newest} at most",
            f"export it with {what} {newest} or older, or update onnxruntime",
        )
