"""Why a complete block does not count: its launches against each other, by their readings and never by a latency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from farm_orchestrator.model import Json, Kind, LaunchRow, State
from farm_orchestrator.plan import settling
from farm_orchestrator.plan.apart import CLOCKS_APART, Apart, Arm, apart, speeds
from farm_reports import clocks, readings, throttling
from farm_reports.clocks import mhz
from farm_reports.findings import OF_BLOCK, Name
from farm_reports.readings import CLOCK, MEMORY, Readings
from farm_reports.signs import SIGNS, Sign
from farm_reports.tables import Calibration

# Of a board that was calibrated at this clock, and whose clock was set, it is known what a slot must show: one launch
# that does not drops the block. Nothing absolute is known of any other board: a level that all launches of a block
# share is a note there, and a difference between them drops the block.
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
class Block:
    """The measured launches of one complete block, in their order, and what its board tells of itself.

    `drop`: interference drops a block; where it is only noted, others use the processor too, and there neither the time
    of a canary nor a clock that boosts freely can be told from a neighbour. `cooled`: launches wait until the board has
    settled. `lab`: a virtual board, whose heat is known to be its own.
    """

    arms: tuple[Arm, ...]
    drop: bool
    cooled: bool
    calibration: Calibration
    lab: bool = False

    @property
    def strict(self) -> tuple[Arm, ...]:
        """The launches that are held against what the board has shown when it was calibrated."""
        return tuple(arm for arm in self.arms if clocks.absolute(arm.said, self.calibration))


def block_cause(
    rows: Sequence[LaunchRow],
    interference: str,
    *,
    cooled: bool,
    calibration: Calibration | None = None,
    lab: bool = False,
) -> Cause | None:
    """The first cause that drops the complete block of `rows`, else the first that is worth a note, else None."""
    measured = [row for row in rows if row.state == State.DONE and row.kind == Kind.MEASURE]
    arms = tuple(
        Arm(row.variant, Readings(row.facts, row.point)) for row in sorted(measured, key=lambda row: row.position)
    )
    causes = list(_causes(Block(arms, interference != "note", cooled, calibration or Calibration(), lab)))
    return next((cause for cause in causes if cause.drops), causes[0] if causes else None)


def _causes(block: Block) -> Iterator[Cause]:
    """Those that name a source before those that only show its effect."""
    yield from _undervolted(block)
    yield from _throttled(block)
    yield from _throttled_apart(block)
    yield from _disturbed(block)
    yield from _disturbed_apart(block)
    yield from _governed_otherwise(block)
    yield from _set_otherwise(block)
    yield from _sluggish(block)
    yield from _devices_apart(block)
    yield from _clocks_apart(block)
    yield from _canaries_apart(block)
    yield from _hot_start(block)


def _undervolted(block: Block) -> Iterator[Cause]:
    for arm in block.arms:
        if evidence := throttling.undervolted(arm.said):
            yield Cause(Name.UNDERVOLT, f"{arm.variant}: {evidence}.")


def _throttled(block: Block) -> Iterator[Cause]:
    """Whoever shares it: a board that was calibrated has shown that it can do without."""
    for arm in block.strict:
        known = block.calibration
        if evidence := throttling.throttled(arm.said, known) or throttling.slow(arm.said, known):
            yield Cause(Name.THROTTLED, f"{arm.variant}: {evidence}.")


def _throttled_apart(block: Block) -> Iterator[Cause]:
    """Some were held back and others not, and their clocks show it; held back alike is a note of the report.

    In a lab one of the two is enough: what held it back was the board, and the canary meets neighbours.
    """
    held = {arm.variant: evidence for arm in block.arms if (evidence := throttling.throttled(arm.said))}
    free = next((arm.variant for arm in block.arms if arm.variant not in held), None)
    found = speeds(block.arms, lab=block.lab)
    differ = found is not None and found.differ
    if held and ((differ or free) if block.lab else (differ and free)):
        variant, evidence = next(iter(held.items()))
        others = f"; {free}: none." if free else "; the others too."
        yield Cause(Name.THROTTLED, f"{variant}: {evidence}{others}{f' {found.text}' if found and differ else ''}")


def _disturbed(block: Block) -> Iterator[Cause]:
    """Whoever shares it: see `_throttled`."""
    for arm in block.strict:
        for sign in SIGNS:
            level, most = sign.read(arm.said), sign.bound(arm.said)
            if level is not None and level > most:
                text = f"{sign.what}: {sign.text(level)} for {arm.variant}. Allowed: {sign.text(most)}."
                yield Cause(Name.INTERFERENCE, text, block.drop)


def _disturbed_apart(block: Block) -> Iterator[Cause]:
    for sign in SIGNS:
        found = apart(block.arms, sign.read)
        if found is not None and _differ(sign, found):
            allowed = f" Allowed apart: {sign.text(_allowed(sign, found))}." if sign.limit else ""
            yield Cause(Name.INTERFERENCE, f"{found.text(sign.what, sign.text)}{allowed}", block.drop)


def _differ(sign: Sign, found: Apart) -> bool:
    """A counter whose every count is too many differs where some launches have none."""
    if not sign.limit:
        return found.low == 0 < found.high
    return found.high - found.low > _allowed(sign, found)


def _allowed(sign: Sign, found: Apart) -> float:
    return APART * max(sign.bound(arm.said) for arm in (found.highest, found.lowest))


def _governed_otherwise(block: Block) -> Iterator[Cause]:
    found = {arm.variant: readings.governors(arm.said) for arm in block.arms}
    if len(set().union(*found.values())) > 1:
        told = ", ".join(f"{name} {' then '.join(sorted(words))}" for name, words in found.items() if words)
        yield Cause(Name.CLOCK_CHANGED, f"The governor was changed during the block: {told}.")


def _set_otherwise(block: Block) -> Iterator[Cause]:
    """A clock that was set did not stay as it was, and heat is not the reason."""
    found = {arm.variant: told for arm in block.arms if (told := _off_plan(arm.said, block.calibration))}
    alike = len(found) == len(block.arms) and not block.strict
    for variant, told in found.items():
        yield Cause(Name.CLOCK_CHANGED, f"The clock of {variant} did not stay as it was set: {told}.", not alike)
    for arm in block.strict:
        if told := clocks.away(arm.said):
            yield Cause(Name.CLOCK_CHANGED, f"{arm.variant}: {told}.")


def _sluggish(block: Block) -> Iterator[Cause]:
    for arm in block.strict:
        if told := throttling.sluggish(arm.said, block.calibration):
            yield Cause(Name.THROTTLED, f"{arm.variant}: {told}.", block.drop)


def _off_plan(said: Readings, known: Calibration) -> str | None:
    return clocks.foreign(said) or (None if throttling.throttled(said, known) else clocks.off_plan(said))


def _devices_apart(block: Block) -> Iterator[Cause]:
    for name in sorted({name for arm in block.arms for name in readings.devices(arm.said)}):
        found = apart(block.arms, partial(readings.device_hz, name=name))
        if found is not None and found.ratio > CLOCKS_APART:
            yield Cause(Name.CLOCK_CHANGED, found.text(f"The clock of {name}", lambda hz: mhz(hz / 1000)))


def _clocks_apart(block: Block) -> Iterator[Cause]:
    """A clock that was set moves for no neighbour. One that boosts freely does: noise, which the order of the launches
    shares out among them. A virtual board's is that of its machine, which nobody set.
    """
    found = speeds(block.arms)
    if found is not None and found.differ:
        held = found.counted and not block.lab and any(clocks.pinned(arm.said) for arm in block.arms)
        yield Cause(Name.CLOCK_CHANGED, found.text, held or block.drop)


def _canaries_apart(block: Block) -> Iterator[Cause]:
    """What a slot did to the canary: both parts or the clock's alone are the clock, memory alone is other work."""
    for part, name in ((CLOCK, Name.CLOCK_CHANGED), (MEMORY, Name.INTERFERENCE)):
        allowed = CANARY_APART * readings.canary_limit(part, block.calibration)
        found = apart(block.arms, partial(readings.slowed, part=part))
        if found is not None and found.high - found.low > allowed:
            text = found.text(f"The canary's {part} part after the slot against before", "{:+.1%}".format)
            yield Cause(name, f"{text} Allowed apart: {allowed:.1%}.", block.drop)


def _hot_start(block: Block) -> Iterator[Cause]:
    """Launches that wait for nothing begin where they happen to, whatever is known of the board."""
    allowed_mc = settling.band_mc(block.calibration) if block.cooled else settling.BAND_MC
    for text in settling.missed([(arm.variant, arm.said) for arm in block.arms], allowed_mc):
        yield Cause(Name.HOT_START, text, block.drop and block.cooled)
