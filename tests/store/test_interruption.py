"""Cancelling a run, and taking it up again."""

from __future__ import annotations

import pytest

from farm_orchestrator import store
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import REFUSED, Failed, Lost, Measured
from farm_orchestrator.store import CellRow, Store
from store_support import (
    BROKEN,
    NO_MEMORY,
    RUN,
    Clock,
    Lane,
    broken_promises,
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

CUT = Lost("cancelled", "the run was cancelled")


def interrupt(state: Store) -> None:
    """Ctrl-C: the command cancels, its last launch is through, it ends."""
    store.cancel(state, RUN)
    store.detach(state, RUN)


def test_cancel_takes_what_is_pending_and_leaves_what_is_running_to_the_watchdog(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    running = lane.claim()
    store.cancel(state, RUN)
    assert states(rows(state)) == {"running": 1, "cancelled": 6}
    assert store.cancelled_runs(state, [RUN, "another"]) == {RUN}
    assert lane.try_claim() is None
    assert lane.end(running, CUT)
    assert states(rows(state)) == {"cancelled": 7}
    assert store.snapshot(state, RUN).boards[0].losses == 0
    assert store.close_finished(state) == [RUN]


def test_a_commit_that_gets_in_before_the_watchdog_stays_done(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    running = lane.claim()
    store.cancel(state, RUN)
    assert lane.end(running, measured())
    assert states(rows(state)) == {"done": 1, "cancelled": 6}


def test_a_cancelled_run_is_owed_no_further_blocks(state: Store) -> None:
    insert(state, part(blocks=2, most=6))
    lane = Lane(state).start()
    lane.run(noisy, launches=6)
    last = lane.claim()
    store.cancel(state, RUN)
    lane.end(last, noisy(last))
    assert states(rows(state)) == {"done": 7}
    assert store.close_finished(state) == [RUN]
    store.detach(state, RUN)
    store.resume(state, RUN)
    assert states(rows(state)) == {"done": 7, "pending": 4}


def test_cancelling_a_finished_run_changes_nothing(state: Store) -> None:
    insert(state, part())
    Lane(state).start().run(narrow)
    store.close_finished(state)
    store.cancel(state, RUN)
    assert not store.load_run(state, RUN).cancel


def test_resume_is_refused_while_the_command_lives(state: Store, clock: Clock) -> None:
    insert(state, part())
    store.attach(state, RUN)
    with pytest.raises(UsageError, match="still being measured by another command"):
        store.resume(state, RUN)
    clock.pass_s(15.1)
    store.resume(state, RUN)
    assert store.load_run(state, RUN).attached


def test_a_torn_block_is_whole_again_one_attempt_later_and_free_of_budget(state: Store) -> None:
    insert(state, part(names=("fp32", "int8", "fp16"), blocks=4))
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured())
    second = lane.claim()
    store.cancel(state, RUN)
    lane.end(second, CUT)
    store.detach(state, RUN)
    before = extra_left(state)
    store.resume(state, RUN)
    torn = rows(state, block=first.row.block, attempt=0)
    assert states(torn) == {"done": 1, "cancelled": 2}
    assert next(row for row in torn if row.state == "done").dropped == "block_lost"
    assert states(rows(state, block=first.row.block, attempt=1)) == {"pending": 3}
    assert states(rows(state, attempt=1)) == {"pending": 12}
    assert extra_left(state) == before
    lane.run(narrow)
    assert broken_promises(state, RUN) == []
    assert store.close_finished(state) == [RUN]


def test_a_run_may_be_interrupted_more_often_than_a_block_may_fail(state: Store) -> None:
    insert(state, part(blocks=2))
    for _ in range(12):
        interrupt(state)
        store.resume(state, RUN)
    assert max(row.attempt for row in rows(state)) == 12
    Lane(state).start().run(narrow)
    assert states(rows(state, attempt=12)) == {"done": 7}


def test_resuming_a_run_whose_command_was_killed_inserts_nothing(state: Store, clock: Clock) -> None:
    insert(state, part())
    Lane(state).start().run(narrow, launches=4)
    clock.pass_s(121)
    before = rows(state)
    store.resume(state, RUN)
    assert rows(state) == before


def test_resuming_a_finished_run_inserts_nothing_and_lets_the_report_be_built_again(state: Store) -> None:
    insert(state, part(blocks=2))
    Lane(state).start().run(narrow)
    store.close_finished(state)
    assert store.claim_report(state, RUN)
    store.set_word(state, RUN, "measured")
    store.detach(state, RUN)
    before = rows(state)
    store.resume(state, RUN)
    assert rows(state) == before
    run = store.load_run(state, RUN)
    assert (run.state, run.word, run.reported, run.finished) == ("open", None, False, None)


def test_what_a_partial_report_concluded_is_open_again_and_what_failed_stays(state: Store) -> None:
    insert(state, part(names=("fp32", "int8", "bad", "gone"), blocks=2))
    lane = Lane(state).start()
    lane.run(lambda claim: BROKEN if claim.row.variant == "bad" else narrow(claim), launches=6)
    interrupt(state)
    point = part().points[0].key
    concluded = [
        CellRow("b0", "fp32", point, state="measured", versus_baseline="same"),
        CellRow("b0", "int8", point, state="not_run", reason=store.NOT_YET),
        CellRow("b0", "gone", point, state="not_run", reason="its file is truncated"),
    ]
    store.set_cells(state, RUN, concluded)
    store.resume(state, RUN)
    cells = {cell.variant: (cell.state, cell.versus_baseline) for cell in store.cells(state, RUN)}
    assert cells == {
        "fp32": (None, None), "int8": (None, None), "bad": ("failed", None), "gone": ("not_run", None),
    }  # fmt: skip
    assert {row.variant for row in rows(state, state="pending")} == {"fp32", "int8", "gone"}


@pytest.mark.parametrize("outcome", [measured(rejected="THROTTLED"), NO_MEMORY, measured(boot_id="boot-2")])
def test_what_a_cancelled_run_would_have_repeated_is_repeated_when_it_is_taken_up(
    state: Store, outcome: Measured | Failed
) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured(boot_id="boot-1"))
    last = lane.claim()
    store.cancel(state, RUN)
    lane.end(last, outcome)
    assert rows(state, id=last.row.id)[0].state == "cancelled"
    store.detach(state, RUN)
    store.resume(state, RUN)
    assert states(rows(state, block=first.row.block, attempt=1)) == {"pending": 2}
    lane.run(narrow)
    assert broken_promises(state, RUN) == []


def test_a_launch_that_a_dead_worker_left_in_a_cancelled_run_is_cancelled(state: Store, clock: Clock) -> None:
    insert(state, part())
    Lane(state).start().claim()
    store.cancel(state, RUN)
    assert store.close_finished(state) == []
    clock.pass_s(7)
    assert store.close_finished(state) == [RUN]
    assert states(rows(state)) == {"cancelled": 7}


def test_a_sweep_in_a_cancelled_run_repeats_nothing(state: Store, clock: Clock) -> None:
    insert(state, part())
    Lane(state).start().claim()
    store.cancel(state, RUN)
    clock.pass_s(7)
    Lane(state, owner="heir").start()
    assert states(rows(state)) == {"cancelled": 7}


def test_a_commit_for_an_attempt_that_was_repeated_meanwhile_is_kept_unused(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    running = until_measuring(lane)
    interrupt(state)
    store.resume(state, RUN)
    assert lane.end(running, measured())
    row = rows(state, id=running.row.id)[0]
    assert (row.state, row.dropped) == ("done", "block_lost")
    lane.run(narrow)
    assert broken_promises(state, RUN) == []


def test_a_part_that_was_given_up_stays_given_up(state: Store) -> None:
    insert(state, part())
    store.board_loss(state, "b0", "the host key changed", outcome=REFUSED)
    interrupt(state)
    store.resume(state, RUN)
    assert states(rows(state)) == {"skipped": 7}
