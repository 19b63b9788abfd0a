"""Two tiny graphs run beside a slot: one takes as long as the core's clock makes it, the other as the memory does."""

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import numpy as np

from farm_agents import memory, runtime, sysfs
from farm_agents.fact import told
from farm_agents.failure import LaunchFailed
from farm_agents.loop import Runtime
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

PIECES = 5
PIECE_NS = 10_000_000
SLOT_SHARE = 500  # a piece lasts one part in so many of the slot at most: beside half a second 1 ms, beside 5 s all 10
WIDTH = 32
MOST_BYTES = 64 << 20
CACHES = 4  # so many times the last cache: nothing is left in it when the graph comes round again
CACHE_BYTES = 4 << 20  # of a board that does not tell its last cache: no small board has a larger one
FREE = 4  # so many times what the graph runs over must be free
Arrays = Tuple[Dict[str, Any], Any]

# Made by tests/canary_graphs.py; onnx is not on a board.
CLOCK = bytes.fromhex(
    "080712003aa1030a120a01780a01771202683122064d61744d756c0a130a0268310a01771202683222064d61744d756c0a130a0268320a"
    "01771202683322064d61744d756c0a130a0268330a01771202683422064d61744d756c0a130a0268340a01771202683522064d61744d75"
    "6c0a130a0268350a01771202683622064d61744d756c0a130a0268360a01771202683722064d61744d756c0a130a0268370a0177120268"
    "3822064d61744d756c0a130a0268380a01771202683922064d61744d756c0a140a0268390a0177120368313022064d61744d756c0a150a"
    "036831300a0177120368313122064d61744d756c0a150a036831310a0177120368313222064d61744d756c0a150a036831320a01771203"
    "68313322064d61744d756c0a150a036831330a0177120368313422064d61744d756c0a150a036831340a0177120368313522064d61744d"
    "756c0a130a036831350a017712017922064d61744d756c120663616e6172795a130a0178120e0a0c080112080a0208200a0208205a130a"
    "0177120e0a0c080112080a0208200a02082062130a0179120e0a0c080112080a0208200a02082042040a00100d"
)
MEMORY = bytes.fromhex(
    "080712003a3c0a0e0a01780a01781201792203416464120663616e6172795a100a0178120b0a09080112050a0312016e62100a0179120b"
    "0a09080112050a0312016e42040a00100d"
)


@dataclass(frozen=True)
class Part:
    """One graph, ready to run; `runtime` None: `reason` says why it is not."""

    name: str
    statistic: Callable[[Sequence[float]], float]
    runtime: Optional[Runtime]
    reason: str = ""
    output: Any = None  # the runtime writes into it, so that it must live as long


@dataclass(frozen=True)
class Canary:
    """The graphs of a launch, and how long a piece of either is."""

    parts: Sequence[Part]
    piece_ns: int


def make(tree: Sysfs, cpus: Sequence[int], slot_ns: int, memory_limit: Optional[int] = None) -> Canary:
    """After the model's own session, which decides about denormals, and after its peak of memory was read.

    `memory_limit`: of the launch, which the canary must not be the one to break.
    """
    size = footprint_bytes(sysfs.last_level_cache_bytes(tree, cpus))
    streams = partial(_streams, tree, size, memory_limit)
    parts = (_part("clock", min, CLOCK, _squares), _part("memory", median, MEMORY, streams))
    return Canary(parts, min(PIECE_NS, slot_ns // SLOT_SHARE))


def facts(canary: Canary, when: str, now: Callable[[], int]) -> Json:
    """Time of one run of each graph at `when` (before or after), in ns."""
    found: Json = {}
    for part in canary.parts:
        value, reason = _figure(part, canary.piece_ns, now)
        found.update(told("canary_{}_{}_ns".format(part.name, when), value, reason))
    return found


def piece(runtime: Runtime, now: Callable[[], int], piece_ns: int) -> float:
    """Mean time of a run, over as many as the piece has room for; at least one."""
    call, binding = runtime.call, runtime.binding
    n = 0
    start = end = now()
    while n == 0 or end - start < piece_ns:
        call(binding)
        n += 1
        end = now()
    return (end - start) / n


def footprint_bytes(last_cache_bytes: Optional[int]) -> int:
    """What the memory's graph runs over: what it reads and what it writes."""
    return min(CACHES * (last_cache_bytes or CACHE_BYTES), MOST_BYTES)


def _figure(part: Part, piece_ns: int, now: Callable[[], int]) -> Tuple[Optional[int], str]:
    if part.runtime is None:
        return None, part.reason
    try:
        with runtime.named_failures(loading=lambda: False):
            pieces = [piece(part.runtime, now, piece_ns) for _ in range(PIECES)]
    except LaunchFailed as failed:
        return None, _reason(failed)
    return round(part.statistic(pieces)), ""


def _part(name: str, statistic: Callable[[Sequence[float]], float], graph: bytes, arrays: Callable[[], Arrays]) -> Part:
    try:
        with runtime.named_failures(loading=lambda: True):
            session = runtime.Session(graph, runtime.settings(runtime.CPU, 1, {}))
            inputs, output = arrays()
            session.bind(inputs)
            session.bind_into({"y": output})
    except LaunchFailed as failed:
        return Part(name, statistic, None, _reason(failed))
    return Part(name, statistic, session, output=output)


def _reason(failed: LaunchFailed) -> str:
    return "the canary cannot be run: {}: {}".format(failed.kind, failed.detail)


def _squares() -> Arrays:
    """Ones and means: the product is one again, however often, so that no value grows or becomes denormal."""
    ones = np.ones((WIDTH, WIDTH), np.float32)
    return {"x": ones, "w": ones / WIDTH}, np.ones_like(ones)


def _streams(tree: Sysfs, size: int, memory_limit: Optional[int]) -> Arrays:
    """Half is read, half is written; every page is touched before it counts."""
    free = memory.free_bytes(tree, memory_limit)
    if free is not None and free < FREE * size:
        raise LaunchFailed("OUT_OF_MEMORY", "{} bytes, {} times as many must be free, {} are".format(size, FREE, free))
    read = np.ones(size // 2 // np.dtype(np.float32).itemsize, np.float32)
    return {"x": read}, np.ones_like(read)
