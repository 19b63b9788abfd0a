"""Wire version 1: UTF-8 JSON lines between the orchestrator and the agent on a board.

Unknown fields are ignored. An unknown message, a missing field, a field of another type, a line over 1 MiB, a
non-finite number or nesting beyond Python's recursion limit is a WireError.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Callable, Dict, List, Optional, Type, Union

VERSION = 1
LINE_LIMIT = 1 << 20
BEAT_AGENT_S = 1.0
BEAT_ORCHESTRATOR_S = 2.0
SILENCE_S = 5.0
DEADMAN_S = 10.0

Json = Dict[str, Any]


class WireError(ValueError):
    """A line that is no message of this version; the text quotes at most 200 bytes of it."""


@dataclass(frozen=True)
class Open:
    """First word of the orchestrator: who holds the board (fence), and where the agent may act (base, sysroot).

    `farm` names the store that counts the fences: fences of different stores are not compared; `who`: the same for a
    person. `runtime`: one of those laid out on the board, None for its default.
    """

    wire: int
    fence: int
    base: str
    sysroot: str = "/"
    runtime: Optional[str] = None
    deadman_s: float = DEADMAN_S
    farm: Optional[str] = None
    who: Optional[str] = None


@dataclass(frozen=True)
class Hello:
    """The agent holds the lock. `capabilities` maps a name to {"ok": bool, "reason": str | null}."""

    wire: int
    agent: str
    python: str
    onnxruntime: Optional[str]
    numpy: Optional[str]
    providers: List[str]
    facts: Json
    boot_id: Optional[str]
    capabilities: Json


@dataclass(frozen=True)
class Refused:
    """The agent touched nothing and exits: another holder with a newer fence, another wire, no runtime."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Prepare:
    """Lay out pushed files. `variants`: [{"sha256", "files": [{"name", "sha256", "size"}]}]; `files`: [sha256]."""

    variants: List[Json]
    files: List[str]


@dataclass(frozen=True)
class Ready:
    """Everything asked for lies in place; `missing` lists digests that do not."""

    missing: List[str]


@dataclass(frozen=True)
class Evict:
    """A push of `bytes` was refused for want of room: the least recently used files go, but none in `keep` ([sha256])."""

    bytes: int
    keep: List[str]


@dataclass(frozen=True)
class Evicted:
    """How many files went, how many bytes they gave back, how many are free now."""

    files: int
    bytes: int
    free: int


@dataclass(frozen=True)
class Job:
    """One launch. Shapes of the parts: see `farm_orchestrator.model`.

    `launch`: "<id>.<fence>"; `kind`: measure | evaluate | profile; `model`: {"variant": sha256, "file": name, "bytes": int,
    "quantised": bool, "name": of the variant}; `feeds`: {"sha256", "arrays": {tensor: array}, "scale": {tensor: float}, "rows": int | null,
    "dims": {name: int}};
    `golden`: sha256 of the .npz with the expected outputs, or null; `point`: Point; `recipe`: Recipe;
    `deadline_s`: the agent ends the launch that long after the job came. `start`: {"low_mc": int | null, "high_mc":
    int | null, "cooling": bool}, the temperatures the launch may begin in, and whether cooling must stand at 0.
    `memory_limit`: bytes beyond which the launch is ended, where the board can do that; None: none.
    """

    launch: str
    kind: str
    model: Json
    feeds: Json
    point: Json
    recipe: Json
    deadline_s: float
    golden: Optional[str] = None
    start: Json = field(default_factory=dict)
    memory_limit: Optional[int] = None


@dataclass(frozen=True)
class Stage:
    """The launch entered a stage (settle, pin, verify, import, load, bind, first, warmup, slot, restore, send)."""

    launch: str
    stage: str
    t_ns: int


@dataclass(frozen=True)
class Beat:
    """I am alive."""

    t_ns: int


@dataclass(frozen=True)
class Clock:
    """What is your CLOCK_MONOTONIC? The orchestrator asks between launches with its own, the agent answers with both."""

    asked_ns: int
    t_ns: Optional[int] = None


