"""Why a complete block does not count: its launches against each other, by their readings and never by a latency."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from farm_orchestrator.model import Json, Kind, LaunchRow, State
from farm_orchestrator.plan import settling
from farm_reports import readings
from farm_reports.findings import OF_BLOCK, Name
from farm_reports.readings import CLOCK, MEMORY, SIGNS, Readings, Sign
from farm_reports.tables import Calibration

# Nothing absolute is known of a board that was never calibrated or whose clock is not held: a level that all launches
# of a block share is a note, and a difference between them drops the block.
CLOCKS_APART = 0.04
APART = 4  # times the absolute limit of a counter
CANARY_APART = 2  # times the limit of a part of the canary


@dataclass(frozen=True)
class Cause:
    """A finding about a block, with its evidence. `drops`: the block does not count; else it is only written down."""

    name: Name
    text: str
    drops: bool = True

    @property
    def finding(self) -> Json:
        return {"name": self.name.value, "text": self.text, OF_BLOCK: True}


@dataclass(frozen=True)
class Arm:
    variant: str
    said: Readings


@dataclass(frozen=True)
class Block:
    """The measured launches of one complete block, in their order, and what its board tells of itself.

    `drop`: interference drops a block; where it is only noted, others use the processor too, and there the time of a
    canary cannot tell a clock from a neighbour. `cooled`: launches wait until the board has settled.
    """

    arms: tuple[Arm, ...]
    drop: bool
    cooled: bool
    calibration: Calibration


def block_cause(
    rows: Sequence[LaunchRow], interference: str, *, cooled: bool, calibration: Calibration | None = None
) -> Cause | None:
    """The first cause that drops the complete block of `rows`, else the first that is worth a note, else None."""
    measured = [row for row in rows if row.state == State.DONE and row.kind == Kind.MEASURE]
    arms = tuple(
        Arm(row.variant, Readings(row.facts, row.point)) for row in sorted(measured, key=lambda row: row.position)
    )
    causes = list(_causes(Block(arms, interference != "note", cooled, calibration or Calibration())))
    return next((cause for cause in causes if cause.drops), causes[0] if causes else None)


def _causes(block: Block) -> Iterator[Cause]:
    """Those that name a source before those that only show its effect."""
    yield from _undervolted(block)
    yield from _throttled(block)
    yield from _disturbed(block)
    yield from _set_otherwise(block)
    yield from _devices_apart(block)
    yield from _clocks_apart(block)
    yield from _canaries_apart(block)
    yield from _hot_start(block)


def _undervolted(block: Block) -> Iterator[Cause]:
    for arm in block.arms:
        if evidence := readings.undervolted(arm.said):
            yield Cause(Name.UNDERVOLT, f"{arm.variant}: {evidence}.")


def _throttled(block: Block) -> Iterator[Cause]:
    """Some were held back and others not, and their clocks show it; held back alike is a note of the report."""
    held = {arm.variant: evidence for arm in block.arms if (evidence := readings.throttled(arm.said))}
    apart = _apart(block.arms, readings.canary_ns)
    if apart is None or apart.ratio <= CLOCKS_APART or not 0 < len(held) < len(block.arms):
        return
    variant, evidence = next(iter(held.items()))
    free = next(arm.variant for arm in block.arms if arm.variant not in held)
    yield Cause(Name.THROTTLED, f"{variant}: {evidence}; {free}: none. {_canary_text(apart)}")


def _disturbed(block: Block) -> Iterator[Cause]:
    for sign in SIGNS:
        apart = _apart(block.arms, sign.read)
        if apart is not None and _differ(sign, apart):
            allowed = f" Allowed apart: {sign.text(_allowed(sign, apart))}." if sign.limit else ""
            yield Cause(Name.INTERFERENCE, f"{_text(sign.what, sign.text, apart)}{allowed}", block.drop)


def _differ(sign: Sign, apart: Apart) -> bool:
    """A counter whose every count is too many differs where some launches have none."""
    if not sign.limit:
        return apart.low == 0 < apart.high
    return apart.high - apart.low > _allowed(sign, apart)


def _allowed(sign: Sign, apart: Apart) -> float:
    return APART * max(sign.bound(arm.said) for arm in (apart.highest, apart.lowest))


def _set_otherwise(block: Block) -> Iterator[Cause]:
    found = {arm.variant: readings.governors(arm.said) for arm in block.arms}
    if len(set().union(*found.values())) > 1:
        told = ", ".join(f"{name} {' then '.join(sorted(words))}" for name, words in found.items() if words)
        yield Cause(Name.CLOCK_CHANGED, f"The governor was changed during the block: {told}.")


def _devices_apart(block: Block) -> Iterator[Cause]:
    for name in sorted({name for arm in block.arms for name in readings.devices(arm.said)}):
        apart = _apart(block.arms, partial(readings.device_hz, name=name))
        if apart is not None and apart.ratio > CLOCKS_APART:
            yield Cause(Name.CLOCK_CHANGED, _text(f"The clock of {name}", lambda hz: f"{hz / 1e6:.0f} MHz", apart))


def _clocks_apart(block: Block) -> Iterator[Cause]:
    apart = _apart(block.arms, readings.canary_ns)
    if apart is not None and apart.ratio > CLOCKS_APART:
        yield Cause(Name.CLOCK_CHANGED, _canary_text(apart), block.drop)


def _canaries_apart(block: Block) -> Iterator[Cause]:
    """What a slot did to the canary: both parts or the clock's alone are the clock, memory alone is other work."""
    for part, name in ((CLOCK, Name.CLOCK_CHANGED), (MEMORY, Name.INTERFERENCE)):
        allowed = CANARY_APART * readings.canary_limit(part, block.calibration)
        apart = _apart(block.arms, partial(readings.slowed, part=part))
        if apart is not None and apart.high - apart.low > allowed:
            text = _text(f"The canary's {part} part after the slot against before", "{:+.1%}".format, apart)
            yield Cause(name, f"{text} Allowed apart: {allowed:.1%}.", block.drop)


