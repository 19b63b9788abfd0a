"""Several runs on one board: who is next, and when a run's time is up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby, pairwise
from typing import Any

import pytest

from farm_orchestrator import store
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Measured, Part
from farm_orchestrator.store import BlockId, Claim, NewRun, Store
from store_support import (
    RUN,
    Clock,
    Lane,
    broken_promises,
    cells_of,
    insert,
    narrow,
    part,
    rows,
    slots_of,
    states,
    until_measuring,
)

OTHER, THIRD = "20260101-000001-bbbb", "20260101-000002-cccc"


def add(state: Store, made: Part, **fields: Any) -> str:
    new = NewRun(made.run, None, made.recipe, 1, state.now(), {}, **fields)
    store.insert_run(state, new, [made], cells_of([made]), slots_of([made]))
    store.attach(state, made.run, 100.0)
    return made.run


def serve(state: Store, clock: Clock, seconds: Mapping[str, float], launches: int = 1000) -> list[BlockId]:
    """The blocks as they were measured; a launch of each run takes so long."""

    def answer(claim: Claim) -> Measured:
        clock.pass_s(seconds[claim.row.run])
        for run in seconds:
            store.attach(state, run, 100.0)
        return narrow(claim)

    lane = Lane(state).start()
    lane.run(answer, launches)
    lane.stop()
    return [block for block, _ in groupby(BlockId(row.run, row.block, row.attempt) for row in lane.claims)]


def test_runs_of_equal_priority_take_turns_block_by_block_and_no_block_is_interleaved(
    state: Store, clock: Clock
) -> None:
    for run in (RUN, OTHER, THIRD):
        add(state, part(run, blocks=4))
    blocks = serve(state, clock, {RUN: 10.0, OTHER: 10.0, THIRD: 10.0})
    assert len(set(blocks)) == len(blocks) == 3 * (3 + 4), "a block was left before it was through"
    shared = Counter(block.run for block in blocks[:9])
    assert shared == {RUN: 3, OTHER: 3, THIRD: 3}
    assert all(one.run != other.run for one, other in pairwise(blocks))
    assert [broken_promises(state, run) for run in (RUN, OTHER, THIRD)] == [[], [], []]


def test_it_is_time_that_is_shared_and_not_blocks(state: Store, clock: Clock) -> None:
    for run in (RUN, OTHER):
        add(state, part(run, blocks=40))
    serve(state, clock, {RUN: 10.0, OTHER: 30.0}, launches=40)
    spent = {
        run: sum((row.t1 or 0) - (row.t0 or 0) for row in rows(state, run) if row.t1 is not None)
        for run in (RUN, OTHER)
    }
    assert abs(spent[RUN] - spent[OTHER]) <= 60.0, "a block of the slower run at most"


def test_a_run_that_comes_later_shares_at_once_and_keeps_nobody_out_until_it_has_caught_up(
    state: Store, clock: Clock
) -> None:
    add(state, part(blocks=30))
    serve(state, clock, {RUN: 100.0}, launches=20)
    add(state, part(OTHER, blocks=30))
    blocks = serve(state, clock, {RUN: 100.0, OTHER: 100.0}, launches=20)
    assert abs(Counter(block.run for block in blocks)[RUN] - len(blocks) / 2) <= 2


def test_an_interrupted_run_comes_back_as_a_new_one_would(state: Store, clock: Clock) -> None:
    add(state, part(blocks=30))
    add(state, part(OTHER, blocks=30))
    store.cancel(state, OTHER)
    serve(state, clock, {RUN: 100.0, OTHER: 100.0}, launches=20)
    store.detach(state, OTHER)
    store.resume(state, OTHER)
    blocks = serve(state, clock, {RUN: 100.0, OTHER: 100.0}, launches=20)
    assert abs(Counter(block.run for block in blocks)[RUN] - len(blocks) / 2) <= 2


def test_a_higher_priority_starts_at_the_next_block_and_lets_the_others_on_when_it_is_through(
    state: Store, clock: Clock
) -> None:
    add(state, part(blocks=2))
    first = until_measuring(lane := Lane(state).start())
    add(state, part(OTHER, blocks=2), priority=3)
    add(state, part(THIRD, blocks=2), priority=-3)
    lane.run(narrow, 0)
    lane.end(first, narrow(first))
    lane.run(narrow)
    order = [run for run, _ in groupby(row.run for row in lane.claims)]
    assert order == [RUN, OTHER, RUN, THIRD]
    assert [row.block for row in lane.claims if row.run == RUN][-4:] == [3, 3, 4, 4], (
        "the block that had begun ended first"
    )


def test_a_higher_priority_that_reaches_the_board_in_another_way_ends_the_slice_at_the_next_block(
    state: Store,
) -> None:
    add(state, part(blocks=3))
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    add(state, part(OTHER, blocks=2, host="elsewhere"), priority=1)
    add(state, part(THIRD, blocks=2, host="elsewhere"))
    then = store.commit_and_claim(state, claimed, narrow(claimed))
    assert then is not None
    assert then.block == claimed.block
    assert store.commit_and_claim(state, then, narrow(then)) is None, "the line leads elsewhere"
    assert store.claim(state, "b0", lane.fence, then.block, then.part) is None
    coming = store.next_part(state, "b0")
    assert coming is not None
    assert coming.run == OTHER


def test_an_equal_that_reaches_the_board_in_another_way_waits_for_the_end_of_the_slice(state: Store) -> None:
    add(state, part(blocks=3))
    claimed = until_measuring(Lane(state).start())
    add(state, part(OTHER, blocks=2, host="elsewhere"))
    then: Claim | None = claimed
    while then is not None:
        last, then = then, store.commit_and_claim(state, then, narrow(then))
    assert states(rows(state)).keys() == {"done"}
    assert last.row.run == RUN
    assert states(rows(state, OTHER)).keys() == {"pending"}


def test_nothing_is_begun_after_the_end_of_a_run_and_the_rest_says_so(state: Store, clock: Clock) -> None:
    add(state, part(blocks=2, points=2), ends_by=state.now() + 100.0)
    lane = Lane(state, ttl_s=110.0).start()
    claimed = until_measuring(lane)
    lane.end(claimed, narrow(claimed))
    last = lane.claim()
    clock.pass_s(99.0)
    assert store.close_finished(state) == []
    assert states(rows(state)).keys() == {"done", "running", "pending"}
    clock.pass_s(2.0)
    store.attach(state, RUN, 100.0)
    assert store.close_finished(state) == [], "a launch runs"
    lane.end(last, narrow(last))
    assert lane.try_claim() is None, "time is up"
    assert store.close_finished(state) == [RUN]
    assert {row.outcome for row in rows(state, state="skipped")} == {"times_up"}
    assert {(cell.state, cell.reason) for cell in store.cells(state, RUN)} == {
        ("not_run", "the end of the run came first: nothing is begun after 1970-01-12 13:48Z")
    }
    assert store.claim_report(state, RUN)


def test_a_run_past_its_end_closes_though_its_worker_died_over_a_launch(state: Store, clock: Clock) -> None:
    """Nothing is begun there any more, so no next holder of the board would sweep it."""
    add(state, part(blocks=2), ends_by=state.now() + 100.0)
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    lane.end(claimed, narrow(claimed))
    lane.claim()
    clock.pass_s(101.0)
    store.attach(state, RUN, 100.0)
    assert store.close_finished(state) == [RUN]
    assert not {row.state for row in rows(state)} & {"running", "pending"}
    assert {row.dropped for row in rows(state, state="done") if row.phase == 3} == {"block_lost"}


def test_a_run_that_waited_past_its_end_closes_without_a_launch(state: Store, clock: Clock) -> None:
    add(state, part(blocks=2), priority=1)
    add(state, part(OTHER, blocks=2), ends_by=state.now() + 50.0)
    blocks = serve(state, clock, {RUN: 100.0, OTHER: 100.0})
    assert {block.run for block in blocks} == {RUN}
    assert set(store.close_finished(state)) == {RUN, OTHER}
    assert {cell.state for cell in store.cells(state, OTHER)} == {"not_run"}


def test_what_was_whole_at_the_end_of_a_run_is_kept_and_a_torn_block_counts_for_nothing(
    state: Store, clock: Clock
) -> None:
    add(state, part(blocks=2), ends_by=state.now() + 100.0)
    lane = Lane(state).start()
    lane.run(narrow, launches=3 + 3)
    clock.pass_s(101.0)
    store.attach(state, RUN, 100.0)
    assert store.close_finished(state) == [RUN]
    torn = rows(state, block=4)
    assert {(row.state, row.dropped) for row in torn} == {("done", "block_lost"), ("superseded", None)}
    assert {(row.state, row.dropped) for row in rows(state, block=3)} == {("done", None)}


def test_a_run_that_is_taken_up_after_its_end_goes_on(state: Store, clock: Clock) -> None:
    add(state, part(blocks=2), ends_by=state.now() + 100.0)
    store.cancel(state, RUN)
    store.close_finished(state)
    store.detach(state, RUN)
    clock.pass_s(200.0)
    store.resume(state, RUN)
    assert store.load_run(state, RUN).ends_by is None
    Lane(state).start().run(narrow)
    assert store.close_finished(state) == [RUN]
    assert {cell.state for cell in store.cells(state, RUN)} == {None}, "for the report to judge"


def test_an_unattached_run_is_left_as_it_is_past_its_end(state: Store, clock: Clock) -> None:
    add(state, part(blocks=2), ends_by=state.now() + 10.0)
    store.detach(state, RUN)
    clock.pass_s(20.0)
    if not state.shared:
        assert store.close_finished(state) == []
        assert states(rows(state)).keys() == {"pending"}
    else:
        assert store.close_finished(state) == [RUN]


def test_boards_of_a_cancelled_run_are_free_once_they_measure_for_nobody_or_for_another(state: Store) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    one, two = Lane(state, "b0").start(), Lane(state, "b1").start()
    first, second = one.claim(), two.claim()
    held = store.holdings(state, RUN)
    assert held == {"b0": one.fence, "b1": two.fence}
    add(state, part(OTHER, "b1"))
    store.cancel(state, RUN)
    assert store.still_held(state, RUN, held) == ("b0", "b1")
    one.end(first, narrow(first))
    two.end(second, narrow(second))
    assert store.still_held(state, RUN, held) == ("b0", "b1"), "their lanes leave them as they were"
    assert two.claim().row.run == OTHER
    one.stop()
    assert store.still_held(state, RUN, held) == ()


def test_a_run_in_use_cannot_be_taken_up(state: Store) -> None:
    add(state, part())
    with pytest.raises(UsageError, match="still being measured"):
        store.resume(state, RUN)
