"""Whether a slot's processor was held back by heat or power: the agent's verdict, the counters, the measured clock."""

from __future__ import annotations

from collections.abc import Iterator

from farm_reports.clocks import below, changed, eff_khz, pinned, slower, slower_text
from farm_reports.readings import CANARY, CLOCK, Readings, canary_limit, canary_ns, slowed
from farm_reports.tables import Calibration, Json

UNKNOWN = Calibration()
SLOW, TOO_SLOW = 0.02, 0.03  # below the clock that was measured when the board was calibrated
WEAK = ("undervoltage", "rpi_volt")  # sources of evidence that tell of the supply alone, which has a name of its own
MEASURED = "eff_khz"
UNDERVOLTED = 0b1  # bits of a Raspberry Pi's get_throttled: now; 16 higher: since it was switched on
HELD_BACK = 0b1110
STICKY = 16
PROOFS = ("counter", "state")  # kinds of evidence
SUREST = (*PROOFS, "effective_freq", "temp")
SHOWN, SHOWN_LETTERS = 2, 200


def undervolted(readings: Readings) -> str | None:
    """The evidence in words that the supply was too weak, or None."""
    seen = (_told(item) for item in _items(readings) if item["source"] in WEAK)
    return _flagged(readings, UNDERVOLTED) or next(seen, None)


def throttled(readings: Readings, known: Calibration = UNKNOWN) -> str | None:
    """The evidence in words that the processor was held back, or None; what somebody else set is no throttling."""
    proofs = [_told(item) for item in _evidence(readings) if _sure(item)]
    found = [*(_shown(readings) if _judged(readings) is None else proofs)]
    return "; ".join(found[:SHOWN]) or below(readings) or slow(readings, known, TOO_SLOW)


def suspected(readings: Readings, known: Calibration = UNKNOWN) -> str | None:
    """The evidence in words that it may have been, or None."""
    found = [*(_fell(readings) if _judged(readings) is None else map(_told, _evidence(readings)))]
    return slow(readings, known) or "; ".join(found[:SHOWN]) or None


def slow(readings: Readings, known: Calibration, least: float = SLOW) -> str | None:
    """By how much the measured clock lies below the calibrated one, in words; not where somebody set another one."""
    share = slower(readings, known)
    return slower_text(readings, known) if share and share > least and not changed(readings) else None


def sluggish(readings: Readings, known: Calibration) -> str | None:
    """The same of a slot to which the calibration applies, by the canary where nobody counted cycles: it meets neighbours."""
    took = canary_ns(readings)
    if eff_khz(readings) is not None or not known.canary_ns or took is None:
        return None
    longer = took / known.canary_ns - 1
    if longer <= canary_limit(CLOCK, known) or changed(readings):
        return None
    return f"the same calculation took {longer:.1%} longer than when the board was calibrated"


def watched(readings: Readings) -> bool:
    """Whether a source was there that would have shown a processor held back."""
    judged = _judged(readings)
    if judged is not None:
        return bool(judged["verdict"] != "unknown")
    return readings.amount("cooling_state_max") is not None or readings.bits("throttled_bits_end") is not None


def _judged(readings: Readings) -> Json | None:
    """The agent's own verdict; launches of earlier agents have none."""
    found = readings.facts.get("throttle")
    return found if isinstance(found, dict) and isinstance(found.get("verdict"), str) else None


def _shown(readings: Readings) -> Iterator[str]:
    if state := readings.amount("cooling_state_max"):
        yield f"cooling state {state:.0f}"
    if bits := _flagged(readings, HELD_BACK):
        yield bits


def _fell(readings: Readings) -> Iterator[str]:
    """The clock fell while the heat rose."""
    fall = slowed(readings, CLOCK)
    start, end = (readings.number(f"temp_mc_{when}") for when in ("start", "end"))
    if fall is not None and fall > CANARY[CLOCK] and start is not None and end is not None and end > start:
        yield f"the clock fell by {fall:.1%} while the heat rose from {start / 1000:.0f} to {end / 1000:.0f} °C"


def _items(readings: Readings) -> list[Json]:
    """All evidence of the agent, the surest first."""
    rows = (_judged(readings) or {}).get("evidence")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    told = [{**row, "source": str(row.get("source")), "kind": str(row.get("kind"))} for row in found]
    return sorted(told, key=lambda row: SUREST.index(row["kind"]) if row["kind"] in SUREST else len(SUREST))


def _evidence(readings: Readings) -> list[Json]:
    """What heat or power alone explains: not a weak supply, not what somebody else set, not a clock that was too high."""
    mended = changed(readings)
    return [
        item
        for item in _items(readings)
        if item["source"] not in WEAK
        and item["source"].partition(".")[0] not in mended
        and not (item["source"] == MEASURED and (mended or not pinned(readings)))
        and not (item["source"].startswith("policy") and _change(item) > 0)
    ]


def _sure(item: Json) -> bool:
    return item["kind"] in PROOFS or (item["source"] == MEASURED and _change(item) < -TOO_SLOW)


def _change(item: Json) -> float:
    """By which share it rose."""
    said = Readings(item, "")
    before, after = said.amount("before"), said.amount("after")
    return after / before - 1 if before and after is not None else 0.0


def _told(item: Json) -> str:
    text = item.get("text")
    return str(text or f"{item['source']} {item.get('before')} before, {item.get('after')} after")[:SHOWN_LETTERS]


def _flagged(readings: Readings, bits: int) -> str | None:
    """Set now, or set since the slot began."""
    start, end = (readings.bits(f"throttled_bits_{when}") for when in ("start", "end"))
    now = ((start or 0) | (end or 0)) & bits
    fresh = 0 if start is None or end is None else end & ~start & bits << STICKY
    if not now | fresh:
        return None
    return f"get_throttled 0x{start or 0:x} before, 0x{end or 0:x} after the slot"
