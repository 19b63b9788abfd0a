"""A board that is lost again and again, and the part that is given up for it."""

from __future__ import annotations

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import REFUSED, Lost
from farm_orchestrator.store import BoardView, Store
from farm_orchestrator.store.losses import backoff_s
from store_support import (
    RUN,
    Clock,
    Lane,
    extra_left,
    insert,
    measured,
    narrow,
    noisy,
    part,
    rows,
    states,
    until_measuring,
)


def seen(state: Store, run: str = RUN) -> BoardView:
    return store.snapshot(state, run).boards[0]


def test_each_loss_in_a_row_doubles_the_wait(state: Store) -> None:
    insert(state, part())
    waits = []
    for _ in range(4):
        store.board_loss(state, "b0", "no answer")
        not_before = seen(state).not_before
        assert not_before is not None
        waits.append(not_before - state.now())
    assert all(0.8 * wanted <= wait <= 1.2 * wanted for wait, wanted in zip(waits, (5, 10, 20, 40), strict=True))
    assert seen(state).reason == "network: no answer"


def test_the_wait_is_at_most_five_minutes_and_boards_do_not_return_in_step() -> None:
    waits = {backoff_s(f"b{index}", 20, 0.0) for index in range(50)}
    assert all(240 <= wait <= 360 for wait in waits)
    assert len(waits) == 50


def test_a_waiting_board_is_neither_claimed_nor_kicked_until_its_time_has_come(state: Store, clock: Clock) -> None:
    insert(state, part())
    store.board_loss(state, "b0", "no answer")
    lane = Lane(state).start()
    assert lane.try_claim() is None
    lane.stop()
    assert store.due_boards(state, 1.0) == []
    clock.pass_s(6.1)
    assert store.due_boards(state, 1.0) == ["b0"]
    assert Lane(state).start().try_claim() is not None


def test_a_committed_launch_forgives_the_losses(state: Store) -> None:
    insert(state, part(blocks=8))
    lane = Lane(state).start()
    for _ in range(4):
        store.board_loss(state, "b0", "no answer")
    assert isinstance(state.now(), float)
    clock = state.now() + 60
    state._clock = lambda: clock
    lane.end(lane.claim(), measured())
    assert (seen(state).losses, seen(state).reason) == (0, None)


def test_the_fifth_loss_in_a_row_ends_the_part_with_its_reason(state: Store) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    for _ in range(5):
        store.board_loss(state, "b0", "no answer from 192.0.2.7")
    reason = "lost 5 times in a row; the last time: network: no answer from 192.0.2.7"
    assert states(rows(state, board="b0")) == {"skipped": 7}
    assert states(rows(state, board="b1")) == {"pending": 7}
    cells = {(cell.board, cell.state, cell.reason) for cell in store.cells(state, RUN)}
    assert cells == {("b0", "not_run", reason), ("b1", None, None)}
    assert seen(state).ended == reason
    assert seen(state).quarantined == (reason if state.shared else None)
    assert {row.outcome for row in rows(state, board="b0")} == {"board_lost"}


def test_a_final_loss_ends_the_part_at_once(state: Store) -> None:
    insert(state, part())
    store.board_loss(state, "b0", "the host key changed", outcome=REFUSED)
    assert states(rows(state)) == {"skipped": 7}
    assert {cell.reason for cell in store.cells(state, RUN)} == {"user: the host key changed"}
    assert seen(state).quarantined is None
    assert store.close_finished(state) == [RUN]


def test_cells_that_have_their_planned_blocks_keep_them_when_the_board_is_lost(state: Store) -> None:
    insert(state, part(blocks=2, most=8))
    lane = Lane(state).start()
    lane.run(noisy, launches=3 + 2 * 2)
    store.board_loss(state, "b0", "gone", outcome=REFUSED)
    assert states(rows(state, phase=3)) == {"done": 4, "skipped": 4}
    assert {cell.state for cell in store.cells(state, RUN)} == {None}


def test_a_run_that_nobody_stands_behind_is_not_given_up(file_state: Store) -> None:
    asleep = insert(file_state, part("20250101-000000-bbbb"), attached=False)
    insert(file_state, part())
    store.board_loss(file_state, "b0", "gone", outcome=REFUSED)
    assert states(rows(file_state, asleep)) == {"pending": 7}
    assert states(rows(file_state, RUN)) == {"skipped": 7}


def test_a_new_run_starts_with_the_losses_forgiven(state: Store) -> None:
    insert(state, part())
    for _ in range(5):
        store.board_loss(state, "b0", "gone")
    assert store.release_boards(state, ["b0"]) == ["b0"]  # where the board is shared it is in quarantine by now
    run = insert(state, part("20260102-000000-cccc"))
    assert seen(state, run).losses == 0
    assert Lane(state).start().claim().row.run == run


def test_launches_lost_five_times_in_a_row_end_the_part(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=12))
    lane = Lane(state).start()
    until_measuring(lane)
    lane.end(store.Claim(lane.claims[-1], part(blocks=12)), Lost("link_lost", "reset"))
    for _ in range(4):
        clock.pass_s(100)
        store.attach(state, RUN)
        lane.end(lane.claim(), Lost("link_lost", "reset"))
    view = seen(state)
    assert view.ended is not None
    assert view.ended.startswith("lost 5 times in a row; the last time: network: link_lost while measuring ")
    assert view.counts.get("pending") is None
    assert store.close_finished(state) == [RUN]


@pytest.mark.parametrize("reason", ["worker_lost", "fenced"])
def test_what_the_orchestrator_did_itself_is_no_loss_of_the_board(state: Store, reason: str) -> None:
    insert(state, part())
    lane = Lane(state).start()
    before = extra_left(state)
    lane.end(until_measuring(lane), Lost(reason))
    assert (seen(state).losses, extra_left(state)) == (0, before)
    assert lane.run(narrow) == 4
