"""The nouns of a run: frozen, without I/O; everything that crosses a process goes through `to_json` / `from_json`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Self

from farm_orchestrator.artefact import Arm, Document, Feeds, FileRef, Json, Variant
from farm_reports.tables import Figures, Summary

__all__ = ["Arm", "Feeds", "FileRef", "Json", "Variant"]  # nouns too, which have a file of their own
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
DIGEST_PATTERN = r"^[0-9a-f]{64}$"
PIN_PATTERN = r"^(max|stock|sustained|[1-9][0-9]{4,7})$"  # a number: kHz, as the kernel counts
SWEEP_PATTERN = r"^sweep(:all|:[1-9][0-9]{4,7}(,[1-9][0-9]{4,7})*)?$"  # of a command line: several clocks
BURST = "burst"  # a launch begins in a band of temperature and is short
SUSTAINED = "sustained"  # it is measured once the heat that it makes itself stands still; as a pin: a clock it can keep
MODES = (BURST, SUSTAINED)


def document(found: object) -> Json:
    """What should be a document; a board may say anything."""
    return found if isinstance(found, dict) else {}


class Kind(StrEnum):
    MEASURE = "measure"
    EVALUATE = "evaluate"
    PROFILE = "profile"


class Phase(IntEnum):
    """The order of the work of a part."""

    CHECK = 0  # floor (measure) and the dry load of every variant (evaluate, the common inputs)
    EVALUATE = 1
    SCREEN = 2  # short blocks that say which variants need no long ones
    MEASURE = 3
    PROFILE = 4  # one launch a cell that tells of each operator; the last of its part, whatever its number
    CONFIRM = 6  # fresh blocks of the comparisons whose gate the others left open


class State(StrEnum):
    """States of a launch; all but the first two are terminal."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    REJECTED = "rejected"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Point(Document):
    """How a variant is run: the settings a cell is keyed by. `threads` None: as many as the cpus."""

    provider: str = "CPUExecutionProvider"
    runtime: str = "default"
    cpus: str = "big"
    threads: int | None = None
    pin: str = "stock"
    mode: str = BURST
    pace_hz: float | None = None

    @property
    def key(self) -> str:
        """Text that names the point in the store and on the page; `from_key` reads it back."""
        threads = "auto" if self.threads is None else str(self.threads)
        pace = "tight" if self.pace_hz is None else f"{self.pace_hz:g}Hz"
        return f"{self.provider}/{self.runtime}/{self.cpus}/{threads}/{self.pin}/{self.mode}/{pace}"

    @classmethod
    def from_key(cls, key: str) -> Self:
        provider, runtime, cpus, threads, pin, mode, pace = key.split("/")
        return cls(
            provider, runtime, cpus, None if threads == "auto" else int(threads), pin, mode,
            None if pace == "tight" else float(pace.removesuffix("Hz")),
        )  # fmt: skip


@dataclass(frozen=True)
class Recipe(Document):
    """A preset: durations in seconds. `compare` False (mlperf): absolute figures only; `rows_s`: for labelled rows.

    A warm-up lasts from `warmup_s` to `warmup_max_s`, until its last `windows` of `window_s` hold the three limits
    (shares). Without a maximum it lasts for its minimum. Before it the board settles for `cooldown_s` to
    `cooldown_max_s`, until its temperature rests; without a maximum not at all. `idle_s`: blocked before and after the
    slot, in the first blocks on a board whose power is read.
    """

    preset: str
    warmup_s: float
    slot_s: float
    slot_cap_s: float
    cooldown_s: float
    blocks_min: int
    blocks_max: int
    compare: bool = True
    warmup_iterations: int = 10
    min_iterations: int = 50
    load_budget_s: float = 120.0
    rows_s: float = 600.0
    warmup_max_s: float = 0.0
    window_s: float = 0.025
    windows: int = 12
    drift_max: float = 0.02
    half_max: float = 0.015
    spread_max: float = 0.05
    cooldown_max_s: float = 0.0
    idle_s: float = 0.0


_STANDARD = Recipe(
    "standard", 12.0, 12.0, 15.0, 2.0, 8, 40,
    warmup_max_s=120.0, window_s=1.0, drift_max=0.0075, half_max=0.005, spread_max=0.025, cooldown_max_s=300.0,
    idle_s=30.0,
)  # fmt: skip
PRESETS = {
    "quick": Recipe("quick", 0.3, 0.5, 3.0, 0.0, 8, 12, warmup_max_s=1.0),
    "ci": Recipe(
        "ci", 3.0, 5.0, 15.0, 2.0, 8, 20,
        warmup_max_s=30.0, window_s=0.25, drift_max=0.01, half_max=0.0075, spread_max=0.03, cooldown_max_s=60.0,
    ),
    "standard": _STANDARD,
    "mlperf": dataclasses.replace(
        _STANDARD, preset="mlperf", slot_s=600.0, slot_cap_s=600.0, blocks_min=1, blocks_max=1, compare=False
    ),
}  # fmt: skip
# It never rests: the heat that the soak has brought to a stand would be gone when the slot begins.
SOAK = dataclasses.replace(_STANDARD, slot_s=60.0, slot_cap_s=600.0, warmup_max_s=900.0, idle_s=0.0)
BRIEF = ("warmup_s", "warmup_max_s", "window_s", "slot_s", "slot_cap_s", "cooldown_s", "cooldown_max_s", "idle_s")


def recipe_of(preset: str, mode: str) -> Recipe:
    """A sustained launch is always that of `standard`, with a soak and a longer slot."""
    return SOAK if mode == SUSTAINED else PRESETS[preset]


