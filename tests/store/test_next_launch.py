"""The next launch, claimed in one transaction with the outcome of the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import Failed, FileRef, LaunchRow, Lost, Measured
from farm_orchestrator.store import BlockId, Claim, Store
from store_support import (
    BROKEN,
    RUN,
    Answer,
    Clock,
    Lane,
    broken_promises,
    insert,
    measured,
    narrow,
    noisy,
    part,
    rows,
    states,
    until_measuring,
)

SPEC = part(names=("fp32", "int8", "fp16"), blocks=2, most=4, points=2)


def fails(claim: Claim) -> Measured | Failed:
    return BROKEN if claim.row.variant == "int8" and claim.row.phase == 3 else noisy(claim)


def rejects(claim: Claim) -> Measured:
    return measured(rejected="THROTTLED") if claim.row.id % 5 == 0 and claim.row.attempt == 0 else narrow(claim)


def in_one(lane: Lane, answer: Answer) -> list[LaunchRow]:
    """Drains the board; every launch but the first is claimed with the commit before it."""
    claimed, taken = lane.try_claim(), []
    while claimed is not None:
        taken.append(claimed.row)
        outcome = answer(claimed)
        assert not isinstance(outcome, Lost)
        claimed = store.commit_and_claim(lane.state, claimed, outcome)
    return taken


@pytest.mark.parametrize("answer", [narrow, noisy, rejects, fails])
def test_a_board_does_the_same_work_in_the_same_order_as_in_two_transactions(tmp_path: Path, answer: Answer) -> None:
    with Store.open(tmp_path / "one.db", Clock()) as one, Store.open(tmp_path / "two.db", Clock()) as two:
        for state in (one, two):
            insert(state, SPEC)
        apart = Lane(two).start()
        apart.run(answer)
        assert in_one(Lane(one).start(), answer) == apart.claims
        assert rows(one) == rows(two)
        assert broken_promises(one, RUN) == []


def test_what_a_commit_makes_owed_can_be_claimed_with_it(state: Store) -> None:
    insert(state, part(blocks=2, most=4))
    lane = Lane(state).start()
    lane.run(noisy, launches=3 + 2 * 2 - 1)
    last = lane.claim()
    claimed = store.commit_and_claim(state, last, noisy(last))
    assert claimed is not None
    assert claimed.row.block == last.row.block + 1
    assert (claimed.row.state, claimed.fence, claimed.row.t0) == ("running", lane.fence, state.now())
    assert states(rows(state, phase=3)) == {"done": 4, "running": 1, "pending": 3}


def test_a_zombie_commits_nothing_and_claims_nothing(state: Store, clock: Clock, tmp_path: Path) -> None:
    insert(state, SPEC)
    claimed = until_measuring(Lane(state).start())
    clock.pass_s(7)
    heir = Lane(state, owner="heir").start()
    (tmp_path / "launches").mkdir()
    (tmp_path / "launches" / "old.parquet").touch()
    outcome = measured(file=FileRef("launches/old.parquet", "0" * 64, 0))
    before = rows(state)
    assert store.commit_and_claim(state, claimed, outcome, tmp_path) is None
    assert rows(state) == before
    assert list((tmp_path / "launches").iterdir()) == []
    assert heir.try_claim() is not None


def test_in_a_cancelled_run_the_outcome_is_kept_and_nothing_follows(state: Store) -> None:
    insert(state, SPEC)
    claimed = until_measuring(Lane(state).start())
    store.cancel(state, RUN)
    assert store.commit_and_claim(state, claimed, measured()) is None
    assert rows(state, id=claimed.row.id)[0].state == "done"
    assert rows(state, state="running") == []


def test_only_parts_that_reach_the_board_in_the_same_way_follow(state: Store) -> None:
    insert(state, part(blocks=2))
    insert(state, part("20260101-000001-bbbb", host="elsewhere"))
    taken = in_one(Lane(state).start(), narrow)
    assert {row.run for row in taken} == {RUN}
    assert states(rows(state, "20260101-000001-bbbb")).keys() == {"pending"}


def test_a_part_that_follows_on_the_same_line_comes_with_its_own_variants(state: Store) -> None:
    insert(state, part(blocks=2))
    insert(state, part("20260101-000001-bbbb", names=("a", "b")))
    lane = Lane(state).start()
    claimed: Claim | None = lane.claim()
    seen = {}
    while claimed is not None:
        seen[claimed.row.run] = [variant.name for variant in claimed.part.variants]
        claimed = store.commit_and_claim(state, claimed, narrow(claimed))
    assert seen == {RUN: ["fp32", "int8"], "20260101-000001-bbbb": ["a", "b"]}


def test_a_block_goes_on_until_its_last_launch_is_claimed(state: Store) -> None:
    insert(state, part(names=("fp32", "int8", "fp16"), blocks=2))
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    seen = []
    for _ in range(3):
        seen.append(store.has_pending(state, "b0", claimed.block))
        lane.end(claimed, measured())
        claimed = lane.claim()
    assert seen == [True, True, False]
    assert not store.has_pending(state, "b0", BlockId("other", claimed.row.block, 0))
