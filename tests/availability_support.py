"""A run of three boards of which two were away for a while."""

from farm_reports.availability import Availability, BoardEvent
from reports_support import Made, changed, grid

AT = "2026-01-01T06:00:00Z"


def away() -> Made:
    made = grid(3, 6)
    names = [board.name for board in made.results.boards]
    lost = [BoardEvent(at=AT, kind="lost", text="network: no answer from 192.0.2.7")] * 3
    back = [
        BoardEvent(at=AT, kind="powered", text="power cycle: exit code 0 after 2.1 s"),
        BoardEvent(at=AT, kind="returned", text=None),
    ]
    aside = [BoardEvent(at=AT, kind="quarantined", text="the fan is broken")]
    told = [
        Availability(board=names[0], share=0.914, losses={"network": 3, "harness": 1}, events=[*lost, *back]),
        Availability(board=names[2], share=0.05, losses={}, events=aside),
    ]
    return changed(made, availability=told)


PAGES = {"away": away}
