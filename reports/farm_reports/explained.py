"""The worst case of a run and where its time went: a part of results.json."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from farm_reports.parts import Part

Rule = Literal["regressed", "failed", "inconclusive", "slower", "shipped"]
Reference = Literal["past", "baseline"]
Moved = Literal["whole", "tail", "more_tail", "body", "uneven", "none"]
DOTS = 20
JOINED = " + "  # between the kinds of operators at a node


class OperatorChange(Part):
    """What an operator takes more than in the reference, in ms per inference; below zero: less.

    `anchor`: its node of the original graph; null: of all nodes, or none. `op`: the operator now, `was`: in the
    reference, several joined by ` + `; null where there is none. `nodes`: how many of the
    original graph, of the optimised one where none of it stands behind. `share`: of the whole change, null where that
    is nothing. `tiny`: under 10 us as profiled on both sides, where the profiler's own time dominates.
    """

    anchor: str | None
    op: str | None
    was: str | None
    nodes: int
    ms: float
    reference_ms: float
    change_ms: float
    share: float | None
    tiny: bool = False


class Profiled(Part):
    """One side of the difference. `cost`: what profiling itself added to the median, as a share of it."""

    iterations: int
    anchored: float | None
    cost: float | None


class OperatorDifference(Part):
    """Two profiles held against each other.

    `by`: what `rows` are: nodes of the original graph, or kinds of operators where the change lies in many nodes; then
    `nodes` are those that changed most. `glue`: all that no node of the original graph stands behind, `glue_ops` its
    largest kinds; `others`: the rows that are not listed, `unlisted` of them. `leading`: what explains most of the
    change; null where nothing stands out. `notes`: what to know of the profiles.
    """

    by: Literal["node", "kind"]
    ms: float
    reference_ms: float
    change_ms: float
    rows: list[OperatorChange]
    nodes: list[OperatorChange] = Field(default_factory=list)
    glue: OperatorChange | None
    glue_ops: list[OperatorChange] = Field(default_factory=list)
    others: OperatorChange | None
    unlisted: int
    leading: OperatorChange | None
    profiled: Profiled
    reference_profiled: Profiled
    notes: list[str] = Field(default_factory=list)


class QuantileChange(Part):
    """A quantile of all iterations, pooled; `change`: over that of the reference, minus one."""

    p: float
    ms: float
    reference_ms: float
    change: float


class Line(Part):
    """The limit or budget of the case: as it was written, and in ms of an inference."""

    metric: str
    bound: str
    budget: bool
    ms: float


class Over(Part):
    """Of 20 iterations that stand for all, how many lie beyond the line."""

    of: int = DOTS
    subject: int
    reference: int


class Why(Part):
    """One comparison, chosen by `rule`: the worst that regressed, the worst beyond a limit, one that is undecided, the
    slowest, the one to ship.

    `similar`: how many more the rule would have found. `operators` null with a `reason`. `quantiles`: as far as both
    sides have iterations for; `moved`: what they say. `reach`, `reference_reach`: the highest quantile that there are
    iterations enough for, 0 where there are none; `tail_reason`: why the subject's goes no further.
    """

    board: str
    variant: str
    point_key: str
    rule: Rule
    reference: Reference
    similar: int
    line: Line | None
    operators: OperatorDifference | None
    reason: str | None
    quantiles: list[QuantileChange] = Field(default_factory=list)
    moved: Moved | None = None
    over: Over | None = None
    reach: float = 0.0
    reference_reach: float = 0.0
    tail_reason: str | None = None
