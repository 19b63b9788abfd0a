"""What a board's own Python says of it, checked: a board may answer anything."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Version = Annotated[str, Field(pattern=r"^\d{1,4}\.\d{1,4}")]


class Part(BaseModel):
    """As `farm_agents.health` gives it; what is unknown here is ignored."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Process(Part):
    name: str
    share: float


class Load(Part):
    """Shares of one CPU: of the busiest, and of the processes that took most."""

    busy: float | None
    stolen: float | None
    top: list[Process]


class Clocks(Part):
    """`closed`: files that this account may not write."""

    governor: str | None
    driver: str | None
    min_khz: int | None
    max_khz: int | None
    most_khz: int | None
    policies: int
    closed: list[str]


class Heat(Part):
    """`trips`, `cooling`: kind with its limit in m°C, or with its state. `throttled`: bits of a Raspberry Pi's firmware."""

    temp_mc: int | None
    trips: list[tuple[str, int]]
    cooling: list[tuple[str, int]]
    throttled: int | None


class Supply(Part):
    low: bool | None
    over_current: int


class Sensor(Part):
    source: str
    path: str
    readable: bool


class MemoryLimit(Part):
    """`reason`: why no launch can be limited; None: rights speak for it."""

    reason: str | None


class Runtime(Part):
    """Versions and providers, or an error and how the process ended that tried it."""

    onnxruntime: Version | None = None
    numpy: str | None = None
    providers: list[str] = []
    error: str | None = None
    code: int | None = None


class Inside(Part):
    """A Python below the floor says no more than its version."""

    python: Version
    executable: str
    holder: int | None = None
    load: Load | None = None
    clocks: Clocks | None = None
    heat: Heat | None = None
    supply: Supply | None = None
    power: list[Sensor] | None = None
    memory_limit: MemoryLimit | None = None
    runtime: Runtime | None = None


def read(line: str) -> Inside | None:
    """None for anything else."""
    try:
        return Inside.model_validate_json(line)
    except ValidationError:
        return None
