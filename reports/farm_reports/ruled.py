"""The variants that were ruled out: once where it is the same on every board, else board by board."""

from __future__ import annotations

import re
from collections.abc import Sequence

from farm_reports.results import RuledOut, Ship

PACE = re.compile(r"; [\d.,]+ x as fast as .*$")
FASTER = "; faster than what ships"


def everywhere(ships: Sequence[Ship]) -> tuple[RuledOut, ...]:
    """Those that several boards rule out alike; how much faster they would be differs, so only that they are is said."""
    if len(ships) < 2:
        return ()
    reasons = [{out.variant: PACE.sub("", out.why) for out in ship.ruled_out} for ship in ships]
    paced = [{out.variant for out in ship.ruled_out if PACE.search(out.why)} for ship in ships]
    alike = {name: why for name, why in reasons[0].items() if all(other.get(name) == why for other in reasons)}
    return tuple(
        RuledOut(variant=name, why=why + (FASTER if all(name in names for names in paced) else ""))
        for name, why in alike.items()
    )


def here(ship: Ship, common: Sequence[RuledOut]) -> tuple[RuledOut, ...]:
    """What is left to say of a board: without those of every board, and without the nearest, which stands beside."""
    said = {out.variant for out in common} | ({ship.nearest.variant} if ship.nearest else set())
    return tuple(out for out in ship.ruled_out if out.variant not in said)
