"""The temperatures at which the launches of a block may begin, and which launch missed them: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm_orchestrator.model import Json, Kind, LaunchRow, State
from farm_reports.readings import Readings
from farm_reports.tables import STOCK, Calibration

BAND_MC = 5000  # around the temperature at which the first launch of the block began
CALIBRATED_BAND_MC = 2000
ABOVE_IDLE_MC = 5000
Began = tuple[str, Readings]  # a variant, and what its launch said


def anywhere(known: Calibration) -> Json:
    """The start of a launch that does not wait: only a board that is known must not be held back by its cooling.

    `eff_khz`, `canary_ns`: what was measured at the clock that the launch is held at.
    """
    sure = known.floor is not None
    clock = known if sure and known.pin != STOCK else Calibration()
    return {"low_mc": None, "high_mc": None, "cooling": sure, "eff_khz": clock.eff_khz, "canary_ns": clock.canary_ns}


def start(rows: Sequence[LaunchRow], known: Calibration) -> Json:
    """What a job says of its start; `rows`: the launches of its block. Open ends are None: then only the rate decides."""
    first = next((mc for row in rows if (mc := _measured_mc(row)) is not None), None)
    low, high = None, None
    if first is not None:
        low, high = first - band_mc(known), first + band_mc(known)
    if known.idle_mc is not None:
        top = round(known.idle_mc) + ABOVE_IDLE_MC
        late = first is not None and first > top  # it dropped the block: the others need not wait for what is past
        high = top if high is None else high if late else min(top, high)
    return {**anywhere(known), "low_mc": low, "high_mc": high}


def band_mc(known: Calibration) -> int:
    return BAND_MC if known.idle_mc is None else CALIBRATED_BAND_MC


def began_mc(said: Readings) -> float | None:
    """Where the board had settled; of a launch that did not settle, where its process began."""
    settled = said.number("settle_temp_mc")
    return said.number("temp_mc_launch") if settled is None else settled


def missed(arms: Sequence[Began], allowed_mc: int) -> Iterator[str]:
    """The evidence, in words, that launches of a block did not begin alike or not in the band that they were given."""
    known = [(variant, mc) for variant, said in arms if (mc := began_mc(said)) is not None]
    if not known:
        return
    (first, band), (far, mc) = known[0], max(known, key=lambda each: abs(each[1] - known[0][1]))
    if abs(mc - band) > allowed_mc:
        allowed = f"Allowed apart: {allowed_mc / 1000:.0f} °C."
        yield f"{far} began at {mc / 1000:.0f} °C, {first} at {band / 1000:.0f} °C. {allowed}"
    for variant, said in arms:
        if "band" in _broken(said):
            yield f"{variant} began {_where(said)}outside the temperatures at which it may begin{_waited(said)}."


def _measured_mc(row: LaunchRow) -> int | None:
    done = row.state == State.DONE and row.kind == Kind.MEASURE
    mc = began_mc(Readings(row.facts, row.point)) if done else None
    return None if mc is None else round(mc)


def _broken(said: Readings) -> Sequence[object]:
    found = said.facts.get("settle_broken")
    return found if isinstance(found, list) else ()


def _where(said: Readings) -> str:
    mc = began_mc(said)
    return "" if mc is None else f"at {mc / 1000:.0f} °C, "


def _waited(said: Readings) -> str:
    waited_s = said.amount("settle_s")
    return "" if waited_s is None else f", after {waited_s:.0f} s of rest"
