"""Where a variant's time goes, operator by operator: a part of results.json."""

from __future__ import annotations

from pydantic import Field

from farm_reports.parts import Part

GLUE = "layout / quantisation glue"


class Operator(Part):
    """What the nodes of one kind that stand for one node of the original graph take in an inference.

    `anchor`: the node's name there; null: no node of the original stands behind it, it is glue. `op`: as the runtime
    names it; `nodes`: how many of the optimised graph. `ms`: median over the profiled iterations, scaled so that all
    operators of the variant add up to its median without profiling; `low_ms`: the same of the lower quartile.
    `share`: of the variant's time. `tiny`: under 10 us as profiled, where the profiler's own time dominates.
    """

    anchor: str | None
    op: str
    nodes: int
    ms: float
    low_ms: float
    share: float
    tiny: bool = False


class Profile(Part):
    """One variant on one board, from a launch of its own: profiled iterations are slower and never compared.

    `original`: the variant in whose graph the anchors are; `anchored`: the share of the time that was mapped back to it.
    `slowdown`: the profiled median over the one without profiling. `trace`: the file in the run's folder, for a trace
    viewer. Null and empty with a `reason`; `note`: what to know where there are figures.
    """

    board: str
    variant: str
    point_key: str
    iterations: int = 0
    original: str | None = None
    anchored: float | None = None
    slowdown: float | None = None
    operators: list[Operator] = Field(default_factory=list)
    trace: str | None = None
    reason: str | None = None
    note: str | None = None
