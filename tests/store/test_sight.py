"""What a view sees of a run and of the fleet: cheap to look at again, and never another thing than what is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert as insert_row
from sqlalchemy import update

from farm_orchestrator import store
from farm_orchestrator.model import REFUSED, Failed, Lost, Measured, Phase, State
from farm_orchestrator.store import Finding, FleetSight, Sight, Snapshot, Store, schema
from farm_orchestrator.store.tallies import AGAIN_S
from store_support import BROKEN, RUN, Clock, Lane, insert, measured, part, until_measuring

OTHER = "20260101-000000-bbbb"
OUTCOMES: dict[str, Measured | Failed | Lost] = {
    "measure": measured(), "fail": BROKEN, "lose": Lost("link_lost", "the connection broke"),
}  # fmt: skip


def write(state: Store, table: str, key: str, **values: object) -> None:
    """What a colleague of the view writes."""
    columns = getattr(schema, table)
    state.submit(lambda c: c.execute(update(columns).where(columns.c[table] == key).values(values)) and None)


def unattended(state: Store, *runs: str) -> None:
    """Whose commands are gone; on a server every run stands by itself."""
    for name in runs:
        write(state, "run", name, standing=0)


def bare(seen: Snapshot) -> Snapshot:
    """Without what is looked up at intervals of its own."""
    return replace(seen, others=(), finding=None)


STEPS = st.lists(
    st.sampled_from(["measure", "fail", "lose", "look", "wait", "stop", "cancel", "quarantine"]), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.randoms(use_true_random=False))
def test_a_sight_that_has_looked_before_sees_what_a_fresh_one_sees(
    state: Store, clock: Clock, steps: list[str], chance: object
) -> None:
    run = f"{clock.s:.0f}"
    clock.pass_s(10_000)
    boards = [f"{run}-{name}" for name in ("b0", "b1")]
    insert(state, *(part(run, name) for name in boards))
    sight, lane, claimed = Sight(state, run), None, None
    for step in steps:
        store.attach(state, run, 100.0)
        if step in {"measure", "fail", "lose"}:
            lane = lane or Lane(state, boards[0]).start()
            claimed = claimed or lane.try_claim()
            assert bare(sight.look()) == bare(store.snapshot(state, run))
            if claimed is not None:
                lane.end(claimed, OUTCOMES[step])
                claimed = None
        elif step == "wait":
            clock.pass_s(3.0 + chance.random())  # type: ignore[attr-defined]  # hypothesis gives a random.Random
        elif step == "stop" and lane is not None:
            lane.stop()
            lane, claimed = None, None
        elif step == "cancel":
            store.cancel(state, run)
        elif step == "quarantine":
            write(state, "board", boards[1], quarantined="hot")
        store.close_finished(state)
        assert bare(sight.look()) == bare(store.snapshot(state, run))


def test_launches_of_a_board_that_stands_still_are_read_again_only_now_and_then(state: Store, clock: Clock) -> None:
    insert(state, part())
    sight = Sight(state, RUN)
    before = sight.look().boards[0].counts
    state.submit(lambda c: c.execute(update(schema.launch).values(state=State.SKIPPED.value)) and None)
    assert sight.look().boards[0].counts == before
    clock.pass_s(AGAIN_S)
    assert sight.look().boards[0].counts == {State.SKIPPED: sum(before.values())}


def test_medians_of_launches_that_end_are_seen_at_the_next_look(state: Store) -> None:
    insert(state, part())
    sight, lane = Sight(state, RUN), Lane(state).start()
    claimed = until_measuring(lane)
    assert sight.look().medians == ()
    running = sight.look().boards[0].running
    assert running is not None
    assert (running.variant, running.phase) == (claimed.row.variant, Phase.MEASURE)
    lane.end(claimed, measured(123))
    assert [(each.board, each.p50_ns) for each in sight.look().medians] == [("b0", 123)]


def test_the_last_thing_to_think_about_is_told_also_to_who_looks_in_later(state: Store) -> None:
    insert(state, part())
    sight, lane = Sight(state, RUN), Lane(state).start()
    assert sight.look().finding is None

    def after(outcome: object) -> tuple[Finding | None, Finding | None]:
        claimed = lane.claim()
        sight.look()
        lane.end(claimed, outcome)  # type: ignore[arg-type]  # an outcome of the table below
        return sight.look().finding, store.snapshot(state, RUN).finding

    coarse = {"name": "TIMER", "text": "the clock is coarse"}
    first, later = after(measured(findings=(coarse,)))
    assert first == later == Finding("b0", "@floor", "TIMER", "the clock is coarse")
    assert after(measured()) == (first, first)
    first, later = after(BROKEN)
    assert first is not None
    assert first == later
    assert (first.name, first.text) == ("failed", "load: INVALID_GRAPH: no such operator: Foo")


def test_a_rejected_launch_is_told_by_what_rejected_it(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    hot = {"name": "THROTTLED", "text": "it ran at 1.2 GHz"}
    lane.end(claimed, measured(rejected="THROTTLED", findings=(hot,)))
    assert store.snapshot(state, RUN).finding == Finding("b0", claimed.row.variant, "THROTTLED", "it ran at 1.2 GHz")
    claimed = lane.claim()
    lane.end(claimed, measured(rejected="HOT_START", findings=({"name": "TIMER", "text": "coarse"},)))
    assert store.snapshot(state, RUN).finding == Finding("b0", claimed.row.variant, "HOT_START")


def test_runs_that_want_its_boards_are_seen_unless_they_are_served_later(state: Store, clock: Clock) -> None:
    insert(state, part(), part(board="b1"), created=1.0)
    insert(state, part(OTHER), part(OTHER, "b1"), part(OTHER, "b2"), created=2.0)

    def others(run: str) -> list[tuple[str, int, int]]:
        return [(each.run, each.priority, each.boards) for each in store.snapshot(state, run).others]

    assert (others(RUN), others(OTHER)) == ([(OTHER, 0, 2)], [(RUN, 0, 2)]), "they take turns"
    write(state, "run", OTHER, priority=5)
    assert (others(OTHER), others(RUN)) == ([], [(OTHER, 5, 2)])
    store.cancel(state, OTHER)
    assert others(RUN) == []
    write(state, "run", RUN, priority=9)
    write(state, "run", OTHER, cancel=0)
    unattended(state, RUN, OTHER)
    clock.pass_s(200.0)
    assert others(OTHER) == [], "nobody stands behind it: it is not served"
    assert not store.snapshot(state, OTHER).stands
    write(state, "run", OTHER, standing=1)
    assert store.snapshot(state, OTHER).stands


def test_a_board_is_seen_to_measure_for_another_run(state: Store) -> None:
    insert(state, part(), created=1.0)
    insert(state, part(OTHER), created=2.0)
    Lane(state).start().claim()
    (board,) = store.snapshot(state, OTHER).boards
    assert (board.elsewhere, board.running, board.held) == (RUN, None, True)


@pytest.mark.parametrize("column", ["quarantined", "drained"])
def test_why_a_board_takes_no_work_is_seen(state: Store, column: str) -> None:
    insert(state, part())
    write(state, "board", "b0", **{column: "a reason"})
    assert getattr(store.snapshot(state, RUN).boards[0], column) == "a reason"
    assert getattr(store.fleet(state).boards[0], column) == "a reason"


def test_the_fleet_is_every_board_and_every_open_run_in_the_order_of_the_queue(state: Store, clock: Clock) -> None:
    insert(state, part(), part(board="b1"), created=1.0)
    insert(state, part(OTHER), part(OTHER, "b2"), created=2.0)
    sight = FleetSight(state)
    claimed = Lane(state).start().claim()
    seen = sight.look()
    b0, b1, b2 = seen.boards
    assert (b0.run, b0.held, b0.queue) == (RUN, True, (RUN, OTHER))
    assert b0.running is not None
    assert b0.running.variant == claimed.row.variant
    assert (b1.running, b1.held, b1.queue) == (None, False, (RUN,))
    assert b2.queue == (OTHER,)
    assert [(run.run, run.boards, run.measuring, run.stands) for run in seen.runs] == [
        (RUN, 2, 1, True),
        (OTHER, 2, 0, True),
    ]
    write(state, "run", OTHER, priority=1)
    unattended(state, RUN, OTHER)
    clock.pass_s(200.0)
    seen = sight.look()
    assert [run.run for run in seen.runs] == [OTHER, RUN]
    assert [run.stands for run in seen.runs] == [False, False]
    assert not seen.boards[0].held
    assert [run.measuring for run in seen.runs] == [0, 0]


def test_a_board_that_was_lost_is_seen_with_its_losses_and_when_it_is_tried_again(state: Store, clock: Clock) -> None:
    insert(state, part())
    store.board_loss(state, "b0", "no answer")
    sight = FleetSight(state)
    (board,) = sight.look().boards
    assert (board.losses, board.reason) == (1, "network: no answer")
    assert board.not_before is not None
    assert 4.0 <= board.not_before - clock.s <= 6.0
    store.board_loss(state, "b0", "the key changed", outcome=REFUSED)
    store.close_finished(state)
    seen = sight.look()
    assert (seen.boards[0].queue, seen.runs) == ((), ())
    assert str(seen.boards[0].reason).endswith("the key changed")


def test_workers_that_were_heard_of_lately_are_seen(state: Store, clock: Clock) -> None:
    told = {"pid": 7, "pool": "threads", "version": "1", "beats": 0, "lanes": 50, "started": clock.s}
    rows = [
        {"worker": name, "host": name, "seen_until": clock.s + until, **told} for name, until in (("a", 9), ("b", -1))
    ]
    state.submit(lambda c: c.execute(insert_row(schema.worker), rows) and None)
    assert [(each.host, each.lanes) for each in store.fleet(state).workers] == [("a", 50)]
    assert store.fleet(state).shared == state.shared
    insert(state, part())
    sight = Sight(state, RUN)
    assert sight.look().served
    clock.pass_s(20.0)
    assert sight.look().served != state.shared, "a farm of one machine has a worker of its own"
