"""Boards in quarantine, drained and given back; looks at them; their power: on a file and on a server alike."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from farm_orchestrator import store
from farm_orchestrator.model import REFUSED, Lost
from farm_orchestrator.store import BoardView, Store, schema
from farm_orchestrator.store.absences import lost_launches
from farm_orchestrator.store.checks import check_failed, check_passed, due_checks, last_facts, meet, wants_check
from farm_orchestrator.store.switching import note_switched, take_power_turn
from farm_reports.faults import BY_OUTCOME, MEANINGS, Fault, fault_of
from store_support import (
    OPEN,
    RUN,
    Clock,
    Lane,
    broken_promises,
    insert,
    measured,
    narrow,
    part,
    rows,
    states,
    until_measuring,
)

OTHER = "20260102-000000-cccc"


def seen(state: Store, run: str = RUN) -> BoardView:
    return store.snapshot(state, run).boards[0]


def events(state: Store) -> list[tuple[Any, ...]]:
    query = select(schema.event.c.kind, schema.event.c.board, schema.event.c.text).order_by(schema.event.c.id)
    return [tuple(row) for row in state.read(lambda c: c.execute(query).all())]


def kinds(state: Store) -> list[str]:
    return [kind for kind, *_ in events(state)]


def lose(state: Store, times: int) -> None:
    for _ in range(times):
        store.board_loss(state, "b0", "no answer")


def test_a_board_in_quarantine_gets_no_launch_and_its_run_closes_with_the_reason(state: Store) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    store.quarantine(state, "b0", "the fan is broken")
    assert store.acquire(state, "b0", "me", 6.0) is None
    assert "b0" not in store.due_boards(state, 1.0)
    assert states(rows(state, board="b0")) == {"skipped": 7}
    reason = "quarantined: the fan is broken; farm boards release b0 ends that"
    cells = {(cell.board, cell.state, cell.reason) for cell in store.cells(state, RUN)}
    assert cells == {("b0", "not_run", reason), ("b1", None, None)}
    Lane(state, "b1").start().run(narrow)
    assert store.close_finished(state) == [RUN]
    assert broken_promises(state, RUN) == []


def test_a_lane_in_the_middle_of_a_block_claims_nothing_more_once_its_board_is_in_quarantine(state: Store) -> None:
    insert(state, part(blocks=4))
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    store.quarantine(state, "b0", "it smells")
    assert lane.end(claimed, measured())
    assert lane.try_claim() is None
    assert states(rows(state, phase=3)) == {"done": 1, "skipped": 7}
    assert store.close_finished(state) == [RUN]


def test_a_drained_board_finishes_its_block_and_begins_no_other(state: Store) -> None:
    insert(state, part(blocks=4))
    lane = Lane(state).start()
    lane.end(until_measuring(lane), measured())
    store.drain_board(state, "b0", "it moves to another rack")
    assert store.close_finished(state) == []
    assert lane.run(narrow) == 1, "the other launch of the block"
    lane.stop()
    assert store.acquire(state, "b0", "me", 6.0) is None
    assert store.close_finished(state) == [RUN]
    assert states(rows(state, phase=3)) == {"done": 2, "skipped": 6}
    assert "drained: it moves to another rack" in str(seen(state).ended)


def test_cells_that_have_their_planned_blocks_outlive_a_drain(state: Store) -> None:
    insert(state, part(blocks=2, most=8))
    lane = Lane(state).start()
    lane.run(lambda claim: measured(1_000_000 + 300_000 * (claim.row.id % 3)), launches=3 + 2 * 2)
    store.drain_board(state, "b0", "enough")
    lane.stop()
    store.close_finished(state)
    assert {cell.state for cell in store.cells(state, RUN)} == {None}


@pytest.mark.parametrize("put_aside", [store.quarantine, store.drain_board])
def test_what_a_dead_holder_left_running_there_ends_with_its_lease(state: Store, clock: Clock, put_aside: Any) -> None:
    """Nobody will ever hold the board to sweep it."""
    insert(state, part())
    lane = Lane(state).start()
    lane.claim()
    put_aside(state, "b0", "gone")
    assert store.close_finished(state) == []
    clock.pass_s(7)
    assert store.close_finished(state) == [RUN]
    assert not OPEN & set(states(rows(state)))


def test_a_run_that_nobody_stands_behind_keeps_its_launch_for_its_own_sweep(file_state: Store, clock: Clock) -> None:
    """Its command was killed; what it was at is repeated when it is taken up again."""
    insert(file_state, part())
    lane = Lane(file_state).start()
    lane.claim()
    clock.pass_s(200.0)
    store.drain_board(file_state, "b0", "fan")
    store.release_boards(file_state, ["b0"])
    store.resume(file_state, RUN)
    Lane(file_state).start().run(narrow)
    assert broken_promises(file_state, RUN) == []


def test_a_new_run_and_one_taken_up_again_go_without_a_board_that_takes_no_work(state: Store, clock: Clock) -> None:
    asleep = insert(state, part("20250101-000000-bbbb"), attached=False)
    store.drain_board(state, "b0", "moves")
    insert(state, part())
    assert store.close_finished(state) == ([RUN] if not state.shared else sorted([asleep, RUN]))
    if not state.shared:
        assert states(rows(state, asleep)) == {"pending": 7}
        store.resume(state, asleep)
        clock.pass_s(1)
        assert store.close_finished(state) == [asleep]


def test_a_released_board_takes_work_at_once(state: Store) -> None:
    store.quarantine(state, "b0", "the fan is broken")
    assert store.healths(state)["b0"].held == "quarantined: the fan is broken"
    assert store.release_boards(state, ["b0", "b9"]) == ["b0"]
    assert store.release_boards(state, ["b0"]) == []
    insert(state, part())
    assert Lane(state).start().run(narrow) == 7
    assert events(state) == [
        ("quarantined", "b0", "the fan is broken"),
        ("released", "b0", "quarantined: the fan is broken"),
    ]


def test_release_forgives_losses_and_the_wait_that_they_brought(state: Store) -> None:
    insert(state, part())
    lose(state, 3)
    assert Lane(state).start().try_claim() is None
    store.release_boards(state, ["b0"])
    assert store.claim(state, "b0", 1) is not None
    assert (seen(state).losses, seen(state).reason) == (0, None)


def test_a_board_says_why_and_since_when_it_takes_no_work(state: Store, clock: Clock) -> None:
    insert(state, part())
    assert store.healths(state, ["b0", "b9"])["b9"].held is None
    store.drain_board(state, "b0", "first")
    store.release_boards(state, ["b0"])
    clock.pass_s(100)
    store.drain_board(state, "b0", "again")
    found = store.healths(state)["b0"]
    assert (found.drained, found.quarantined, found.since) == ("again", None, state.now())


def test_the_fifth_loss_in_a_row_puts_a_shared_board_in_quarantine_and_a_private_one_not(state: Store) -> None:
    insert(state, part())
    lose(state, 5)
    assert (store.healths(state)["b0"].quarantined is not None) == state.shared
    assert kinds(state) == ["lost"] * 5 + ["quarantined"] * state.shared


def test_a_fleet_that_was_lost_at_once_is_not_put_aside_board_by_board(state: Store, clock: Clock) -> None:
    """It is the worker, or the network: nobody should have to release every board."""
    names = [f"b{index}" for index in range(6)]
    insert(state, *(part(board=name) for name in names))
    for name in names:
        for _ in range(5):
            store.board_loss(state, name, "no answer")
    put_aside = {name for name, health in store.healths(state).items() if health.held}
    assert put_aside == ({"b0", "b1", "b2"} if state.shared else set()), "until there were enough to tell"
    clock.pass_s(301.0)
    store.board_loss(state, "b5", "no answer")
    assert bool(store.healths(state)["b5"].held) == state.shared, "alone it counts"


def test_every_loss_is_an_event_with_its_class_its_run_and_its_launch(state: Store, clock: Clock) -> None:
    insert(state, part())
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    lane.end(claimed, Lost("rebooted", "boot_id was 1, is 2"))
    clock.pass_s(10)
    lane.end(lane.claim(), measured())
    (lost, returned) = state.read(lambda c: c.execute(select(schema.event).order_by(schema.event.c.id)).all())
    assert (lost.kind, lost.run, lost.launch) == ("lost", RUN, claimed.row.id)
    assert lost.facts == {"fault": "board", "outcome": "rebooted", "losses": 1}
    assert (returned.kind, returned.board) == ("returned", "b0")


def test_a_board_that_refuses_us_is_its_users_matter_in_its_events_and_in_the_list_of_runs(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    lane.end(until_measuring(lane), Lost(REFUSED, "the host key changed"))
    (lost, *_) = state.read(lambda c: c.execute(select(schema.event).order_by(schema.event.c.id)).all())
    assert lost.facts == {"fault": "user", "outcome": REFUSED, "losses": 1}
    assert lost_launches(state, [RUN]) == {RUN: {Fault.USER: 1}}
    assert not rows(state, state="pending"), "no other try can help"


def test_every_way_to_lose_a_launch_has_a_class_and_every_class_a_meaning() -> None:
    from farm_orchestrator.errors import BoardError
    from farm_orchestrator.launch import NOT_THE_VARIANT
    from farm_orchestrator.store.blocks import FREE

    told = {str(vars(kind).get("outcome", BoardError.outcome)) for kind in BoardError.__subclasses__()}
    assert told | set(NOT_THE_VARIANT.values()) | FREE | {"rebooted", "deadline"} <= set(BY_OUTCOME)
    assert set(MEANINGS) == set(Fault)
    assert [fault_of(each) for each in ("link_lost", REFUSED, "OUT_OF_MEMORY")] == ["network", "user", "variant"]


def test_a_lost_board_is_looked_at_later_each_time_and_a_well_one_once_a_night(state: Store, clock: Clock) -> None:
    meet(state, "b0")
    meet(state, "b0")
    assert due_checks(state) == ["b0"], "nobody ever looked"
    fence = store.acquire(state, "b0", "me", 6.0)
    assert fence is not None
    check_passed(state, "b0", fence, "ok", {"good_ns": [7]})
    store.release(state, "b0", fence)
    assert (due_checks(state), wants_check(state, "b0"), last_facts(state, "b0")) == ([], False, {"good_ns": [7]})
    store.board_loss(state, "b0", "no answer")
    clock.pass_s(4)
    assert due_checks(state) == []
    clock.pass_s(2)
    assert (due_checks(state), wants_check(state, "b0")) == (["b0"], True)
    store.quarantine(state, "b0", "x")
    assert (due_checks(state), wants_check(state, "b0")) == ([], False)
    store.release_boards(state, ["b0"])
    clock.pass_s(86_400)
    assert due_checks(state) == ["b0"]
    insert(state, part())
    assert due_checks(state) == [], "what is measured is looked at all the time"
    assert store.due_boards(state, 1.0) == ["b0"]
    store.cancel(state, RUN)
    assert due_checks(state) == [], "it was measured a moment ago"
    clock.pass_s(86_400)
    assert due_checks(state) == ["b0"]


def test_a_look_that_succeeds_forgives_losses_and_one_that_fails_adds_one(state: Store) -> None:
    insert(state, part())
    lose(state, 2)
    fence = store.acquire(state, "b0", "me", 6.0)
    assert fence is not None
    check_failed(state, "b0", fence, Lost("canary", "its clock canary took 80 % longer"))
    assert (seen(state).losses, seen(state).reason) == (3, "board: its clock canary took 80 % longer")
    check_passed(state, "b0", fence - 1, "a zombie says so", {})
    assert seen(state).losses == 3
    check_passed(state, "b0", fence, "well", {})
    assert seen(state).losses == 0
    assert store.claim(state, "b0", fence) is not None, "what waited for the board waits no longer"
    assert kinds(state) == ["lost", "lost", "canary_failed", "lost", "canary_ok", "returned"]


def test_somebody_who_only_looks_may_hold_a_board_that_takes_no_work(state: Store) -> None:
    store.quarantine(state, "b0", "x")
    assert store.acquire(state, "b0", "me", 6.0) is None
    assert store.acquire(state, "b0", "me", 6.0, anyway=True) == 1
    assert store.acquire(state, "b0", "you", 6.0, anyway=True) is None


def test_the_power_is_switched_after_the_third_loss_and_at_most_once_an_hour(state: Store, clock: Clock) -> None:
    insert(state, part())
    fence = store.acquire(state, "b0", "me", 100.0)
    assert fence is not None
    lose(state, 2)
    assert not take_power_turn(state, "b0", fence)
    lose(state, 1)
    assert not take_power_turn(state, "b0", fence - 1), "a zombie switches nothing"
    assert [take_power_turn(state, "b0", fence) for _ in range(2)] == [True, False]
    clock.pass_s(3601)
    assert take_power_turn(state, "b0", fence)
    note_switched(state, "b0", "power cycle: exit code 0", {"action": "cycle", "code": 0})
    assert events(state)[-1] == ("powered", "b0", "power cycle: exit code 0")
