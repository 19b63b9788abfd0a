"""What held for all launches of a cell alike: heat, clocks, other work; a difference within a block was judged before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np

from farm_reports import clocks, readings, throttling
from farm_reports.findings import OF_BLOCK, Name
from farm_reports.judge.evidence import Evidence
from farm_reports.readings import CLOCK, MEMORY, Readings, canary_limit
from farm_reports.signs import SIGNS, Sign
from farm_reports.tables import Calibration, Json, LaunchRecord
from farm_reports.throttling import UNKNOWN

Throttle = Literal["none", "suspected", "confirmed", "unknown"]


def notes(evidence: Evidence, calibration: Calibration) -> Iterator[Json]:
    """The findings of the launches that count, each with its figures."""
    said = _said(evidence.used)
    yield from ({"name": Name.NOT_STEADY, "text": text} for text in unsteady(evidence.used))
    yield from _held_back(said, calibration)
    yield from _clocks(said, calibration)
    yield from _other_work(said, calibration)


def throttle(evidence: Evidence, calibration: Calibration = UNKNOWN) -> Throttle:
    """Of the launches that count, else of those that were measured; `none` only where each had a source to see it."""
    said = _said(evidence.used or [launch for launch in evidence.launches if launch.state in {"done", "rejected"}])
    if any(throttling.throttled(one, calibration) for one in said):
        return "confirmed"
    if any(throttling.suspected(one, calibration) for one in said):
        return "suspected"
    return "none" if said and all(throttling.watched(one) for one in said) else "unknown"


def _said(launches: Sequence[LaunchRecord]) -> list[Readings]:
    return [Readings(launch.facts, launch.point) for launch in launches]


def unsteady(launches: Sequence[LaunchRecord]) -> Iterator[str]:
    """A few launches that did not settle are what a median over launches is for."""
    moving = [launch for launch in launches if _moving(launch) is not None]
    if 2 * len(moving) > len(launches):
        told = f": {_moving(moving[0])}" if _moving(moving[0]) else ""
        yield f"{len(moving)} of {len(launches)} launches did not settle{told}."


def _moving(launch: LaunchRecord) -> str | None:
    """What the agent said of a launch that never settled."""
    told = (str(item.get("text", "")) for item in launch.findings if item.get("name") == Name.NOT_STEADY)
    return next(told, "" if launch.facts.get("steady") is False else None)


def _held_back(said: Sequence[Readings], calibration: Calibration) -> Iterator[Json]:
    found = [evidence for one in said if (evidence := throttling.throttled(one, calibration))]
    if found:
        yield {"name": Name.THROTTLED, "text": f"In {len(found)} of {len(said)} launches: {found[-1]}."}


def _clocks(said: Sequence[Readings], calibration: Calibration) -> Iterator[Json]:
    text = " ".join([*_governors(said), *_off_plan(said), *_falling(said, calibration)])
    if text:
        yield {"name": Name.CLOCK_CHANGED, "text": text}


def _governors(said: Sequence[Readings]) -> Iterator[str]:
    words = sorted(set().union(*map(readings.governors, said)))
    if len(words) > 1:
        yield f"The governor was not the same in all launches: {', '.join(words)}."


def _off_plan(said: Sequence[Readings]) -> Iterator[str]:
    """Below it the processor was held back, and what something else had set is told elsewhere."""
    calm = [one for one in said if not throttling.throttled(one) and not clocks.foreign(one)]
    found = [told for one in calm if (told := clocks.off_plan(one) or clocks.away(one))]
    if found:
        yield f"In {len(found)} of {len(said)} launches the clock did not stay as it was set: {found[-1]}."


def _falling(said: Sequence[Readings], calibration: Calibration) -> Iterator[str]:
    fall = _median(said, partial(readings.slowed, part=CLOCK))
    if fall is not None and fall > canary_limit(CLOCK, calibration):
        yield f"The same calculation took {fall:.1%} longer after the slot than before it."


def _other_work(said: Sequence[Readings], calibration: Calibration) -> Iterator[Json]:
    text = " ".join([*_signs(said), *_swapped_out(said), *_memory(said, calibration)])
    if text:
        yield {"name": Name.INTERFERENCE, "text": text}


def _signs(said: Sequence[Readings]) -> Iterator[str]:
    for sign in SIGNS:
        level = _median(said, sign.read)
        if level is not None and level > _bound(sign, said):
            yield f"{sign.what}: {sign.text(level)}."


def _swapped_out(said: Sequence[Readings]) -> Iterator[str]:
    """It took no time of the slot, as a page that comes back does, but the board was short of memory."""
    pages = _median(said, lambda one: one.amount("swap_out_pages"))
    if pages:
        yield f"Pages swapped out on the board: {pages:.0f}."


def _bound(sign: Sign, said: Sequence[Readings]) -> float:
    return max(sign.bound(one) for one in said)


def _memory(said: Sequence[Readings], calibration: Calibration) -> Iterator[str]:
    """Memory alone became slower: with the clock it would be the clock."""
    clock, memory = (_median(said, partial(readings.slowed, part=part)) or 0.0 for part in (CLOCK, MEMORY))
    if memory > canary_limit(MEMORY, calibration) and clock <= canary_limit(CLOCK, calibration):
        yield f"Copying memory took {memory:.1%} longer after the slot than before it."


def _median(said: Sequence[Readings], read: Callable[[Readings], float | None]) -> float | None:
    """Over the launches in which it could be seen."""
    known = [value for one in said if (value := read(one)) is not None]
    return float(np.median(known)) if known else None


def of_launch(item: Json) -> bool:
    """Whether a stored finding is of its launch alone; those of a block and of most launches are told elsewhere."""
    return not item.get(OF_BLOCK) and item.get("name") != Name.NOT_STEADY
