"""What the trace of a profile launch says, anchored to the graph that its variant was made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import traces
from farm_orchestrator.model import Json, LaunchRow, Part, Variant
from farm_orchestrator.store.failures import explained
from farm_reports.findings import Name
from farm_reports.stats import operators
from farm_reports.stats.anchors import anchor_of
from farm_reports.stats.operators import Anchored, Node

if TYPE_CHECKING:
    from farm_orchestrator.store import Artefacts

FOLDER = "traces"
UNRELATED = 0.1  # of the time; a variant of which less leads back to another graph was not made from it
REASON_MAX = 200
Taken = tuple[Json, tuple[Json, ...]]  # the fact `profile`, and findings


@dataclass(frozen=True)
class Graph:
    """Nodes anchored in the graph of variant `original`; `apart`: of the one that hardly any led back to, if there is."""

    original: str
    nodes: Sequence[Anchored]
    named: bool
    apart: str | None = None


def keep(file: Path, folder: Path, row: LaunchRow) -> str:
    """Moves the trace into the run's folder; its name there. Raises StoreError."""
    name = f"{FOLDER}/{row.board}.{row.variant}.{row.id}.json"
    with explained(folder / FOLDER):
        (folder / FOLDER).mkdir(exist_ok=True)
        file.replace(folder / name)
    return name


def taken(trace: Path, part: Part, row: LaunchRow, said: Json, artefacts: Artefacts) -> Taken:
    """`said`: by the agent, of the launch."""
    try:
        found = operators.profiled(traces.read(trace))
    except (traces.TraceError, ValueError) as error:
        return {"reason": f"its trace cannot be used: {error}"}, ()
    graph = _anchored(found.nodes, part, part.variant(row.variant), artefacts)
    profile: Json = {
        "calls": found.calls, "kept": found.kept, "call_us": found.call_us,
        "original": graph.original, "apart": graph.apart, "named": graph.named,
        "nodes": [operators.told(one, node.name) for one, node in zip(graph.nodes, found.nodes, strict=True)],
    }  # fmt: skip
    return profile, _cut(found.calls, said.get("calls"))


def without(said: Json) -> Json:
    """The same where no trace came."""
    return {"reason": str(said.get("trace_reason") or "the board sent no trace")[:REASON_MAX]}


def original_of(part: Part, variant: Variant) -> Variant:
    """The variant at the head of its parents; one that has none was made from the baseline."""
    by_name = {each.name: each for each in part.variants}
    seen = {variant.name}
    while variant.parent in by_name and variant.parent not in seen:
        variant = by_name[variant.parent]
        seen.add(variant.name)
    return variant if len(seen) > 1 else by_name[part.baseline]


def _cut(calls: int, asked: object) -> tuple[Json, ...]:
    if calls == asked:
        return ()
    return ({"name": Name.PROFILE_CUT.value, "text": f"The trace holds {calls} calls of {asked!r:.20}."},)


def _anchored(nodes: Sequence[Node], part: Part, variant: Variant, artefacts: Artefacts) -> Graph:
    """To its original; where hardly anything leads there, to its own graph."""
    original = original_of(part, variant)
    found = _in(nodes, original, artefacts)
    if variant.name == original.name or (operators.share(found.nodes) or 0.0) >= UNRELATED:
        return found
    return dataclasses.replace(_in(nodes, variant, artefacts), apart=original.name)


def _in(nodes: Sequence[Node], variant: Variant, artefacts: Artefacts) -> Graph:
    from farm_orchestrator.variants.anchors import anchors  # heavy, and few workers profile

    names = anchors(artefacts.get(variant.files[0].sha256))
    found = [Anchored(anchor_of(node.name, names.roots), node.op, node.us, node.low_us) for node in nodes]
    return Graph(variant.name, found, named=names.named)
