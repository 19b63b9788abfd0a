"""What a board is at is told alike by the figures of a farm and by its view, and what was ended is not ended again."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from sqlalchemy import event, insert, update

from farm_orchestrator import store
from farm_orchestrator.cli.fleet import state_of
from farm_orchestrator.model import BOARD_STATES
from farm_orchestrator.store import Store, schema
from store_support import RUN, Clock, Lane, measured, part, states
from store_support import insert as insert_parts
from store_support import rows as launches

CASES = list(product((False, True), (False, True), (None, "smoke"), (None, "for a while"), (0, 2)))
REFINED = {"waiting", "queued"}  # of the view: why a board that is lost or free is so


def put(state: Store, index: int, case: tuple[bool, bool, str | None, str | None, int]) -> None:
    measures, held, quarantined, drained, losses = case
    name = f"b{index}"
    if measures:
        insert_parts(state, part(f"20260101-{index:06}-aaaa", name))
        assert Lane(state, name).start().try_claim()
    else:
        state.submit(lambda c: c.execute(insert(schema.board).values(board=name)) and None)
    values = {"lease_until": state.now() + 10 if held else 0, "quarantined": quarantined, "drained": drained,
              "losses": losses}  # fmt: skip
    change = update(schema.board).where(schema.board.c.board == name).values(values)
    state.submit(lambda c: c.execute(change) and None)


def test_the_figures_and_the_view_count_the_same_boards_in_every_state(state: Store) -> None:
    for index, case in enumerate(CASES):
        put(state, index, case)
    seen = store.fleet(state)
    viewed = Counter(state_of(each, seen.now) for each in seen.boards)
    counted = store.counts(state).boards
    assert tuple(counted) == BOARD_STATES
    for name in set(BOARD_STATES) - {"lost", "free"}:
        assert counted[name] == viewed[name] > 0, name
    assert counted["lost"] + counted["free"] == sum(viewed[name] for name in ("lost", "free", *REFINED))
    assert sum(counted.values()) == len(CASES)


@pytest.mark.parametrize("word", ["quarantine", "drain"])
def test_a_part_on_a_board_that_takes_no_work_is_ended_once(state: Store, clock: Clock, word: str) -> None:
    """A tick that finds nothing to do writes nothing."""
    insert_parts(state, part(), part(board="b1"))
    lane = Lane(state).start()
    claim = lane.claim()
    if word == "quarantine":
        store.quarantine(state, "b0", "smoke")
    else:
        store.drain_board(state, "b0", "for a while")
    written: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("UPDATE", "INSERT")) and "part" in statement.split()[1]:
            written.append(statement)

    event.listen(state._engine, "before_cursor_execute", note)
    for _ in range(3):
        store.close_finished(state)
    assert written == []
    assert states(launches(state, RUN, board="b1")).keys() == {"pending"}
    clock.pass_s(60)
    store.close_finished(state)
    assert states(launches(state, RUN, board="b0")).keys() == {"lost", "skipped"}
    assert not lane.end(claim, measured())
