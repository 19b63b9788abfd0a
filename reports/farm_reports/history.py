"""A variant on a board over the runs of a store: a part of results.json."""

from __future__ import annotations

from pydantic import Field

from farm_reports.parts import Part, Value


class Earlier(Part):
    """One run of it. What is null nobody recorded."""

    run: str
    created: str
    p50_ms: Value
    launches: int
    sha256: str | None = None
    onnxruntime: str | None = None
    kernel: str | None = None
    git: str | None = None


class Segment(Part):
    """The runs from the `first` to the `last` (places in the list), between which nothing changed that is recorded.

    `band`: what a run may differ from the mean by without meaning anything, as a share: the half interval of a typical
    run and what all blocks of a run share, added as errors are. `changed`: what became otherwise with its first run; `moved`: its mean
    over that of the segment before.
    """

    first: int
    last: int
    mean_ms: float
    band: float
    changed: list[str] = Field(default_factory=list)
    moved: float | None = None


class History(Part):
    """The runs of one cell, the oldest first; the last is this run."""

    board: str
    variant: str
    point_key: str
    runs: list[Earlier]
    segments: list[Segment] = Field(default_factory=list)
