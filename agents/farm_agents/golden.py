"""How far outputs are from the golden ones, and whether that is still the same model."""

import hashlib
import math
from typing import Any, Dict, List, Mapping, Optional

import numpy as np

from farm_agents.wire import Json

Arrays = Mapping[str, Any]
FLOAT_DB = 40.0
QUANTISED_DB = 20.0
FARTHEST_DB = 300.0  # JSON has no infinity


def not_finite(outputs: Arrays) -> List[str]:
    """Names of outputs that hold a NaN or an infinity."""
    return [name for name, array in outputs.items() if array.dtype.kind in "fc" and not np.isfinite(array).all()]


def digest(outputs: Arrays) -> str:
    """sha256 over names, types, shapes and bytes, in name order."""
    total = hashlib.sha256()
    for name in sorted(outputs):
        array = np.ascontiguousarray(outputs[name])
        total.update("{}\0{}\0{}\0".format(name, array.dtype.str, array.shape).encode())
        total.update(array.tobytes())
    return total.hexdigest()


def compare(outputs: Arrays, golden: Optional[Arrays], *, quantised: bool) -> Json:
    """{"facts", "findings"}: the worst SQNR over all outputs in dB, the largest difference, BOARD_DIFFERS or nothing."""
    if golden is None:
        return {"facts": _absent("no golden output was given"), "findings": []}
    differs = _shape_difference(outputs, golden)
    if differs:
        return {"facts": _absent(differs), "findings": [_finding(differs)]}
    worst_db, farthest = _distance(outputs, golden)
    exact = farthest == 0.0
    facts: Dict[str, Any] = {"golden_sqnr_db": worst_db, "golden_max_abs": farthest, "golden_exact": exact}
    if exact:
        facts.update(golden_sqnr_db=None, golden_sqnr_db_reason="the outputs are identical")
    limit = QUANTISED_DB if quantised else FLOAT_DB
    if exact or worst_db >= limit:
        return {"facts": facts, "findings": []}
    text = "SQNR to the orchestrator's own output is {:.1f} dB, below {:.0f} dB".format(worst_db, limit)
    return {"facts": facts, "findings": [_finding(text)]}


def _absent(reason: str) -> Json:
    names = ("golden_sqnr_db", "golden_max_abs", "golden_exact")
    return {**dict.fromkeys(names), **{name + "_reason": reason for name in names}}


def _finding(text: str) -> Json:
    return {"name": "BOARD_DIFFERS", "text": text}


def _shape_difference(outputs: Arrays, golden: Arrays) -> Optional[str]:
    if set(outputs) != set(golden):
        return "outputs {} where {} were expected".format(sorted(outputs), sorted(golden))
    for name, array in outputs.items():
        if array.shape != golden[name].shape:
            return "output {} has shape {} where {} was expected".format(name, array.shape, golden[name].shape)
    return None


def _distance(outputs: Arrays, golden: Arrays) -> "tuple[float, float]":
    worst_db, farthest = FARTHEST_DB, 0.0
    for name, array in outputs.items():
        if array.size == 0:
            continue
        if array.dtype.kind not in "fciub":  # text: the same or not
            same = bool((array.astype(str) == golden[name].astype(str)).all())
            worst_db, farthest = (worst_db, farthest) if same else (-FARTHEST_DB, max(farthest, 1.0))
            continue
        wanted = golden[name].astype(np.float64)
        error = array.astype(np.float64) - wanted
        farthest = max(farthest, float(np.abs(error).max()))
        worst_db = min(worst_db, sqnr_db(float(np.square(wanted).sum()), float(np.square(error).sum())))
    return worst_db, farthest


def sqnr_db(signal: float, noise: float) -> float:
    """Signal to quantisation noise in dB, within +-300."""
    if noise <= 0.0:
        return FARTHEST_DB
    if signal <= 0.0:
        return -FARTHEST_DB
    return max(-FARTHEST_DB, min(FARTHEST_DB, 10.0 * math.log10(signal / noise)))
