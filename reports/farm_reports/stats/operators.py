"""Where the time of a variant goes: medians of its operators over the calls of a profile launch; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WARM = 5  # calls that do not count
AROUND = frozenset({"If", "Loop", "Scan"})  # they hold operators that the trace tells of too
TINY_US = 10.0

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Times in us. `nodes`: (name, operator); `runs`: start and length of each call; `events`: index of the node, start,
    length.
    """

    nodes: tuple[tuple[str, str], ...]
    runs: Ints
    events: Ints


@dataclass(frozen=True)
class Node:
    """One node of the optimised graph: median and lower quartile in us of its time in a call."""

    name: str
    op: str
    us: float
    low_us: float


@dataclass(frozen=True)
class Profiled:
    """`calls`: how many the trace holds; `kept`: how many count, `call_us` their median."""

    calls: int
    kept: int
    call_us: float
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Anchored:
    """A node with the one of the original graph that it stands for; None: there is none."""

    anchor: str | None
    op: str
    us: float
    low_us: float


@dataclass(frozen=True)
class Group:
    """The nodes of one kind that stand for one node of the original; `share` of the time of all."""

    anchor: str | None
    op: str
    nodes: int
    us: float
    low_us: float
    share: float

    @property
    def tiny(self) -> bool:
        return self.us < TINY_US * self.nodes


def profiled(trace: Trace, warm: int = WARM) -> Profiled:
    """Without the first calls. Raises ValueError where none is left."""
    runs = trace.runs[np.argsort(trace.runs[:, 0], kind="stable")]
    kept = runs[warm:]
    if not len(kept):
        raise ValueError(f"it holds {len(runs)} calls, and the first {warm} do not count")
    times = _times(trace, kept)
    inner = [index for index, (_, op) in enumerate(trace.nodes) if op not in AROUND]
    middle, low = np.median(times, axis=1), np.quantile(times, 0.25, axis=1)
    nodes = tuple(Node(*trace.nodes[index], float(middle[index]), float(low[index])) for index in inner)
    return Profiled(len(runs), len(kept), float(np.median(kept[:, 1])), nodes)


def _times(trace: Trace, kept: Ints) -> Floats:
    """By node and call, in us; what began before the first of the calls is none of theirs."""
    times = np.zeros((len(trace.nodes), len(kept)))
    call = np.searchsorted(kept[:, 0], trace.events[:, 1], side="right") - 1
    within = call >= 0
    np.add.at(times, (trace.events[within, 0], call[within]), trace.events[within, 2])
    return times


def groups(nodes: Sequence[Anchored]) -> list[Group]:
    """The longest first."""
    total = sum(node.us for node in nodes)
    found: dict[tuple[str | None, str], list[Anchored]] = {}
    for node in nodes:
        found.setdefault((node.anchor, node.op), []).append(node)
    made = [_group(key, members, total) for key, members in found.items()]
    return sorted(made, key=lambda each: (-each.us, each.anchor or "", each.op))


def _group(key: tuple[str | None, str], members: Sequence[Anchored], total: float) -> Group:
    us, low_us = sum(node.us for node in members), sum(node.low_us for node in members)
    return Group(*key, len(members), us, low_us, us / total if total else 0.0)


def share(nodes: Sequence[Anchored]) -> float | None:
    """Of the time: that of nodes with an anchor; None where no time was seen."""
    total = sum(node.us for node in nodes)
    return sum(node.us for node in nodes if node.anchor is not None) / total if total else None


def told(node: Anchored, name: str) -> list[Any]:
    """As a fact of its launch."""
    return [name, node.op, node.us, node.low_us, node.anchor]
