"""Whether the clocks of a board were held as the run wanted them."""

from __future__ import annotations

from farm_reports.judge.cells import point
from farm_reports.results import Pin
from farm_reports.tables import Json, Tables

STOCK = "stock"
WATCHED = Pin(wanted=STOCK, held=False, reason="clocks are observed, not set")
UNTOLD = "the agent did not say"
REASON_MOST = 200


def pin_of(tables: Tables, board: str) -> Pin:
    """Held only where it was in every launch that was measured."""
    wanted = dict.fromkeys(point(cell.point).pin for cell in tables.cells if cell.board == board)
    words = ", ".join(pin for pin in wanted if pin != STOCK)
    if not words:
        return WATCHED
    said = _said(tables, board)
    loose = [one for one in said if one.get("held") is not True]
    if not said:
        return Pin(wanted=words, held=False, reason="no launch was measured")
    if not loose:
        return Pin(wanted=words, held=True, reason=None)
    reason = str(loose[0].get("reason") or UNTOLD)[:REASON_MOST]
    often = "" if len(loose) == len(said) else f", in {len(loose)} of {len(said)} launches"
    return Pin(wanted=words, held=False, reason=reason + often)


def _said(tables: Tables, board: str) -> list[Json]:
    """What each measured launch that wanted a clock tells of it."""
    measured = [
        launch
        for launch in tables.launches
        if launch.board == board and launch.kind == "measure" and launch.state in {"done", "rejected"}
    ]
    told = [launch.facts.get("pin") for launch in measured if point(launch.point).pin != STOCK]
    return [one if isinstance(one, dict) else {} for one in told]
