"""What a job asks for, read from the wire's JSON into frozen nouns."""

import re
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple

from farm_agents import knobs
from farm_agents.wire import Job, WireError

DIGEST = re.compile(r"^[0-9a-f]{64}\Z")
NAME = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}\Z")
KINDS = ("measure", "evaluate", "profile")
MODES = ("burst", "sustained")
MOST_MC = 1_000_000
MOST_KHZ = 20_000_000
MOST_NS = 1e12


@dataclass(frozen=True)
class Point:
    """Settings of the cell. `cpus`: big, all or a list such as 0-3,6; `threads` None: as many as the cpus.

    `mode`: burst, or sustained, which warms up until the board's heat stands still.
    `pin`: stock (the clocks are left alone), max, or kHz.
    """

    provider: str
    cpus: str
    threads: Optional[int]
    pace_hz: Optional[float]
    mode: str
    pin: str


@dataclass(frozen=True)
class Recipe:
    """Durations in seconds, counts of iterations; limits of the warm-up's windows as shares.

    A warm-up without a maximum lasts for its minimum; without a maximum of the cool-down there is none. Without `sampler`
    nothing is read while the launch runs: what that costs is found by leaving it out. `idle_s`: for how long the runner
    is blocked before and after the slot, for the power of the idle board. `chirp_s`: of each idle and busy time of a load chirp
    after the slot, 0: none.
    """

    warmup_s: float
    slot_s: float
    slot_cap_s: float
    warmup_iterations: int
    min_iterations: int
    rows_s: float
    warmup_max_s: float
    window_s: float
    windows: int
    drift_max: float
    half_max: float
    spread_max: float
    cooldown_s: float
    cooldown_max_s: float
    sampler: bool
    idle_s: float = 0.0
    chirp_s: float = 0.0


@dataclass(frozen=True)
class Start:
    """What the board must be like: its temperature in m°C, and whether cooling must leave the clock alone.

    `eff_khz`: the clock that this board was measured at when it was calibrated at this pin; `canary_ns`: what the clock's
    canary took then.
    """

    low_mc: Optional[int] = None
    high_mc: Optional[int] = None
    cooling: bool = False
    eff_khz: Optional[float] = None
    canary_ns: Optional[float] = None


@dataclass(frozen=True)
class Feeds:
    """Arrays of one pushed .npz; `dims` binds symbolic dimensions of the graph by name."""

    sha256: str
    arrays: Mapping[str, str]
    scale: Mapping[str, float] = field(default_factory=dict)
    rows: Optional[int] = None
    dims: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """One launch, checked: no name or digest in it leads outside the base folder."""

    launch: str
    kind: str
    variant: str
    file: str
    bytes: int
    quantised: bool
    golden: Optional[str]
    feeds: Feeds
    point: Point
    recipe: Recipe
    start: Start
    deadline_s: float
    memory_limit: Optional[int]


def read(job: Job) -> Work:
    """Raises WireError naming the field that is missing or no such thing."""
    try:
        return _read(job)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError("job {!r}: {}: {}".format(job.launch[:80], type(error).__name__, error)) from error


def _read(job: Job) -> Work:
    return Work(
        launch=name(job.launch),
        kind=_one_of(job.kind, KINDS),
        variant=digest(job.model["variant"]),
        file=name(job.model["file"]),
        bytes=_count(job.model["bytes"]),
        quantised=bool(job.model.get("quantised", False)),
        golden=None if job.golden is None else digest(job.golden),
        feeds=_feeds(job.feeds),
        point=_point(job.point),
        recipe=_recipe(job.recipe),
        start=_start(job.start),
        deadline_s=_seconds(job.deadline_s),
        memory_limit=None if job.memory_limit is None else _count(job.memory_limit),
    )


