"""When the figures that were kept of a board are still those of its results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import Failed
from farm_orchestrator.store import CellRow, Store
from store_support import RUN, Lane, insert, measured, narrow, part, rows


def digest(state: Store, board: str = "b0") -> str:
    return store.marks(state, RUN)[board].digest


def test_each_board_has_a_mark_and_one_that_owes_nothing_is_not_open(state: Store) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    Lane(state, "b0").start().run(narrow)
    assert {name: mark.open for name, mark in store.marks(state, RUN).items()} == {"b0": False, "b1": True}


def test_a_launch_of_one_board_changes_the_mark_of_that_board_alone(state: Store) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    before = store.marks(state, RUN)
    lane = Lane(state, "b1").start()
    lane.end(lane.claim(), measured())
    after = store.marks(state, RUN)
    assert (before["b0"], before["b1"].digest) == (after["b0"], before["b1"].digest)
    assert after["b1"].digest != before["b1"].digest
    assert after["b1"].launches != before["b1"].launches


def told(state: Store) -> None:
    store.note_hello(state, RUN, "b0", {"kernel": "6.6.31"})


def failed(state: Store) -> None:
    cell = store.cells(state, RUN)[0]
    store.set_cells(
        state, RUN, [CellRow(cell.board, cell.variant, cell.point, None, "failed", "load: no such operator")]
    )


def broken(state: Store) -> None:
    lane = Lane(state).start()
    lane.end(lane.claim(), Failed("load", "INVALID_GRAPH", "no such operator"))


@pytest.mark.parametrize("change", [told, failed, broken])
def test_whatever_the_figures_come_from_changes_the_mark(state: Store, change: Callable[[Store], None]) -> None:
    insert(state, part())
    before = digest(state)
    change(state)
    assert digest(state) != before


def test_what_a_report_concludes_is_no_news_to_the_next_report(state: Store) -> None:
    insert(state, part())
    Lane(state).start().run(narrow)
    before = store.marks(state, RUN)
    told = [CellRow(c.board, c.variant, c.point, None, "measured", None, "faster") for c in store.cells(state, RUN)]
    store.set_cells(state, RUN, told)
    store.set_word(state, RUN, "measured")
    assert store.marks(state, RUN) == before
    assert rows(state)
