"""What became of a variant since an earlier run: parts of results.json."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from farm_reports.parts import Part, Value
from farm_reports.profiled import Profile

PastWord = Literal["regressed", "improved", "equivalent", "inconclusive", "invalid"]
Basis = Literal["blocks", "baseline", "absolute"]
LAST_NIGHT = "the last good night"  # the name of a past that is what was good last
LAST_NIGHT_OF = f"{LAST_NIGHT} of "  # and of one by the nights of one schedule


class VersusPast(Part):
    """A cell's median over that of its own past: 1.1 means 1.1 times the time. Limits as in the comparison with the baseline.

    `basis`: what the two were held against each other by. `blocks`: the old artefact ran in the same blocks;
    `baseline`: two runs, each against the same baseline artefact, so what the board did to both cancels out;
    `absolute`: time against time of two runs. `margin`: the change beyond which it is regressed, as a share.
    `sees`: the smallest true change that would have been told from none in 95 of 100 such pairs of runs, whatever the budget.
    `past_p50_ms`: the earlier median; `same_file`: whether it was the same artefact, which in one run
    is not measured twice: then there is no ratio, and nothing can have changed. `fresh`: how many blocks decided alone, because the
    first ones left a gate open. `past_sha256`, `past_run`: of the old
    artefact that ran in the same blocks, and the run it is from.
    """

    ratio: float | None
    low: float | None
    high: float | None
    gate_low: float | None = None
    gate_high: float | None = None
    verdict: PastWord
    basis: Basis | None = None
    margin: float | None = None
    sees: float | None = None
    small: bool = False
    past_p50_ms: Value
    same_file: bool | None = None
    reason: str | None = None
    fresh: int | None = None
    past_sha256: str | None = None
    past_run: str | None = None


class Gone(Part):
    """A cell of the earlier run that this one does not have, and why."""

    board: str
    variant: str
    point_key: str
    reason: str


class Budget(Part):
    """How much a metric may get worse than its own past, as written, and in which line of which file."""

    bound: str
    line: str | None = None


class Past(Part):
    """The earlier run: who it was, what was otherwise then (sentences), and its profiles.

    `statement`: how the two were held against each other. `budgets`: by metric; none: the default margin on the median.
    `compared`: how many comparisons there were. `smallest_effect`: what all of them would have seen that have a common
    baseline artefact or ran in the same blocks, `smallest_absolute`: those of time against time; null where there are none.
    `within`: the old artefacts ran in the blocks of this run, instead of those of the earlier one.
    """

    id: str
    name: str | None
    created: str
    sha: str | None
    statement: str = ""
    differences: list[str] = Field(default_factory=list)
    budgets: dict[str, Budget] = Field(default_factory=dict)
    compared: int = 0
    smallest_effect: float | None = None
    smallest_absolute: float | None = None
    within: bool = False
    gone: list[Gone] = Field(default_factory=list)
    profiles: list[Profile] = Field(default_factory=list)
