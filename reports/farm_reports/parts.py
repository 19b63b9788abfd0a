"""Pieces of results.json that stand alone: the base of all its parts, a figure with its interval, what lasts in heat, what power is read with, what a sweep of clocks shows, what a variant is worth over all boards."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="constants")


class Value(Part):
    """A figure with its 95 % interval; `value` null comes with a `reason`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class Energy(Part):
    """What the energy of a cell was measured with. Figures of different scopes are never to be compared.

    `sensor_class`: A a counter or a bench instrument, B a shunt on the board, C a plug. `lsb_w`: the smallest
    step of the sensor, `interval_ms`: from one new value to the next, each null where nobody tells. `idle_w`: the power
    of the board while the loaded runner was blocked.
    """

    scope: Literal["wall_ac", "board_dc", "module_input", "board_rails", "soc_pkg"]
    source: str
    sensor_class: Literal["A", "B", "C"]
    lsb_w: float | None
    interval_ms: float | None
    idle_w: float | None


class ToThrottle(Value):
    """Seconds from the start of a soak until heat held the launch back; `by`: how that was seen."""

    by: str | None = None


class SpeedKept(Value):
    """The share of its first speed that a launch has left `after_s` seconds of its soak."""

    after_s: float | None = None


class Soak(Part):
    """What the launches of a sustained cell showed while they soaked: medians over them, `low` and `high` their range.

    `cool_ms`: the latency of the first windows after the plain warm-up; `warm_ms`: after ten minutes, or at the end of
    the soak where the heat stood still earlier. `disturbed`: launches beside which other work ran; their latency alone
    is no sign of heat.
    """

    launches: int
    disturbed: int
    cool_ms: Value
    warm_ms: Value
    speed_kept: SpeedKept
    time_to_throttle_s: ToThrottle


class Step(Part):
    """A variant at one clock of a sweep. `held`: in every launch that counts, else `held_reason`."""

    pin_khz: int
    point_key: str
    state: str
    latency_p50_ms: Value
    energy_mj: Value
    temp_max_c: Value
    throttle: Literal["none", "suspected", "confirmed", "unknown"]
    held: bool
    held_reason: str | None = None


class Optimum(Part):
    """The clock that takes least, of those that were mostly held; null with `reason` where nobody can tell. `tied`: those that cannot be told apart."""

    pin_khz: int | None
    tied: list[int] = []
    reason: str | None = None


class Sweep(Part):
    """A variant at each clock of a board, the lowest first. `setting`: other fields of the point that were swept.

    `reference_khz`: the highest clock that was held, at which the run is judged. `reason`: why there are no steps.
    """

    board: str
    variant: str
    setting: dict[str, str | int | float | None]
    reference_khz: int | None
    steps: list[Step]
    best_latency: Optimum
    best_energy: Optimum
    reason: str | None = None


class FleetUnit(Part):
    """What counts once in a mean over boards: a board, or a type of board. `error`: standard error of the log ratio."""

    name: str
    boards: list[str]
    ratio: float
    error: float


class Fleet(Part):
    """A variant over all boards that have a valid comparison of it: the geometric mean of its units' ratios.

    `setting`: the fields of the point that were swept on a board. `low`, `high`: 95 % interval of the mean;
    `next_low`, `next_high`: where the next unit would read. `tau2` (squared logs) and `i2`: what units differ by
    beyond their own errors. Null with a `reason` under three units. For reading: gates look at each board.
    """

    variant: str
    setting: dict[str, str | int | float | None]
    unit: Literal["board", "type"]
    units: list[FleetUnit]
    ratio: float | None
    low: float | None = None
    high: float | None = None
    method: Literal["t", "hksj"] | None = None
    tau2: float | None = None
    i2: float | None = None
    next_low: float | None = None
    next_high: float | None = None
    reason: str | None = None