@dataclass(frozen=True)
class Limits(Document):
    """What a user asked for: `limits` metric -> bound as written, `ship` names, where each was written (file:line).

    `budgets`: metric -> how much worse than its own past; where one was written stands under `budgets.METRIC`.
    """

    limits: dict[str, str] = field(default_factory=dict)
    ship: tuple[str, ...] = ()
    lines: dict[str, str] = field(default_factory=dict)
    budgets: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Slot(Document):
    """One planned launch: the row that is inserted. `floor` launches carry the variant name FLOOR."""

    board: str
    phase: int
    block: int
    attempt: int
    position: int
    variant: str
    sha256: str
    point: str
    kind: str


FLOOR = "@floor"  # cannot stand in a user's name


@dataclass(frozen=True)
class _Course:
    """What a launch is and what became of it, but for its figures."""

    id: int
    run: str
    board: str
    phase: int
    block: int
    attempt: int
    position: int
    variant: str
    sha256: str
    point: str
    kind: str
    state: str
    fence: int | None = None
    t0: float | None = None
    t1: float | None = None
    boot_id: str | None = None
    outcome: str | None = None
    dropped: str | None = None
    file: str | None = None
    file_sha256: str | None = None
    transcript_sha256: str | None = None


@dataclass(frozen=True)
class LaunchRow(Figures, _Course):
    """A launch as the store has it."""

    facts: Json = field(default_factory=dict)
    findings: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Measured:
    """Done or Rejected(`rejected`): what the lane commits. `file` and `transcript` are names in the run's folder."""

    facts: Json
    findings: tuple[Json, ...] = ()
    summary: Summary | None = None
    file: FileRef | None = None
    transcript: FileRef | None = None
    boot_id: str | None = None
    rejected: str | None = None


@dataclass(frozen=True)
class Failed:
    """The variant's own fault."""

    stage: str
    kind: str
    detail: str
    facts: Json = field(default_factory=dict)
    transcript: FileRef | None = None
    boot_id: str | None = None


REFUSED = "refused"


@dataclass(frozen=True)
class Lost:
    """Nobody's result: worker_lost, link_lost, rebooted, fenced, deadline, disk_full, read_only, agent_error, refused."""

    reason: str
    detail: str = ""

    @property
    def final(self) -> bool:
        """No other try can help: a person has to mend something first."""
        return self.reason == REFUSED


Outcome = Measured | Failed | Lost
NOT_SUPPORTED = "NOT_SUPPORTED"  # kind of a failure: this board's onnxruntime cannot load the model


@dataclass(frozen=True)
class Part:
    """One board's share of a run: everything a worker needs, no secrets. `board`: the resolved fields of the board.

    `screen_blocks`: short blocks of a point before the planned ones. `gated`: the m of alpha / m, over the whole run;
    `confirms`: whether a gate that the blocks leave open is measured once more. `time_s`: the time on the board that was given, and
    `until` the end of it in seconds since the epoch; None: neither. `calibrations`: what was known of the board then.
    `memory_limit`: bytes beyond which a launch is ended. `powered`: the board's power is read, as far as is known of it.
    `profile`: every cell that was compared gets one more launch, which tells of its operators. `arms`: what variants were,
    in the same blocks; `skipped`: (variant, point key) that are what they were, and are not measured.
    """

    run: str
    board: Json
    points: tuple[Point, ...]
    variants: tuple[Variant, ...]
    recipe: Recipe
    seed: int
    baseline: str
    agent: FileRef
    floor: Variant
    planned_blocks: int
    max_blocks: int
    limits: Limits = field(default_factory=Limits)
    screen_blocks: int = 0
    gated: int = 0
    confirms: bool = False
    time_s: float | None = None
    until: float | None = None
    calibrations: tuple[Json, ...] = ()
    memory_limit: int | None = None
    powered: bool = False
    profile: bool = False
    arms: tuple[Arm, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return str(self.board["name"])

    @property
    def measured(self) -> tuple[Variant, ...]:
        """The variants, then what they were."""
        return (*self.variants, *(arm.variant for arm in self.arms))

    @property
    def mode(self) -> str:
        """Of all points of a run."""
        return self.points[0].mode

    def recipe_in(self, phase: int) -> Recipe:
        """Screening launches are those of `quick`; what comes before them is no longer and waits for nothing."""
        quick = PRESETS["quick"]
        if phase >= Phase.SCREEN:
            return quick if phase == Phase.SCREEN else self.recipe
        brief = {name: min(getattr(self.recipe, name), getattr(quick, name)) for name in BRIEF}
        return dataclasses.replace(self.recipe, **brief)

    def variant(self, name: str) -> Variant:
        return next(v for v in (self.floor, *self.measured) if v.name == name)

    def to_json(self) -> Json:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, body: Json) -> Self:
        return cls(
            **{
                **body,
                "points": tuple(Point(**point) for point in body["points"]),
                "variants": tuple(Variant.from_json(variant) for variant in body["variants"]),
                "recipe": Recipe(**body["recipe"]),
                "agent": FileRef(**body["agent"]),
                "floor": Variant.from_json(body["floor"]),
                "limits": Limits(**{**body["limits"], "ship": tuple(body["limits"]["ship"])}),
                "calibrations": tuple(body.get("calibrations", ())),
                "arms": tuple(map(Arm.from_json, body.get("arms", ()))),
                "skipped": tuple((name, point) for name, point in body.get("skipped", ())),
            }
        )


BOARD_STATES = ("measuring", "connecting", "free", "lost", "drained", "quarantined")


def board_state(*, running: bool, held: bool, quarantined: str | None, drained: str | None, losses: int) -> str:
    """One of BOARD_STATES. What a board does goes before what it may do next: one that is drained ends its block first."""
    if running and held:
        return "measuring"
    if quarantined is not None:
        return "quarantined"
    if drained is not None:
        return "drained"
    if held:
        return "connecting"
    return "lost" if losses else "free"
