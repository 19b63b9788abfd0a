"""Check 8: what became of one inference in the sandbox."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from farm_orchestrator.variants.arrays import Array
from farm_orchestrator.variants.checks.refusal import Refusal
from farm_orchestrator.variants.sandbox import Ended

CHECK = 8
OUT_OF_TIME = (signal.SIGKILL, signal.SIGXCPU)
NO_KERNEL = "this onnxruntime has the operator for other types only: export that node in float32, or update onnxruntime"
NO_LOAD = "export it again, with a plainer graph or an older opset"
NO_MEMORY = re.compile(r"bad allocation|bad_alloc|[Ff]ailed to allocate memory|Unable to allocate", re.ASCII)
PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from \S+ failed:)?\s*|\S*/onnxruntime_src/\S+ ")
WHERE = re.compile(
    r"Non-zero status code returned while (?=running )"
    r"|(?<= node)\. Name:''(?= Status)|(?: Status Message: )(?:\S+ onnxruntime::[^)]*\) )?"
)


@dataclass(frozen=True)
class Golden:
    """The outputs by name, all finite. `subnormal`: some are so small that arithmetic on them may be slow."""

    outputs: Mapping[str, Array]
    subnormal: bool


def judge(ended: Ended, folder: Path) -> Golden:
    """The golden output. Raises Refusal for whatever did not end in finite outputs."""
    _check_end(ended)
    outputs = _outputs(ended, folder / "outputs.npz")
    broken = [name for name, array in outputs.items() if array.dtype.kind in "fc" and not np.isfinite(array).all()]
    if broken:
        raise Refusal(
            CHECK, f"NON_FINITE: output {broken[0]} holds NaN or infinity", "look for overflow or a bad input range"
        )
    return Golden(outputs, any(map(subnormal, outputs.values())))


def subnormal(array: Array) -> bool:
    """Single or double precision numbers below the normal range; in half precision they are common and harmless."""
    if array.dtype not in (np.float32, np.float64):
        return False
    sizes = np.abs(array)
    return bool(((sizes > 0) & (sizes < np.finfo(array.dtype).tiny)).any())


def _check_end(ended: Ended) -> None:
    if ended.signal in OUT_OF_TIME:
        raise Refusal(CHECK, "TIMEOUT: one inference did not end in time", "look for an endless Loop")
    if ended.signal or (ended.code and not ended.kind):
        name = signal.Signals(ended.signal).name if ended.signal else f"code {ended.code}"
        raise Refusal(CHECK, f"CRASH: onnxruntime ended with {name}", "export it again, or update onnxruntime")
    if ended.kind:
        raise _error(ended.kind, ended.detail)


def _error(kind: str, detail: str) -> Refusal:
    said = WHERE.sub(_colon, PREFIX.sub("", detail)) or kind
    if kind == "MemoryError" or NO_MEMORY.search(detail):
        return Refusal(CHECK, f"OUT_OF_MEMORY: {said}", "a constant or an output is larger than the memory allowed")
    if kind == "InvalidArgument":
        return Refusal(CHECK, f"BAD_INPUT: {said}", "give inputs in variants.yaml that the model accepts")
    if kind == "NotImplemented":
        return Refusal(CHECK, f"NOT_IMPLEMENTED: {said}", NO_KERNEL)
    return Refusal(CHECK, f"INVALID_GRAPH: {said}", NO_LOAD)


def _colon(found: re.Match[str]) -> str:
    return ": " if "Message" in found[0] else ""


def _outputs(ended: Ended, path: Path) -> dict[str, Array]:
    """Written by a process that ran a stranger's graph: read without pickle, and only what was announced."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[f"arr_{index}"] for index, name in enumerate(ended.outputs)}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise Refusal(CHECK, f"CRASH: the outputs cannot be read: {error}") from None
