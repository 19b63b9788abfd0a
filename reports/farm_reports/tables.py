"""What the orchestrator hands over: plain tables of one run; nothing here has been judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Json = dict[str, Any]
NEVER = "never measured against itself"
PROFILE = "profile"  # the kind of a launch that tells of operators
STOCK = "stock"  # the clocks are left alone
PAST = "@past"  # ends the name of what a variant was; no user can write an @


@dataclass(frozen=True)
class Summary:
    """One slot. `n_eff` is that of the median; p90, p95 and p99 are None below their floors (200, 400, 2000)."""

    n: int
    n_eff: float
    p50_ns: int
    p90_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    mean_ns: int
    min_ns: int
    max_ns: int


@dataclass(frozen=True)
class Figures:
    """A `Summary`, or None throughout: the one list of the figures that a launch has as columns, wherever it lies."""

    n: int | None = None
    n_eff: float | None = None
    p50_ns: int | None = None
    p90_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None
    mean_ns: int | None = None
    min_ns: int | None = None
    max_ns: int | None = None


def figure_types() -> dict[str, type]:
    """By the name of the figure: int or float."""
    return {name: get_args(hint)[0] for name, hint in get_type_hints(Figures).items()}


@dataclass(frozen=True, kw_only=True)
class LaunchRecord(Figures):
    """One launch, whatever its state. Times in ns; `facts` as the agent sent them (units in the names)."""

    id: int
    board: str
    variant: str
    point: str
    phase: int
    block: int
    attempt: int
    position: int
    kind: str
    state: str
    outcome: str | None = None
    dropped: str | None = None
    boot_id: str | None = None
    facts: Json = field(default_factory=dict)
    findings: tuple[Json, ...] = ()

    @property
    def valid(self) -> bool:
        """A measured launch that comparisons may use; a median of 0 ns is that of a clock that stood still."""
        return self.state == "done" and self.kind == "measure" and self.dropped is None and bool(self.p50_ns)


@dataclass(frozen=True)
class CellRecord:
    """A planned cell; `reason` where the store already knows that it failed or could not run (`state`)."""

    board: str
    variant: str
    point: str
    state: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Trial:
    """One run of a variant against itself: the change it showed in logs, its standard error, launch-to-launch sd.

    `clock_sd`, `memory_sd`: of the canary's time after a slot over that before it, in logs. `idle_mc`: the lowest
    temperature at which the board came to rest; None where nobody saw it. `eff_khz`: the clock that was measured;
    `canary_ns`: what the clock's canary took at it.
    """

    estimate: float
    error: float
    launch_sd: float
    blocks: int
    clock_sd: float | None = None
    memory_sd: float | None = None
    canary_reason: str | None = None
    idle_mc: float | None = None
    eff_khz: float | None = None
    eff_khz_reason: str | None = None
    canary_ns: float | None = None


@dataclass(frozen=True)
class Calibration:
    """What a board's runs of a variant against itself gave; None with `reason` where they gave nothing.

    `bias`: what a run's blocks share, in logs; `floor`: its upper limit, which every comparison of medians holds.
    `launch_sd`: from launch to launch, in logs; `noise`: quiet, typical or noisy. `clock_sd`, `memory_sd`: of the
    canary's time after a slot over that before it, in logs. `idle_mc`: at which the board comes to rest, in m°C.
    `pin`: the clock that was asked for, and `eff_khz`: the one that was measured then; `canary_ns`: what the clock's
    canary took at it. `trials`: the change that each of the runs showed, in logs.
    """

    runs: int = 0
    bias: float | None = None
    floor: float | None = None
    launch_sd: float | None = None
    noise: str | None = None
    reason: str | None = NEVER
    clock_sd: float | None = None
    memory_sd: float | None = None
    canary_reason: str | None = None
    idle_mc: float | None = None
    pin: str = STOCK
    eff_khz: float | None = None
    eff_khz_reason: str | None = None
    canary_ns: float | None = None
    trials: tuple[float, ...] = ()


@dataclass(frozen=True)
class Promise:
    """What was told before the start: the smallest change that a board would see, None where nothing is compared.

    `launch_sd`: what its launches were taken to vary by, in logs; `own`: as the board itself had shown, not a typical one.
    """

    effect: float | None = None
    launch_sd: float | None = None
    own: bool = False


@dataclass(frozen=True)
class BoardRecord:
    """One board: the inventory's fields, and `facts` of the agent's hello (empty when it was never reached)."""

    name: str
    fields: Json
    facts: Json = field(default_factory=dict)
    reason: str | None = None
    calibration: Calibration = field(default_factory=Calibration)
    promise: Promise = field(default_factory=Promise)


@dataclass(frozen=True)
class VariantRecord:
    """One variant; `reason` where it was refused before any board (its cells are not_run)."""

    name: str
    file: str | None
    sha256: str | None
    bytes: int | None
    opset: int | None
    parent: str | None = None
    recipe: str | None = None
    findings: tuple[Json, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Old:
    """What a variant was on a board: its file by content, and which run it is from."""

    sha256: str
    bytes: int | None
    run: str


@dataclass(frozen=True)
class Against:
    """The past of a run, whose old artefacts ran in its own blocks: launches of NAME@past.

    `about`: the fields of results.json's `past` that are facts. `old`: by (board, variant, point), what each cell was,
    measured or the very same file; `without`: why a cell has no past. `budgets`: as in `run`.
    """

    about: Json
    old: Mapping[tuple[str, str, str], Old]
    without: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    budgets: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Tables:
    """A run as stored. `run`: the fields of results.json's `run` that are facts (id, name, created, ...).

    `scores` maps (board, variant) to the accuracy object of results.json, without `delta_pt` where it is the
    baseline; `limits` maps metric to the bound as written, `lines` metric to file:line. `planned` and `max_blocks` are
    the blocks of a point; `confirms` where an open gate gets fresh ones; `partial` while launches are still owed; `uncalibrated` boards have the wider floor.
    `unswept` says of the boards of a sweep of clocks that have one point why.
    `against`: the past that it was asked about.
    `gated`: the m of alpha / m, where these are the tables of one board of a run; None: of all cells here.
    `samples` maps the id of a valid measured launch to its latencies in ns; without them there are no tails.
    """

    run: Json
    boards: tuple[BoardRecord, ...]
    variants: tuple[VariantRecord, ...]
    cells: tuple[CellRecord, ...]
    launches: tuple[LaunchRecord, ...]
    scores: Mapping[tuple[str, str], Json]
    limits: Mapping[str, str]
    ship: tuple[str, ...]
    lines: Mapping[str, str]
    baseline: str
    compare: bool
    planned: int
    max_blocks: int
    min_boards: int
    partial: bool
    seed: int
    samples: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)
    confirms: bool = False
    unswept: Mapping[str, str] = field(default_factory=dict)
    gated: int | None = None
    against: Against | None = None
