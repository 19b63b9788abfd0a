"""Where the time of each profiled cell goes, from what its profile launch left among its facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import starmap

from farm_reports.findings import Name
from farm_reports.judge.case import Case
from farm_reports.judge.state import NOT_YET
from farm_reports.profiled import Operator, Profile
from farm_reports.results import Cell
from farm_reports.stats import operators
from farm_reports.stats.operators import Anchored, Group
from farm_reports.tables import Json, LaunchRecord

FEW = 0.5  # of the time: where less leads back to the original graph, the rest is not all glue
US_PER_MS = 1000.0


def profiles(case: Case, cells: Sequence[Cell]) -> list[Profile]:
    """In the order of the cells; none of a cell that no profile launch was planned for."""
    return [_profile(case.profiled[cell.key], cell) for cell in cells if cell.key in case.profiled]


def _profile(launch: LaunchRecord, cell: Cell) -> Profile:
    made = Profile(board=cell.board, variant=cell.variant, point_key=cell.point_key, trace=_trace(launch))
    told, p50 = launch.facts.get("profile") or {}, cell.latency_ms.p50.value
    reason = _unmade(launch) or told.get("reason") or (None if p50 else _no_median(cell))
    nodes = [] if reason else read(told)
    if reason or not p50 or not sum(node.us for node in nodes):
        return made.model_copy(update={"reason": reason or "its trace tells of no operator"})
    scale = p50 / sum(node.us for node in nodes)
    figures = {
        "iterations": told["kept"],
        "original": told["original"],
        "anchored": operators.share(nodes),
        "slowdown": told["call_us"] / US_PER_MS / p50,
        "operators": [_operator(group, scale) for group in operators.groups(nodes)],
        "note": " ".join(_notes(launch, told, nodes)) or None,
    }
    return made.model_copy(update=figures)


def read(told: Json) -> list[Anchored]:
    """The nodes of a fact `profile`."""
    return list(starmap(_node, told["nodes"]))


def _node(_: str, op: str, us: float, low_us: float, anchor: str | None) -> Anchored:
    return Anchored(anchor, op, us, low_us)


def _operator(group: Group, scale: float) -> Operator:
    return Operator(
        anchor=group.anchor,
        op=group.op,
        nodes=group.nodes,
        ms=group.us * scale,
        low_ms=group.low_us * scale,
        share=group.share,
        tiny=group.tiny,
    )


def _trace(launch: LaunchRecord) -> str | None:
    outputs = launch.facts.get("outputs")
    name = outputs.get("file") if isinstance(outputs, dict) and launch.state == "done" else None
    return name if isinstance(name, str) else None


def _unmade(launch: LaunchRecord) -> str | None:
    """Why the launch left nothing; None where it is done."""
    if launch.state == "done":
        return None
    if launch.state in {"pending", "running", "cancelled"}:
        return NOT_YET
    if failure := launch.facts.get("failure"):
        return f"it failed while it was profiled: {failure['stage']}: {failure['kind']}: {failure['detail']}"
    if lost := launch.facts.get("lost"):
        return f"its profile launch was lost: {lost['reason']}: {lost['detail']}"
    return f"not profiled: {launch.outcome}"


def _no_median(cell: Cell) -> str:
    return f"there is no median without profiling: {cell.latency_ms.p50.reason or cell.reason}"


def _notes(launch: LaunchRecord, told: Json, nodes: Sequence[Anchored]) -> Iterator[str]:
    yield from (str(item.get("text")) for item in launch.findings if item.get("name") == Name.PROFILE_CUT)
    anchored = operators.share(nodes) or 0.0
    if not told["named"]:
        yield f"The nodes of {told['original']} have no names: its operators are led back to tensors, where they can be."
    elif anchored < FEW:
        yield f"The names of this runtime lead back to {told['original']} for {anchored:.0%} of the time: the rest is not all glue."
    if told["apart"]:
        yield f"Its operators are not those of {told['apart']}, so they are named after its own graph."
