"""Writers of a server that meet: real transactions side by side, and roads that break in the middle of a commit."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from farm_orchestrator import store
from farm_orchestrator.errors import StoreError
from farm_orchestrator.model import FileRef, Lost, Measured, State
from farm_orchestrator.store import Leases, Store, claims, schema
from farm_orchestrator.store.due import close_finished
from farm_orchestrator.store.locks import hold_board
from postgres_support import PrivatePostgres
from severed_support import Severed
from store_support import OPEN, RUN, Lane, insert, measured, part, rows, until_measuring

DEADLINE_S = 180.0
FILE, TRANSCRIPT = FileRef("launches/1.parquet", "f" * 64, 1), FileRef("transcripts/1.jsonl", "7" * 64, 1)


@pytest.fixture
def server(pg_url: str) -> Iterator[Store]:
    with Store.open(pg_url) as opened:
        yield opened


@pytest.fixture
def road(postgres: PrivatePostgres) -> Iterator[Severed]:
    with Severed(postgres.folder) as opened:
        yield opened


@contextmanager
def beside(*works: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Each in a thread of its own, all started at once; what they raised."""
    start, raised = threading.Barrier(len(works)), list[BaseException]()

    def do(work: Callable[[], object]) -> None:
        start.wait(DEADLINE_S)
        try:
            work()
        except StoreError as error:
            raised.append(error)

    threads = [threading.Thread(target=do, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    yield raised
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), "a writer waits for ever"


@contextmanager
def unfinished(state: Store, step: Callable[[Connection], object]) -> Iterator[None]:
    """While this lasts `step` is done and not committed, as by a process that is frozen there."""
    done, go_on = threading.Event(), threading.Event()

    def write(connection: Connection) -> None:
        step(connection)
        done.set()
        assert go_on.wait(DEADLINE_S)

    with beside(lambda: state.submit(write)) as raised:
        try:
            assert done.wait(DEADLINE_S)
            yield
        finally:
            go_on.set()
    assert raised == []


def kept(folder: Path) -> Measured:
    (folder / "launches").mkdir(exist_ok=True)
    (folder / FILE.name).write_text("what was measured")
    return measured(file=FILE, transcript=TRANSCRIPT)


@pytest.mark.parametrize("step", [store.commit, store.commit_and_claim])
def test_a_commit_that_nobody_heard_the_end_of_keeps_its_launch_and_its_file(
    pg_url: str, road: Severed, tmp_path: Path, step: Callable[..., object]
) -> None:
    with Store.open(road.url(pg_url)) as state:
        insert(state, part())
        claim = until_measuring(Lane(state).start())
        road.cut = "after"
        went_on = step(state, claim, kept(tmp_path), tmp_path)
        assert road.cuts == 1
        assert went_on, "the lane goes on with what the lost answer said"
        assert [row.state for row in rows(state) if row.id == claim.row.id] == [State.DONE]
        running = [row.id for row in rows(state, state=State.RUNNING)]
    assert (tmp_path / FILE.name).exists()
    assert running == ([went_on.row.id] if isinstance(went_on, store.Claim) else [])


def test_a_commit_that_did_not_arrive_is_sent_again(pg_url: str, road: Severed, tmp_path: Path) -> None:
    with Store.open(road.url(pg_url)) as state:
        insert(state, part())
        claim = until_measuring(Lane(state).start())
        road.cut = "before"
        assert store.commit(state, claim, kept(tmp_path), tmp_path)
        assert [row.state for row in rows(state) if row.id == claim.row.id] == [State.DONE]
    assert road.cuts == 1
    assert (tmp_path / FILE.name).exists()


def test_a_launch_that_another_holder_took_meanwhile_leaves_no_file(server: Store, tmp_path: Path) -> None:
    insert(server, part())
    lane = Lane(server).start()
    claim = until_measuring(lane)
    lane.stop()
    Lane(server, owner="you").start()
    assert not store.commit(server, claim, kept(tmp_path), tmp_path)
    assert not (tmp_path / FILE.name).exists()
    assert [row.outcome for row in rows(server) if row.id == claim.row.id] == ["worker_lost"]


@pytest.mark.parametrize("asked", ["acquire", "release"])
def test_a_lease_whose_fate_nobody_heard_of_runs_out(pg_url: str, road: Severed, asked: str) -> None:
    """Renewed by the heartbeat of all leases it would belong to nobody and never end. The test beats by hand."""
    with Store.open(road.url(pg_url)) as state, Leases(state, ttl_s=1.0, beat_s=3600) as leases:
        insert(state, part())
        lease = leases.hold("b0") if asked == "release" else None
        road.cut = "after" if asked == "acquire" else "before"
        with pytest.raises(StoreError):
            leases.drop(lease) if lease else leases.hold("b0")
        assert road.cuts == 1
        until = time.monotonic() + DEADLINE_S
        while (fence := store.acquire(state, "b0", "you", 6)) is None:
            assert time.monotonic() < until, "the lease is renewed for ever"
            leases.beat()
            time.sleep(0.05)
    assert fence == 2


def test_a_worker_whose_server_is_away_loses_its_leases_and_takes_new_ones_later(pg_url: str, road: Severed) -> None:
    with Store.open(pg_url) as direct, Store.open(road.url(pg_url)) as state:
        insert(direct, part(board="b0"), part(board="b1"))
        with Leases(state, ttl_s=6.0, beat_s=0.1) as leases:
            lease = leases.hold("b0")
            assert lease is not None
            road.away()
            assert lease.lost.wait(DEADLINE_S)
            road.cut = None
            until = time.monotonic() + 2 * DEADLINE_S
            while (again := leases.hold("b0")) is None:
                assert time.monotonic() < until
                time.sleep(0.05)
            assert again.fence == 2
            first = lease_until(direct)
            while lease_until(direct) <= first:
                assert time.monotonic() < until, "no heartbeat renews it"
                time.sleep(0.05)


def lease_until(state: Store) -> float:
    return state.read(
        lambda c: float(c.execute(select(schema.board.c.lease_until).order_by("board")).scalars().all()[0])
    )


def test_a_commit_under_way_holds_back_the_next_holder(server: Store) -> None:
    """The lease ran out between the first and the last word of a commit."""
    insert(server, part())
    lane = Lane(server).start()
    claim = until_measuring(lane)
    server.submit(lambda c: c.execute(update(schema.board).values(lease_until=0)) and None)
    fences: list[int | None] = []
    with unfinished(server, lambda c: claims._commit(c, claim, measured(), server.now(c))):
        taker = threading.Thread(target=lambda: fences.append(store.acquire(server, "b0", "you", 6)))
        taker.start()
        taker.join(0.3)
        assert fences == [], "the board changed hands in the middle of a commit"
    taker.join(DEADLINE_S)
    assert fences == [2]
    store.sweep(server, "b0", 2)
    assert [row.state for row in rows(server) if row.id == claim.row.id] == [State.DONE]


def test_a_sweep_under_way_leaves_nothing_pending_in_a_run_that_is_cancelled_meanwhile(server: Store) -> None:
    insert(server, part())
    lane = Lane(server).start()
    until_measuring(lane)
    lane.stop()
    fence = store.acquire(server, "b0", "you", 6)
    assert fence == 2
    canceller = threading.Thread(target=store.cancel, args=(server, RUN))
    with unfinished(server, lambda c: claims._sweep(c, "b0", 2, server.now(c))):
        canceller.start()
        canceller.join(0.3)
        assert canceller.is_alive(), "the cancel waits until the sweep has planned what it repeats"
    canceller.join(DEADLINE_S)
    assert [row for row in rows(server) if row.state in OPEN] == []
    assert close_finished(server) == [RUN]


def test_a_commit_under_way_leaves_nothing_pending_in_a_run_that_is_cancelled_meanwhile(server: Store) -> None:
    insert(server, part(blocks=1, most=9, names=("fp32",)))
    lane = Lane(server).start()
    claim = until_measuring(lane)
    canceller = threading.Thread(target=store.cancel, args=(server, RUN))
    with unfinished(server, lambda c: claims._lose(c, claim, Lost("link_lost", "gone"), server.now(c))):
        canceller.start()
        canceller.join(0.3)
        assert canceller.is_alive(), "the cancel waits until the block is planned again"
    canceller.join(DEADLINE_S)
    assert [row for row in rows(server) if row.state in OPEN] == []


def test_one_board_that_somebody_holds_up_holds_up_no_other(server: Store) -> None:
    insert(server, part(board="b0"), part(board="b1"))
    with unfinished(server, lambda c: hold_board(c, "b0")):
        assert store.due_boards(server, 1.0) == ["b1"]
    assert store.due_boards(server, 1.0) == ["b0"]


def test_of_many_reconcilers_one_closes_a_run_and_one_gets_its_report(server: Store) -> None:
    insert(server, part())
    Lane(server).start().run()
    closed, reports = list[str](), list[bool]()
    with beside(*[lambda: closed.extend(close_finished(server))] * 6) as raised:
        pass
    with beside(*[lambda: reports.append(store.claim_report(server, RUN))] * 6) as more:
        pass
    assert (closed, sorted(reports), raised + more) == ([RUN], [False] * 5 + [True], [])


RUNS = tuple(f"20260101-00000{index}-aaaa" for index in range(4))
BOARDS = ("b0", "b1", "b2")  # each with two lanes: fewer threads than a process has connections


def are_closed(state: Store) -> bool:
    found = store.list_runs(state)
    return len(found) == len(RUNS) and all(row.state == "closed" for row in found)


def lane_after_lane(state: Store, board: str, owner: str, seed: int) -> None:
    """Some launches each, and now and then it dies with one in hand."""
    dice, until = random.Random(f"{seed}{board}{owner}"), time.monotonic() + DEADLINE_S
    while time.monotonic() < until and not are_closed(state):
        fence = store.acquire(state, board, owner, 6.0)
        if fence is None:
            time.sleep(0.01)
            continue
        store.sweep(state, board, fence)
        lane = Lane(state, board, owner, fence)
        lane.run(launches=dice.randrange(1, 6))
        if dice.random() < 0.5:
            lane.try_claim()
        lane.stop()


def more_runs_and_cancels(state: Store, dice: random.Random) -> None:
    for run in RUNS[1:]:
        time.sleep(dice.random() * 0.2)
        insert(state, *(part(run=run, board=board, blocks=2) for board in dice.sample(BOARDS, 2)))
        store.cancel(state, dice.choice(RUNS[:2]))


def closing(state: Store) -> None:
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until and not are_closed(state):
        close_finished(state)
        time.sleep(0.02)


@pytest.mark.parametrize("seed", range(4))
def test_lanes_that_race_with_cancels_closers_and_new_runs_leave_no_run_open(server: Store, seed: int) -> None:
    """Three boards, each drained by two owners in turn, while runs are cancelled, inserted and closed."""
    insert(server, *(part(run=RUNS[0], board=board, blocks=3) for board in BOARDS))
    lanes = [partial(lane_after_lane, server, board, owner, seed) for board in BOARDS for owner in ("me", "you")]
    others = [partial(more_runs_and_cancels, server, random.Random(seed)), *[partial(closing, server)] * 2]
    with beside(*lanes, *others) as raised:
        pass
    assert raised == []
    assert are_closed(server)
    for run in RUNS:
        assert [row for row in rows(server, run) if row.state in OPEN] == []
        places = [(row.board, row.block, row.attempt, row.position) for row in rows(server, run)]
        assert len(places) == len(set(places))
