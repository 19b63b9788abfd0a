"""What boards were when they were last seen, and when their cells were good: what is left out is unchanged by both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.plan import fingerprint
from farm_orchestrator.store.checks import last_looks
from farm_orchestrator.store.hellos import last_hellos
from farm_orchestrator.store.last_good import LastGood

if TYPE_CHECKING:
    from farm_orchestrator.model import Json
    from farm_orchestrator.store import Store

Key = tuple[str, str, str]


def last_seen(store: Store, boards: Sequence[Json]) -> tuple[dict[str, str | None], dict[str, float]]:
    """What each board was when it was last seen, by a run or by the look at one that nobody measures on; and when."""
    fields = {str(board["name"]): board for board in boards}
    found = {name: (fingerprint(fields[name], each.told), each.at) for name, each in last_hellos(store, fields).items()}
    for name, look in last_looks(store, fields).items():
        if name not in found or look[1] > found[name][1]:
            found[name] = look
    return {name: each[0] for name, each in found.items()}, {name: each[1] for name, each in found.items()}


def before(store: Store, good: Sequence[LastGood]) -> dict[Key, str | None]:
    """What the board of each cell was when it was good, by what its agent said in that run."""
    runs = {
        run: {row.part.name: fingerprint(row.part.board, row.facts) for row in stored.part_rows(store, run)}
        for run in {each.run for each in good}
    }
    return {each.key: runs[each.run].get(each.board) for each in good}


def measured(store: Store, run: str) -> list[LastGood]:
    """The cells of a run that was named, as what is to be left out where it is unchanged."""
    digests = {
        (row.part.name, variant.name): variant.sha256
        for row in stored.part_rows(store, run) for variant in row.part.variants
    }  # fmt: skip
    return [
        LastGood(cell.variant, cell.board, cell.point, digests[cell.board, cell.variant], None, run)
        for cell in stored.cells(store, run)
        if cell.state == "measured"
    ]
