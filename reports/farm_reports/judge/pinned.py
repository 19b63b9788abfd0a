"""Whether the clocks of a board were held as the run wanted them."""

from __future__ import annotations

from farm_reports.judge.cells import point
from farm_reports.judge.swept import REASON_MOST, UNTOLD
from farm_reports.results import Pin
from farm_reports.tables import STOCK, Json, Tables

WATCHED = Pin(wanted=STOCK, held=False, reason="clocks are observed, not set")


def pin_of(tables: Tables, board: str) -> Pin:
    """Held only where it was in every launch that was measured; the memory's clock is told beside it."""
    wanted = dict.fromkeys(point(cell.point).pin for cell in tables.cells if cell.board == board)
    words = ", ".join(pin for pin in wanted if pin != STOCK)
    if not words:
        return WATCHED
    said = _said(tables, board)
    loose = [one for one in said if one.get("held") is not True]
    if not said:
        return Pin(wanted=words, held=False, reason="no launch was measured")
    if not loose:
        return Pin(wanted=words, held=True, reason=_memory(said))
    reason = str(loose[0].get("reason") or UNTOLD)[:REASON_MOST]
    often = "" if len(loose) == len(said) else f", in {len(loose)} of {len(said)} launches"
    return Pin(wanted=words, held=False, reason=reason + often)


def _memory(said: list[Json]) -> str | None:
    """Of the first launch whose memory's clock was to be held too, and was not."""
    rows = [
        row for one in said if isinstance(one.get("memory"), list) for row in one["memory"] if isinstance(row, dict)
    ]
    loose = next((row for row in rows if row.get("held") is not True), None)
    return None if loose is None else f"the memory's clock was not held: {loose.get('reason') or UNTOLD}"[:REASON_MOST]


def _said(tables: Tables, board: str) -> list[Json]:
    """What each measured launch that wanted a clock tells of it."""
    measured = [
        launch
        for launch in tables.launches
        if launch.board == board and launch.kind == "measure" and launch.state in {"done", "rejected"}
    ]
    told = [launch.facts.get("pin") for launch in measured if point(launch.point).pin != STOCK]
    return [one if isinstance(one, dict) else {} for one in told]
