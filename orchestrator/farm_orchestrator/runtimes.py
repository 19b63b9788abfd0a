"""What each onnxruntime takes: the newest operator set and the newest IR version, known without asking it."""

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


def too_new(opset: int, ir: int, onnxruntime: str) -> tuple[str, int, int] | None:
    """(what, its version, the newest that is taken) where a model is too new; an unknown onnxruntime refuses nothing."""
    known = NEWEST.get(_release(onnxruntime))
    pairs = zip(("opset", "IR version"), (opset, ir), known, strict=True) if known else ()
    return next(((what, has, newest) for what, has, newest in pairs if has > newest), None)


def _release(version: str) -> tuple[int, int]:
    """`1.31.1` -> (1, 31); (0, 0) for anything else."""
    parts = version.split(".")[:2]
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(str.isdigit, parts)) else (0, 0)
