"""The reconciler's questions, and the view of a run."""

from __future__ import annotations

from farm_orchestrator import store
from farm_orchestrator.store import BoardView, Running, Store
from store_support import RUN, Clock, Lane, insert, measured, narrow, part, rows


def test_boards_with_work_and_no_holder_are_due_once_per_pause(state: Store, clock: Clock) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    assert store.due_boards(state, 1.0) == ["b0", "b1"]
    assert store.due_boards(state, 1.0) == []
    clock.pass_s(3.1)
    assert store.due_boards(state, 1.0) == ["b0", "b1"]
    store.unkick(state, ["b1"])
    assert store.due_boards(state, 1.0) == ["b1"]


def test_a_held_board_is_not_due_and_a_dead_holders_board_is(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=1))
    lane = Lane(state).start()
    assert store.due_boards(state, 1.0) == []
    lane.run(narrow, launches=4)
    lane.claim()
    clock.pass_s(6.1)
    assert store.due_boards(state, 1.0) == ["b0"], "its last launch is still running"


def test_boards_of_runs_that_are_unattached_or_cancelled_are_not_due(file_state: Store) -> None:
    insert(file_state, part(), attached=False)
    assert store.due_boards(file_state, 1.0) == []
    store.attach(file_state, RUN)
    store.cancel(file_state, RUN)
    assert store.due_boards(file_state, 1.0) == []


def test_a_duplicated_hint_finds_the_board_held_or_without_work(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    assert store.acquire(state, "b0", "twin", 6) is None
    lane.run(narrow)
    lane.stop()
    before = rows(state)
    late = Lane(state, owner="twin").start()
    assert late.try_claim() is None
    assert rows(state) == before


def test_a_run_closes_once(state: Store) -> None:
    insert(state, part())
    assert store.close_finished(state) == []
    Lane(state).start().run(narrow)
    assert store.close_finished(state) == [RUN]
    assert store.close_finished(state) == []


def test_one_caller_wins_the_report_of_a_run_and_only_when_it_is_finished(state: Store) -> None:
    insert(state, part())
    assert not store.claim_report(state, RUN), "launches are owed"
    Lane(state).start().run(narrow)
    store.close_finished(state)
    assert [store.claim_report(state, RUN) for _ in range(3)] == [True, False, False]


def test_a_cancelled_run_has_no_report_to_win(state: Store) -> None:
    insert(state, part())
    store.cancel(state, RUN)
    assert store.close_finished(state) == [RUN]
    assert not store.claim_report(state, RUN)


def test_a_finished_run_is_left_unreported_when_its_command_has_gone(state: Store, clock: Clock) -> None:
    insert(state, part())
    Lane(state).start().run(narrow)
    assert store.left_unreported(state) == [], "not finished"
    store.close_finished(state)
    assert store.left_unreported(state) == [], "its own command will report it"
    clock.pass_s(101)
    assert store.left_unreported(state) == [RUN]
    assert store.claim_report(state, RUN)
    assert store.left_unreported(state) == []


def test_a_run_that_has_its_word_was_reported_by_whoever_gave_it(state: Store) -> None:
    insert(state, part(), attached=False)
    store.attach(state, RUN)
    Lane(state).start().run(narrow)
    store.close_finished(state)
    store.detach(state, RUN)
    assert store.left_unreported(state) == [RUN]
    store.set_word(state, RUN, "measured")
    assert store.left_unreported(state) == []
    assert not store.claim_report(state, RUN)


def test_a_snapshot_says_what_each_board_is_at(state: Store) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    lane = Lane(state).start()
    lane.end(lane.claim(), measured())
    row = lane.claim().row
    seen = store.snapshot(state, RUN)
    running = Running(row.variant, row.point, 0, 1, 0, state.now())
    assert seen.boards == (
        BoardView("b0", {"done": 1, "pending": 5, "running": 1}, running, 0, 0.0, None, None),
        BoardView("b1", {"pending": 7}, None, 0, 0.0, None, None, held=False),
    )
    assert (seen.state, seen.cancel) == ("open", False)


def test_a_report_whose_builder_died_over_it_is_told_for_a_day(state: Store, clock: Clock) -> None:
    insert(state, part())
    Lane(state).start().run(narrow)
    store.close_finished(state)
    assert store.claim_report(state, RUN)
    clock.pass_s(200.0)
    assert store.abandoned(state, 3600.0) == [], "it may still be at it"
    clock.pass_s(3600.0)
    assert store.abandoned(state, 3600.0) == [RUN]
    clock.pass_s(86_400.0)
    assert store.abandoned(state, 3600.0) == [], "left to a person"
    clock.pass_s(-80_000.0)
    store.set_word(state, RUN, "measured")
    assert store.abandoned(state, 3600.0) == []
