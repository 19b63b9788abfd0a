"""Who holds a board, and how a former holder learns that it no longer does."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm_orchestrator import store
from farm_orchestrator.store import Leases, Store
from store_support import RUN, Clock, Lane, broken_promises, insert, measured, narrow, part, rows, until_measuring

DEADLINE_S = 60


@pytest.fixture
def leases(state: Store) -> Iterator[Leases]:
    """Its thread sleeps: each test beats by hand."""
    with Leases(state, ttl_s=6, beat_s=3600) as opened:
        yield opened


def test_a_board_has_one_holder_and_each_has_a_greater_fence(state: Store, clock: Clock) -> None:
    insert(state, part())
    assert store.acquire(state, "b0", "me", 6) == 1
    assert store.acquire(state, "b0", "you", 6) is None
    clock.pass_s(6.1)
    assert store.acquire(state, "b0", "you", 6) == 2
    store.release(state, "b0", 1)
    assert store.acquire(state, "b0", "me", 6) is None, "an old fence releases nothing"
    store.release(state, "b0", 2)
    assert store.acquire(state, "b0", "me", 6) == 3


def test_a_board_nobody_has_heard_of_is_not_leased(state: Store) -> None:
    assert store.acquire(state, "nowhere", "me", 6) is None


def test_of_many_that_ask_at_once_one_gets_the_board(state: Store) -> None:
    insert(state, part())
    start, fences = threading.Barrier(8), []

    def ask(owner: str) -> None:
        start.wait(DEADLINE_S)
        fences.append(store.acquire(state, "b0", owner, 6))

    threads = [threading.Thread(target=ask, args=(f"t{index}",)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert sorted(fences, key=str) == [1, *[None] * 7]


def test_a_heartbeat_keeps_all_leases_of_its_owner(state: Store, clock: Clock, leases: Leases) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    held = [leases.hold("b0"), leases.hold("b1")]
    for _ in range(5):
        clock.pass_s(4)
        leases.beat()
    assert [lease is not None and lease.lost.is_set() for lease in held] == [False, False]
    assert store.acquire(state, "b0", "you", 6) is None


def test_a_lease_that_ran_out_is_told_to_its_holder_alone(state: Store, clock: Clock, leases: Leases) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    old = leases.hold("b0")
    clock.pass_s(7)
    assert store.acquire(state, "b0", "you", 6) == 2
    new = leases.hold("b1")
    leases.beat()
    assert old is not None
    assert new is not None
    assert (old.lost.is_set(), new.lost.is_set()) == (True, False)


def test_a_lease_that_ran_out_is_lost_even_when_nobody_took_the_board(
    state: Store, clock: Clock, leases: Leases
) -> None:
    insert(state, part())
    lease = leases.hold("b0")
    clock.pass_s(7)
    leases.beat()
    assert lease is not None
    assert lease.lost.is_set()


def test_a_lease_taken_again_does_not_vouch_for_the_one_before(state: Store, clock: Clock, leases: Leases) -> None:
    insert(state, part())
    old = leases.hold("b0")
    clock.pass_s(7)
    new = leases.hold("b0")
    leases.beat()
    assert old is not None
    assert new is not None
    assert (old.lost.is_set(), new.lost.is_set()) == (True, False)


def test_a_dropped_lease_frees_the_board_at_once(state: Store, leases: Leases) -> None:
    insert(state, part())
    lease = leases.hold("b0")
    assert lease is not None
    assert leases.hold("b0") is None
    leases.drop(lease)
    assert leases.hold("b0") is not None


def test_a_store_that_stays_silent_for_the_life_of_a_lease_loses_it(database: Path) -> None:
    with Store.open(database) as state, Leases(state, ttl_s=0.2, beat_s=0.02) as leases:
        insert(state, part())
        lease = leases.hold("b0")
        assert lease is not None
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert lease.lost.wait(DEADLINE_S)
        other.execute("ROLLBACK")
        other.close()


def test_the_thread_of_the_leases_renews_by_itself(database: Path) -> None:
    with Store.open(database) as state, Leases(state, ttl_s=30, beat_s=0.01) as leases:
        insert(state, part())
        assert leases.hold("b0") is not None

        def until() -> float:
            row = state.read(lambda c: c.exec_driver_sql("SELECT lease_until FROM board").one())
            return float(row[0])

        first, pause, tries = until(), threading.Event(), 0
        while until() == first:
            tries += 1
            assert tries < DEADLINE_S * 100
            pause.wait(0.01)


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
def test_a_clock_that_was_set_ends_a_lease_early_and_loses_nothing(state: Store, clock: Clock, step_s: float) -> None:
    insert(state, part(blocks=2))
    before = Lane(state).start()
    claimed = until_measuring(before)
    clock.pass_s(step_s)
    store.attach(state, RUN)
    assert store.due_boards(state, 1.0) == ["b0"]
    heir = Lane(state, owner="heir").start()
    assert not before.end(claimed, measured())
    heir.run(narrow)
    assert store.close_finished(state) == [RUN]
    assert broken_promises(state, RUN) == []


def test_a_clock_set_back_does_not_leave_a_board_waiting_for_hours(file_state: Store, clock: Clock) -> None:
    insert(file_state, part())
    store.due_boards(file_state, 1.0)
    store.board_loss(file_state, "b0", "gone")
    clock.pass_s(-86400)
    assert not store.load_run(file_state, RUN).attached
    assert store.due_boards(file_state, 1.0) == [], "nobody stands behind the run"
    store.resume(file_state, RUN)
    assert store.due_boards(file_state, 1.0) == ["b0"]
    assert Lane(file_state).start().run(narrow) == len(rows(file_state))


def test_a_holder_survives_a_clock_set_back_by_a_little(state: Store, clock: Clock, leases: Leases) -> None:
    insert(state, part())
    lease = leases.hold("b0")
    clock.pass_s(-60)
    leases.beat()
    assert lease is not None
    assert not lease.lost.is_set()
    assert store.acquire(state, "b0", "you", 6) is None
