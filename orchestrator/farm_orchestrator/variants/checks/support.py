"""Check 7: operator sets, domains and IR version against what an onnxruntime takes."""

from __future__ import annotations

from collections.abc import Iterable

from farm_orchestrator.variants.checks.refusal import Refusal

# onnxruntime -> newest opset of the standard domain, newest IR version; tried on the released wheels.
NEWEST = {
    (1, 15): (18, 9),
    (1, 16): (19, 9),
    (1, 17): (20, 9),
    (1, 18): (21, 10),
    (1, 19): (21, 10),
    (1, 20): (21, 10),
    (1, 21): (22, 10),
    (1, 22): (22, 10),
    (1, 23): (23, 11),
    (1, 24): (25, 13),
    (1, 25): (26, 13),
    (1, 26): (26, 13),
    (1, 27): (26, 13),
    (1, 28): (26, 13),
    (1, 30): (26, 13),
    (1, 31): (26, 13),
}
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
    known = NEWEST.get(_release(onnxruntime))
    if known is None:
        return
    for what, has, newest in (("opset", opset, known[0]), ("IR version", ir, known[1])):
        if has > newest:
            raise Refusal(
                7,
                f"has {what} {has}; onnxruntime {onnxruntime} takes {newest} at most",
                f"export it with {what} {newest} or older, or update onnxruntime",
            )


def _release(version: str) -> tuple[int, int]:
    """`1.31.1` -> (1, 31); (0, 0) for anything else."""
    parts = version.split(".")[:2]
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(str.isdigit, parts)) else (0, 0)
