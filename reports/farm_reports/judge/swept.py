"""At which clock a run is judged that sweeps the clocks of its boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farm_reports.judge.case import Case
from farm_reports.judge.evidence import Evidence
from farm_reports.judge.state import state
from farm_reports.readings import PIN
from farm_reports.results import Cell
from farm_reports.tables import LaunchRecord

FEW = 2
UNTOLD = "the agent did not say"
REASON_MOST = 200


def central(case: Case, cells: Sequence[Cell]) -> list[Cell]:
    """The cells by which gates and what to ship are judged: of a sweep those at the highest clock that was held."""
    at = references(case)
    return [cell for cell in cells if at.get(cell.board, cell.point.pin) == cell.point.pin]


def references(case: Case) -> dict[str, str]:
    """The clock by board, of those that have several: the highest at which the baseline was measured and mostly held."""
    clocks: dict[str, dict[str, bool]] = {}
    for (board, variant, point), evidence in case.evidence.items():
        pins, pin = clocks.setdefault(board, {}), point.split("/")[PIN]
        pins[pin] = pins.get(pin, False) or (variant == case.baseline and _stands(case, evidence))
    swept = {board: pins for board, pins in clocks.items() if len(pins) >= FEW and all(map(str.isdecimal, pins))}
    return {board: _highest(pins) for board, pins in swept.items()}


def loose(evidence: Evidence) -> str | None:
    """Why the clock was not held in all launches that count."""
    why = [reason for launch in evidence.used if (reason := _loose(launch)) is not None]
    return why[0] if why else None if evidence.used else "no launch counts"


def mostly(evidence: Evidence) -> bool:
    """Whether the clock was held in most launches that count: what they show is of this clock."""
    return 2 * sum(_loose(launch) is None for launch in evidence.used) > len(evidence.used)


def _stands(case: Case, evidence: Evidence) -> bool:
    return mostly(evidence) and state(case, evidence)[0] == "measured"


def _loose(launch: LaunchRecord) -> str | None:
    told = launch.facts.get("pin")
    pin = told if isinstance(told, dict) else {}
    return None if pin.get("held") is True else str(pin.get("reason") or UNTOLD)[:REASON_MOST]


def _highest(stands: Mapping[str, bool]) -> str:
    """Where nothing stands, of all."""
    return max(stands, key=lambda pin: (stands[pin], int(pin)))
