"""How hot a board got and for how long that held it back: a part of results.json."""

from __future__ import annotations

from farm_reports.parts import Part, Value


class Heat(Part):
    """A board over a whole run, and the cell that says most of it: the one most held back, else suspected, else soaked,
    else the one to ship, else the baseline.

    `hottest_c`: at the edges of its launches, of a cell that is drawn also between them. `launches`: the timed ones of that cell, also those that were dropped;
    `held_back` and `suspected`: how many of them heat or power held back, for certain or perhaps. `share`: of the time
    that was measured, the part in launches that were held back; null where nothing would have shown it.
    """

    board: str
    variant: str
    point_key: str
    hottest_c: Value
    launches: int
    held_back: int
    suspected: int
    share: Value
    evidence: str | None = None
