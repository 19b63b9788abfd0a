"""The format of results.json: `farm.result/1`. The page and every export are pure functions of it and the samples."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from farm_reports.availability import Availability
from farm_reports.explained import Why
from farm_reports.heated import Heat
from farm_reports.history import History
from farm_reports.parts import Energy, Fleet, Part, Soak, Sweep, Value
from farm_reports.past import Budget, Past, VersusPast
from farm_reports.profiled import Profile

SCHEMA = "farm.result/1"
RunWord = Literal["measured", "passed", "failed", "regressed", "inconclusive", "invalid"]
CellState = Literal["measured", "invalid", "failed", "not_run", "screened_out"]
BaselineWord = Literal["faster", "slower", "same", "undecided", "invalid"]
GateWord = Literal["passed", "failed", "inconclusive", "not_measured"]
FitWord = Literal["yes", "no", "undecided", "not_measured"]


class Git(Part):
    sha: str
    dirty: bool


class Run(Part):
    """`smallest_effect`: the smallest relative change that every valid comparison of the run would have called in 95 of
    100 such runs, from the noise it had: that of its noisiest comparison; null before it can be told. `promised_effect`:
    what was told before the start, from a board's own calibration, else from a typical board; each by board in `sight`.
    `started`: its first launch; what lies before is no time of the run. `memory_limit`: bytes beyond which a launch was
    ended, on boards that can do that. `budgets`: by metric, how much a variant may get worse than its own past.
    """

    id: str
    name: str | None
    created: str
    started: str | None = None
    finished: str | None
    status: Literal["complete", "partial"]
    baseline: str
    preset: str
    mode: str
    seed: int
    against: str | None
    git: Git | None
    farm_version: str
    smallest_effect: float | None
    promised_effect: float | None = None
    synthetic: bool = False
    memory_limit: int | None = None
    budgets: dict[str, Budget] = Field(default_factory=dict)


class Counts(Part):
    faster: int = 0
    slower: int = 0
    same: int = 0
    undecided: int = 0
    regressed: int = 0
    improved: int = 0
    equivalent: int = 0
    inconclusive: int = 0
    invalid: int = 0
    failed: int = 0
    not_run: int = 0
    screened_out: int = 0


class GateCell(Part):
    """`value`, `low`, `high` in the unit of the bound: ms, ratio minus one, bytes, mJ, points.

    `point`: in words, null where the run has only one, or where a gate is of all of them.
    """

    board: str
    variant: str | None
    value: float | None
    low: float | None = None
    high: float | None = None
    verdict: GateWord = "not_measured"
    reason: str | None = None
    point_key: str | None = None
    point: str | None = None

    @property
    def place(self) -> str:
        return f"{self.board} ({self.point})" if self.point else self.board

    @property
    def where(self) -> str:
        return f"{self.variant} on {self.place}" if self.variant else self.place


class Gate(Part):
    kind: Literal["limit", "some_fit", "budget"]
    metric: str
    bound: str
    verdict: GateWord
    worst: GateCell | None
    cells: list[GateCell]
    line: str | None = None


class RuledOut(Part):
    variant: str
    why: str


class Nearest(RuledOut):
    """What comes closest, and why it does not fit."""


class Ship(Part):
    """`variant` null where nothing fits; `nearest` then names what comes closest. `point_key`: where it is fastest.

    `apart`: by what share the winner takes longer (below 0: less) than the first of `tied`, null where too few blocks tell.
    """

    board: str
    variant: str | None
    point_key: str | None = None
    probability_best: float | None
    tied: list[str] = Field(default_factory=list)
    apart: Value | None = None
    nearest: Nearest | None = None
    ruled_out: list[RuledOut] = Field(default_factory=list)


class Pin(Part):
    wanted: str
    held: bool
    reason: str | None


class Calibrated(Part):
    """What a board's runs of a variant against itself gave; null with `reason` where the default holds instead.

    `bias`: what all blocks of a run share; `floor`: its upper limit, which intervals hold; `launch_sd`: from launch to
    launch; `clock_sd`, `memory_sd`: of the canary's time after a slot over that before it. All in logs: 0.01 is 1 %.
    `idle_mc`: the temperature at which the board comes to rest, in m°C. `pin`: the clock that was asked for; `eff_khz`:
    the one that was measured then; `canary_ns`: what the clock's canary took at it. `trials`: the change that each run showed.
    """

    runs: int
    bias: float | None
    floor: float | None
    launch_sd: float | None
    noise: Literal["quiet", "typical", "noisy"] | None
    reason: str | None
    clock_sd: float | None = None
    memory_sd: float | None = None
    canary_reason: str | None = None
    idle_mc: float | None = None
    pin: str = "stock"
    eff_khz: float | None = None
    eff_khz_reason: str | None = None
    canary_ns: float | None = None
    trials: list[float] = Field(default_factory=list)


class Sight(Part):
    """The smallest relative change that a board's comparisons would have called in 95 of 100 such runs.

    `promised`: told before the start, for `planned` blocks and launches that vary by `expected_sd`; `own`: as the board
    had shown when it was measured against itself, else as a typical board's do. `had`: what came of it, null where no
    comparison is valid: of the board's noisiest one, that of `variant` at `point_key`, whose launches varied by
    `launch_sd` over `blocks`. Standard deviations are in logs: 0.01 is 1 %.
    """

    promised: float | None
    expected_sd: float | None
    own: bool
    planned: int
    had: float | None = None
    variant: str | None = None
    point_key: str | None = None
    launch_sd: float | None = None
    blocks: int | None = None


class Board(Part):
    name: str
    model: str | None
    arch: str | None
    kernel: str | None
    python: str | None
    onnxruntime: str | None
    agent: str | None
    fingerprint: str | None
    pin: Pin
    governor: str | None = None
    capabilities: dict[str, dict[str, Any]]
    reason: str | None = None
    lab: bool = False
    type: str | None = None
    calibration: Calibrated | None = None
    sight: Sight | None = None

    @property
    def kind(self) -> str:
        """What other boards it is like: its type, else the model it tells of itself, else itself alone."""
        return self.type or self.model or self.name


class Variant(Part):
    name: str
    file: str | None
    sha256: str | None
    bytes: int | None
    opset: int | None
    parent: str | None
    recipe: str | None
    reason: str | None = None


class Point(Part):
    provider: str
    runtime: str
    cpus: str
    threads: int | None
    pin: str
    mode: str
    pace_hz: float | None


class LimitHit(Part):
    metric: str
    limit: str
    value: float | None
    text: str = ""


class Fit(Part):
    verdict: FitWord
    by: list[LimitHit] = Field(default_factory=list)


class Launches(Part):
    valid: int
    dropped: int
    lost: int


class Quantile(Value):
    """`upper`: the one-sided 99 % upper bound that MLPerf's early stopping gives; only where nothing is compared."""

    upper: float | None = None


