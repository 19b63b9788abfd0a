"""How much of a run's time its boards were there, what was lost with them, and what happened to them meanwhile."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from farm_reports.parts import Part

FaultWord = Literal["user", "variant", "harness", "board", "network"]


class BoardEvent(Part):
    """`kind`: lost, returned, quarantined, drained, released, powered, canary_ok, canary_failed."""

    at: str
    kind: str
    text: str | None


class Availability(Part):
    """Of one board that was not there all the time, or with which launches were lost.

    `share`: of the run's time in which it answered and took work; 0.95 is 95 %. `losses`: launches that brought no figure,
    and tries to reach it, by whose fault that was; what failed for the variant's own is in its cell.
    """

    board: str
    share: float
    losses: dict[FaultWord, int] = Field(default_factory=dict)
    events: list[BoardEvent] = Field(default_factory=list)
