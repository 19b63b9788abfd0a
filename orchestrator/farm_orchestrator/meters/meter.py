"""What a power meter is to the farm: a thing that is asked, and answers with watts or with a named reason."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Json = dict[str, Any]
Scope = Literal["wall_ac", "board_dc"]
Clock = Callable[[], int]  # ns of this machine's CLOCK_MONOTONIC
SensorClass = Literal["A", "B", "C"]  # a bench instrument, a shunt on the board, a plug


class MeterError(Exception):
    """Why there is no reading: `kind` is one word, the text says it to a person."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


@dataclass(frozen=True)
class Reading:
    """`t_mid_ns`: the middle of the exchange on this machine's CLOCK_MONOTONIC, `took_ns` its length.

    `energy_j`: the meter's counter, where it has one; `own_s`: its own clock in seconds, where it tells it.
    """

    t_mid_ns: int
    power_w: float
    energy_j: float | None = None
    own_s: float | None = None
    took_ns: int = 0


class Meter(Protocol):
    """An opened meter; `says` is what it calls itself, `lsb_w` its smallest step as far as it is known by now.

    `read` belongs to one thread, and raises MeterError; after that it may be asked again.
    """

    kind: str
    says: str
    scope: Scope
    sensor_class: SensorClass
    interval_ms: int
    lsb_w: float

    def read(self) -> Reading: ...
    def close(self) -> None: ...


def described(meter: Meter) -> Json:
    """What must be known to judge what the meter says."""
    return {"kind": meter.kind, "scope": meter.scope, "sensor_class": meter.sensor_class, "lsb_w": meter.lsb_w,
            "interval_ms": meter.interval_ms, "says": meter.says}  # fmt: skip