class Latency(Part):
    p50: Value
    p90: Quantile
    p95: Quantile
    p99: Quantile


class AllRows(Part):
    """The whole dataset on the machine that started the run; `agreement` with the board on the rows that ran there."""

    rows: int | None = None
    value: float | None = None
    agreement: float | None = None
    reason: str | None = None


class Accuracy(Part):
    """top1 or mae where there are labels (`metric` null: none, and nothing is called accuracy).

    `resolution_pt`: half-width of the 95 % interval of `delta_pt`, the smallest difference the rows can tell.
    `rows_asked` and `rows_reason` where the board ran only the first `rows`; then `orchestrator` is the rest of the story.
    """

    metric: str | None
    value: float | None
    low: float | None = None
    high: float | None = None
    delta_pt: float | None = None
    agreement: float | None = None
    sqnr_db: float | None = None
    exact: bool = False
    cosine: float | None = None
    ece: float | None = None
    rows: int | None = None
    rows_asked: int | None = None
    rows_reason: str | None = None
    orchestrator: AllRows | None = None
    mcnemar_p: float | None = None
    resolution_pt: float | None = None
    reason: str | None = None


class Finding(Part):
    name: str
    text: str
    do: str


class VersusBaseline(Part):
    """`fresh`: how many blocks decided alone, because the first ones left a gate open; null where the first ones did."""

    ratio: float | None
    low: float | None
    high: float | None
    gate_low: float | None = None
    gate_high: float | None = None
    verdict: BaselineWord
    small: bool = False
    fresh: int | None = None
    provisional: bool = False
    reason: str | None = None


class Cell(Part):
    """`energy_mj`: of an inference, `energy_net_mj`: without what the idle board takes; `energy`: of which scope."""

    board: str
    variant: str
    point: Point
    point_key: str
    state: CellState
    reason: str | None
    fit: Fit
    launches: Launches
    iterations: int
    latency_ms: Latency
    load_ms: Value
    first_ms: Value
    cpu_ms_per_inference: Value
    peak_rss_bytes: Value
    energy_mj: Value
    energy_net_mj: Value = Value(value=None, reason="no power sensor")
    energy: Energy | None = None
    energy_reason: str | None = None
    soak: Soak | None = None
    accuracy: Accuracy
    throttle: Literal["none", "suspected", "confirmed", "unknown"]
    findings: list[Finding]
    versus_baseline: VersusBaseline | None
    versus_past: VersusPast | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Which cell it is: board, variant, point key."""
        return self.board, self.variant, self.point_key


class Results(Part):
    """The whole document. `headline` is the heading of "what to ship"; `sentence` that of the verdict."""

    schema_: Literal["farm.result/1"] = Field(alias="schema", default="farm.result/1")
    run: Run
    verdict: RunWord
    sentence: str
    headline: str
    counts: Counts
    gates: list[Gate]
    ship: list[Ship]
    boards: list[Board]
    variants: list[Variant]
    cells: list[Cell]
    fleet: list[Fleet] = Field(default_factory=list)
    sweeps: list[Sweep] = Field(default_factory=list)
    heat: list[Heat] = Field(default_factory=list)
    profiles: list[Profile] = Field(default_factory=list)
    history: list[History] = Field(default_factory=list)
    availability: list[Availability] = Field(default_factory=list)
    past: Past | None = None
    why: Why | None = None
    findings: list[Finding] = Field(default_factory=list)

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="constants", populate_by_name=True
    )

    def document(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)
