"""Two profiles held against each other: which operators take more, and what explains most of the change."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from farm_reports.explained import JOINED, OperatorChange, OperatorDifference, Profiled
from farm_reports.profiled import GLUE, Operator, Profile

MOST, MOST_KINDS = 9, 6  # rows, the glue among them
GLUE_OPS = 3
ONE_NODE = 0.5  # of what the largest kind of operators changed: a node with as much is a story of its own
STANDS_OUT = 0.25  # of the whole change
AS_GOOD = 0.9  # of what a kind of operators explains: one node that does says more
WORTH = 0.01  # of the largest change in a list: less is no row of its own
NOTHING = 1e-9

By = Mapping[str, Operator]


def difference(mine: Profile, other: Profile) -> OperatorDifference:
    """What `mine` takes more than `other`, in ms per inference."""
    ms, reference = _sum(mine.operators), _sum(other.operators)
    shared = partial(_shared, ms - reference)
    nodes = [shared(row) for row in _nodes(mine, other)] if _one_graph(mine, other) else []
    kinds = [shared(row) for row in (_kinds(nodes) if nodes else _ops_alone(mine, other))]
    glue_ops = [shared(row) for row in _pairs(None, *(_ops(each.operators, glue=True) for each in (mine, other)))]
    glue = shared(_merged(glue_ops, None, GLUE, GLUE)) if glue_ops else None
    by_node = _by_node(nodes, kinds)
    rows, rest = _split(nodes if by_node else kinds, (MOST if by_node else MOST_KINDS) - (glue is not None))
    return OperatorDifference(
        by="node" if by_node else "kind",
        ms=ms,
        reference_ms=reference,
        change_ms=ms - reference,
        rows=rows,
        nodes=[] if by_node else _split(nodes, MOST - len(rows) - (glue is not None) - bool(rest))[0],
        glue=glue,
        glue_ops=_split(glue_ops, GLUE_OPS)[0],
        others=shared(_merged(rest, None, "others", "others")) if rest else None,
        unlisted=len(rest),
        leading=_leading(nodes, [*kinds, *([glue] if glue else [])]),
        profiled=_profiled(mine),
        reference_profiled=_profiled(other),
        notes=list(dict.fromkeys(each.note for each in (mine, other) if each.note)),
    )


def _one_graph(mine: Profile, other: Profile) -> bool:
    """Whether the nodes of both are named after the same graph."""
    return mine.original == other.original


def _by_node(nodes: Sequence[OperatorChange], kinds: Sequence[OperatorChange]) -> bool:
    """Whether a node alone is much of the story, or each kind has one node anyway."""
    node, kind = (max((abs(row.change_ms) for row in rows), default=0.0) for rows in (nodes, kinds))
    return bool(nodes) and (node >= ONE_NODE * kind or len(nodes) == len(kinds))


def _profiled(profile: Profile) -> Profiled:
    cost = None if profile.slowdown is None else profile.slowdown - 1
    return Profiled(iterations=profile.iterations, anchored=profile.anchored, cost=cost)


def _sum(operators: Iterable[Operator]) -> float:
    return math.fsum(each.ms for each in operators)


def _nodes(mine: Profile, other: Profile) -> list[OperatorChange]:
    """Every node of the original graph on either side; each of its operators, or one row where they were replaced."""
    own, others = (_anchored(each.operators) for each in (mine, other))
    return [row for anchor in {**own, **others} for row in _pairs(anchor, own.get(anchor, {}), others.get(anchor, {}))]


def _ops_alone(mine: Profile, other: Profile) -> list[OperatorChange]:
    """Of two graphs without a common node: their kinds of operators."""
    return _pairs(None, *(_ops(each.operators, glue=False) for each in (mine, other)))


def _anchored(operators: Iterable[Operator]) -> dict[str, dict[str, Operator]]:
    found: dict[str, list[Operator]] = defaultdict(list)
    for each in operators:
        if each.anchor is not None:
            found[each.anchor].append(each)
    return {anchor: _ops(here, glue=False) for anchor, here in found.items()}


def _ops(operators: Iterable[Operator], *, glue: bool) -> dict[str, Operator]:
    """The operators with no node of the original behind them, or the others, by their kind, one of each."""
    found: dict[str, Operator] = {}
    for each in operators:
        if (each.anchor is None) == glue:
            known = found.get(each.op)
            found[each.op] = each if known is None else _both(known, each)
    return found


def _both(one: Operator, other: Operator) -> Operator:
    sums = {"nodes": one.nodes + other.nodes, "ms": one.ms + other.ms, "tiny": one.tiny and other.tiny}
    return one.model_copy(update=sums)


def _pairs(anchor: str | None, mine: By, other: By) -> list[OperatorChange]:
    """Kinds on both sides by themselves; at a node, what is new stands against what is gone."""
    common = [op for op in mine if op in other]
    new = {op: each for op, each in mine.items() if op not in other}
    gone = {op: each for op, each in other.items() if op not in mine}
    rows = [_row(anchor, {op: mine[op]}, {op: other[op]}) for op in common]
    if anchor is not None and new and gone:
        return [*rows, _row(anchor, new, gone)]
    return [
        *rows,
        *(_row(anchor, {op: each}, {}) for op, each in new.items()),
        *(_row(anchor, {}, {op: each}) for op, each in gone.items()),
    ]


def _row(anchor: str | None, now: By, before: By) -> OperatorChange:
    ms, reference = _sum(now.values()), _sum(before.values())
    return OperatorChange(
        anchor=anchor,
        op=_named(now, before),
        was=_named(before, now),
        nodes=sum(each.nodes for each in (now or before).values()) if anchor is None else 1,
        ms=ms,
        reference_ms=reference,
        change_ms=ms - reference,
        share=None,
        tiny=all(each.tiny for each in (*now.values(), *before.values())),
    )


def _named(ops: By, beside: By) -> str | None:
    """The kinds in an order that is the same at every node, first that which does what the other side did."""
    return JOINED.join(sorted(ops, key=lambda op: (not any(each in op or op in each for each in beside), op))) or None


def _kinds(nodes: Sequence[OperatorChange]) -> list[OperatorChange]:
    groups: dict[tuple[str | None, str | None], list[OperatorChange]] = defaultdict(list)
    for row in nodes:
        groups[row.op, row.was].append(row)
    return [_merged(rows, rows[0].anchor if len(rows) == 1 else None, *kind) for kind, rows in groups.items()]


def _merged(rows: Sequence[OperatorChange], anchor: str | None, op: str | None, was: str | None) -> OperatorChange:
    ms, reference = (math.fsum(side) for side in ([r.ms for r in rows], [r.reference_ms for r in rows]))
    nodes, tiny = sum(row.nodes for row in rows), all(row.tiny for row in rows)
    return OperatorChange(
        anchor=anchor, op=op, was=was, nodes=nodes, ms=ms, reference_ms=reference, change_ms=ms - reference, share=None,
        tiny=tiny,
    )  # fmt: skip


def _shared(total: float, row: OperatorChange) -> OperatorChange:
    """With its share of the whole change, unless that is nothing beside what was added up."""
    whole = abs(total) > NOTHING * max(row.ms, row.reference_ms)
    return row.model_copy(update={"share": row.change_ms / total if whole else None})


def _split(rows: Sequence[OperatorChange], most: int) -> tuple[list[OperatorChange], list[OperatorChange]]:
    """Those that changed most and are worth a row, from more to less time; then the others."""
    ordered = sorted(rows, key=lambda row: (-abs(row.change_ms), row.anchor or "", row.op or ""))
    least = WORTH * abs(ordered[0].change_ms) if ordered else 0.0
    listed = [row for row in ordered[:most] if abs(row.change_ms) >= least]
    return sorted(listed, key=lambda row: -row.change_ms), ordered[len(listed) :]


def _leading(nodes: Sequence[OperatorChange], kinds: Sequence[OperatorChange]) -> OperatorChange | None:
    """One node, or all operators of a kind: what explains most; None where nothing explains a quarter."""
    node, kind = (max(rows, key=_share, default=None) for rows in (nodes, kinds))
    best = node if kind is None or (node is not None and _share(node) >= AS_GOOD * _share(kind)) else kind
    return best if best is not None and _share(best) >= STANDS_OUT else None


def _share(row: OperatorChange) -> float:
    return row.share or 0.0