@dataclass(frozen=True)
class Samples:
    """A columnar chunk of a slot, from iteration `first`; paced launches carry the start delay of each iteration."""

    launch: str
    first: int
    t0_ns: int
    latency_ns: List[int]
    start_delay_ns: Optional[List[int]] = None


@dataclass(frozen=True)
class Readings:
    """Telemetry beside the slot: [{"t_ns", "source", "value", "unit", "error"}]."""

    launch: str
    readings: List[Json]


@dataclass(frozen=True)
class Outputs:
    """A file in the scratch folder of the launch, to be fetched by Channel.get."""

    launch: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Done:
    """The launch was measured; `facts` are the fields of inference.md section 10, findings are [{"name", "text"}]."""

    launch: str
    facts: Json
    findings: List[Json] = field(default_factory=list)


@dataclass(frozen=True)
class Failed:
    """The variant's own fault, or the agent's (kind AGENT_ERROR)."""

    launch: str
    stage: str
    kind: str
    detail: str
    facts: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Stop:
    """End the running launch, restore what was changed, and stay; end of stdin means end."""

    reason: str


Message = Union[
    Open, Hello, Refused, Prepare, Ready, Evict, Evicted, Job,
    Stage, Beat, Clock, Samples, Readings, Outputs, Done, Failed, Stop,
]  # fmt: skip
KINDS: Dict[str, Type[Any]] = {
    kind.__name__.lower(): kind
    for kind in (
        Open, Hello, Refused, Prepare, Ready, Evict, Evicted, Job,
        Stage, Beat, Clock, Samples, Readings, Outputs, Done, Failed, Stop,
    )
}  # fmt: skip
CHECKS: Dict[Any, Callable[[Any], bool]] = {
    int: lambda v: type(v) is int,
    float: lambda v: type(v) in (int, float),
    str: lambda v: isinstance(v, str),
    Json: lambda v: isinstance(v, dict),
    List[str]: lambda v: isinstance(v, list) and all(isinstance(x, str) for x in v),
    List[int]: lambda v: isinstance(v, list) and all(type(x) is int for x in v),
    List[Json]: lambda v: isinstance(v, list) and all(isinstance(x, dict) for x in v),
    Optional[int]: lambda v: v is None or type(v) is int,
    Optional[str]: lambda v: v is None or isinstance(v, str),
    Optional[List[int]]: lambda v: v is None or CHECKS[List[int]](v),
}


def encode(message: Message) -> bytes:
    """One line with its newline. Raises WireError where the message is over 1 MiB or holds a non-finite number."""
    body = {"msg": type(message).__name__.lower()}
    body.update(asdict(message))
    try:
        line = json.dumps(body, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    except ValueError as error:
        raise WireError("cannot be sent: {}".format(error)) from error
    if len(line) > LINE_LIMIT:
        raise WireError("a line of {} bytes is over the limit of 1 MiB".format(len(line)))
    return line


def decode(line: bytes) -> Message:
    """The message of one line. Raises WireError, which quotes the start of the line."""
    if len(line) > LINE_LIMIT:
        raise WireError("a line of {} bytes is over the limit of 1 MiB: {!r}".format(len(line), line[:200]))
    try:
        body = json.loads(line.decode("utf-8"), parse_constant=_non_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise WireError("no JSON: {}: {!r}".format(error, line[:200])) from error
    kind = body.get("msg") if isinstance(body, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise WireError("no message of wire version {}: {!r}".format(VERSION, line[:200]))
    return _build(KINDS[kind], body, line)


def _build(kind: Type[Any], body: Json, line: bytes) -> Message:
    known = fields(kind)
    try:
        message: Message = kind(**{f.name: body[f.name] for f in known if f.name in body})
    except TypeError as error:
        raise WireError("a field is missing: {}: {!r}".format(error, line[:200])) from error
    for f in known:
        if not CHECKS[f.type](getattr(message, f.name)):
            raise WireError("{}.{} has the wrong type: {!r}".format(body["msg"], f.name, line[:200]))
    return message


def _non_finite(text: str) -> float:
    raise ValueError("non-finite number {}".format(text))


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("non-finite number {}".format(text))
    return value