def _hot_start(block: Block) -> Iterator[Cause]:
    """Launches that wait for nothing begin where they happen to, whatever is known of the board."""
    allowed_mc = settling.band_mc(block.calibration) if block.cooled else settling.BAND_MC
    for text in settling.missed([(arm.variant, arm.said) for arm in block.arms], allowed_mc):
        yield Cause(Name.HOT_START, text, block.drop and block.cooled)


@dataclass(frozen=True)
class Apart:
    """The launches of a block that differ most in something."""

    highest: Arm
    high: float
    lowest: Arm
    low: float

    @property
    def ratio(self) -> float:
        return self.high / self.low - 1 if self.low > 0 else 0.0


def _apart(arms: Sequence[Arm], read: Callable[[Readings], float | None]) -> Apart | None:
    """Of those that could be seen; one alone differs from nothing."""
    known = [(arm, value) for arm in arms if (value := read(arm.said)) is not None]
    if len(known) < 2:
        return None
    (highest, high), (lowest, low) = (end(known, key=lambda each: each[1]) for end in (max, min))
    return Apart(highest, high, lowest, low)


def _text(what: str, shown: Callable[[float], str], apart: Apart) -> str:
    told = f"{shown(apart.high)} for {apart.highest.variant}, {shown(apart.low)} for {apart.lowest.variant}"
    return f"{what}: {told}."


def _canary_text(apart: Apart) -> str:
    slow, fast = apart.highest.variant, apart.lowest.variant
    took = f"{apart.high / 1e6:.2f} ms beside {slow} and {apart.low / 1e6:.2f} ms beside {fast}"
    return f"The same calculation took {took}, {apart.ratio:.1%} apart. Allowed apart: {CLOCKS_APART:.1%}."