def _feeds(body: Dict[str, Any]) -> Feeds:
    rows = body.get("rows")
    return Feeds(
        sha256=digest(body["sha256"]),
        arrays={str(tensor): str(array) for tensor, array in body["arrays"].items()},
        scale={str(tensor): float(scale) for tensor, scale in body.get("scale", {}).items()},
        rows=None if rows is None else _count(rows),
        dims={str(dim): _count(size) for dim, size in body.get("dims", {}).items()},
    )


def _point(body: Dict[str, Any]) -> Point:
    threads, pace_hz = body.get("threads"), body.get("pace_hz")
    if pace_hz is not None and not 0 < float(pace_hz) <= 1e6:
        raise ValueError("pace_hz {!r} is not between 0 and 1e6".format(pace_hz))
    return Point(
        provider=str(body["provider"]),
        cpus=str(body.get("cpus", "big")),
        threads=None if threads is None else max(1, _count(threads)),
        pace_hz=None if pace_hz is None else float(pace_hz),
        mode=_one_of(body.get("mode", "burst"), MODES),
        pin=knobs.check(str(body.get("pin", knobs.STOCK))),
    )


def _recipe(body: Dict[str, Any]) -> Recipe:
    return Recipe(
        warmup_s=_seconds(body["warmup_s"]),
        slot_s=_seconds(body["slot_s"]),
        slot_cap_s=_seconds(body["slot_cap_s"]),
        warmup_iterations=max(1, _count(body.get("warmup_iterations", 10))),
        min_iterations=max(1, _count(body.get("min_iterations", 50))),
        rows_s=_seconds(body.get("rows_s", 600.0)),
        warmup_max_s=max(_seconds(body["warmup_s"]), _seconds(body.get("warmup_max_s", 0.0))),
        window_s=_seconds(body.get("window_s", 0.025)),
        windows=max(2, _count(body.get("windows", 12))),
        drift_max=_share(body.get("drift_max", 0.02)),
        half_max=_share(body.get("half_max", 0.015)),
        spread_max=_share(body.get("spread_max", 0.05)),
        cooldown_s=_seconds(body.get("cooldown_s", 0.0)),
        cooldown_max_s=_seconds(body.get("cooldown_max_s", 0.0)),
        sampler=bool(body.get("sampler", True)),
        idle_s=_seconds(body.get("idle_s", 0.0)),
        chirp_s=_seconds(body.get("chirp_s", 0.0)),
    )


def _start(body: Dict[str, Any]) -> Start:
    low_mc, high_mc = (_limit_mc(body.get(name)) for name in ("low_mc", "high_mc"))
    eff_khz, canary_ns = _measured(body.get("eff_khz"), MOST_KHZ), _measured(body.get("canary_ns"), MOST_NS)
    return Start(low_mc, high_mc, cooling=bool(body.get("cooling", False)), eff_khz=eff_khz, canary_ns=canary_ns)


def digest(value: Any) -> str:
    if not isinstance(value, str) or not DIGEST.match(value):
        raise ValueError("{!r} is no sha256".format(value))
    return value


def name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.match(value):
        raise ValueError("{!r} is no plain file name".format(value))
    return value


def _one_of(value: str, known: Tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError("{!r} is none of {}".format(value, ", ".join(known)))
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError("{!r} is no count".format(value))
    return int(value)


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 86400:
        raise ValueError("{!r} is no duration of at most a day".format(value))
    return float(value)


def _limit_mc(value: Any) -> Optional[int]:
    if value is not None and (type(value) is not int or abs(value) > MOST_MC):
        raise ValueError("{!r} is no temperature in m°C".format(value))
    return None if value is None else int(value)


def _measured(value: Any, most: float) -> Optional[float]:
    if value is not None and (type(value) not in (int, float) or not 0 < value <= most):
        raise ValueError("{!r} is nothing that was measured, up to {:g}".format(value, most))
    return None if value is None else float(value)


def _share(value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise ValueError("{!r} is no share between 0 and 1".format(value))
    return float(value)
