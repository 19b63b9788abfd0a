"""A launch from its claim to its outcome."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest

from farm_orchestrator import plan, store
from farm_orchestrator.model import Failed, FileRef, Lost, Measured, State
from farm_orchestrator.store import Claim, Store
from store_support import (
    BROKEN,
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


def test_a_steady_board_measures_what_was_planned_and_the_run_closes(state: Store) -> None:
    run = insert(state, part(blocks=2))
    Lane(state).start().run(narrow)
    assert states(rows(state)) == {"done": 3 + 2 * 2}
    assert store.close_finished(state) == [run]
    assert store.load_run(state, run).state == "closed"
    assert store.load_run(state, run).finished == state.now()
    assert broken_promises(state, run) == []


def test_a_noisy_board_is_owed_two_more_blocks_until_the_cap(state: Store) -> None:
    run = insert(state, part(blocks=2, most=6))
    Lane(state).start().run(noisy)
    assert {row.block for row in rows(state, phase=3)} == {3, 4, 5, 6, 7, 8}
    assert broken_promises(state, run) == []


def test_the_blocks_owed_are_there_in_the_same_instant_as_the_commit_that_owes_them(state: Store) -> None:
    insert(state, part(blocks=2, most=4))
    lane = Lane(state).start()
    lane.run(noisy, launches=3 + 2 * 2 - 1)
    last = lane.claim()
    assert lane.try_claim() is None, "the last planned launch is running"
    assert store.close_finished(state) == []
    lane.end(last, noisy(last))
    assert store.close_finished(state) == []
    assert states(rows(state, phase=3)) == {"done": 4, "pending": 4}


def test_claims_never_go_back_in_phase_and_points_alternate(state: Store) -> None:
    insert(state, part(points=2, blocks=2, labelled=True, names=("fp32", "int8", "fp16")))
    lane = Lane(state).start()
    lane.run(narrow)
    assert all(before.phase <= after.phase for before, after in pairwise(lane.claims))
    blocks = {row.block: row.point for row in lane.claims if row.phase == 3}
    assert [row.block for row in lane.claims] == sorted(row.block for row in lane.claims)
    assert all(before != after for before, after in pairwise(blocks.values()))


def test_a_claim_takes_the_current_block_first_even_when_an_older_run_came_in(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured())
    insert(state, part("20250101-000000-bbbb"), created=1.0)
    assert lane.claim().block == first.block
    lane.end(Claim(lane.claims[-1], first.part), measured())
    assert lane.claim().row.run == "20250101-000000-bbbb"


def test_only_attached_runs_are_measured(file_state: Store, clock: Clock) -> None:
    run = insert(file_state, part(), attached=False)
    lane = Lane(file_state).start()
    assert lane.try_claim() is None
    assert store.next_part(file_state, "b0") is None
    store.attach(file_state, run)
    assert store.next_part(file_state, "b0") == part()
    assert lane.claim().row.run == run
    clock.pass_s(15.1)
    assert lane.try_claim() is None
    store.attach(file_state, run)
    store.detach(file_state, run)
    assert lane.try_claim() is None


def test_one_channel_serves_only_parts_that_reach_the_board_in_the_same_way(state: Store) -> None:
    there, elsewhere = part(host="192.0.2.1"), part("20260101-000000-bbbb", host="192.0.2.2")
    insert(state, there)
    insert(state, elsewhere)
    fence = Lane(state).start().fence
    claimed = store.claim(state, "b0", fence, like=elsewhere)
    assert claimed is not None
    assert claimed.part == elsewhere


def test_a_claim_under_an_old_fence_gets_nothing(state: Store, clock: Clock) -> None:
    insert(state, part())
    old = Lane(state).start()
    clock.pass_s(7)
    new = Lane(state, owner="you").start()
    assert old.try_claim() is None
    assert new.try_claim() is not None


def test_a_zombies_commit_is_refused_and_its_file_is_removed(state: Store, clock: Clock, tmp_path: Path) -> None:
    insert(state, part())
    zombie = Lane(state).start()
    claimed = until_measuring(zombie)
    clock.pass_s(7)
    heir = Lane(state, owner="heir").start()
    file, transcript = tmp_path / "launches" / "1.1.parquet", tmp_path / "transcripts" / "1.1.jsonl"
    for path in (file, transcript):
        path.parent.mkdir()
        path.write_bytes(b"x")
    late = measured(file=FileRef("launches/1.1.parquet", "0" * 64, 1))
    before = rows(state)
    assert not zombie.end(claimed, late, tmp_path)
    assert not file.exists()
    assert transcript.exists()
    assert rows(state) == before
    heir.run(narrow)
    assert rows(state, id=claimed.row.id)[0].outcome == "worker_lost"
    assert broken_promises(state, RUN) == []


def test_a_zombie_is_refused_even_before_its_heir_has_swept(state: Store, clock: Clock) -> None:
    insert(state, part())
    zombie = Lane(state).start()
    claimed = zombie.claim()
    clock.pass_s(7)
    assert store.acquire(state, "b0", "heir", 6) == zombie.fence + 1
    assert not zombie.end(claimed, measured())
    assert states(rows(state)) == {"running": 1, "pending": 6}


def test_a_zombie_can_neither_lose_nor_fail_what_is_no_longer_its_own(state: Store, clock: Clock) -> None:
    insert(state, part())
    zombie = Lane(state).start()
    claimed = until_measuring(zombie)
    clock.pass_s(7)
    Lane(state, owner="heir").start()
    before = rows(state)
    assert not zombie.end(claimed, Lost("link_lost"))
    assert not zombie.end(claimed, BROKEN)
    store.board_loss(state, "b0", "unreachable", fence=zombie.fence)
    assert rows(state) == before
    assert store.snapshot(state, RUN).boards[0].losses == 0


@pytest.mark.parametrize(
    "outcome", [measured(), measured(rejected="HOT_START"), BROKEN], ids=lambda o: type(o).__name__
)
def test_a_commit_whose_answer_was_lost_recognises_itself_and_counts_once(
    state: Store, outcome: Measured | Failed
) -> None:
    insert(state, part())
    lane = Lane(state).start()
    claimed = lane.claim()
    assert lane.end(claimed, outcome)
    before = rows(state)
    assert lane.end(claimed, outcome)
    assert rows(state) == before


def test_another_commit_of_a_launch_that_is_committed_is_refused(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    claimed = lane.claim()
    assert lane.end(claimed, measured())
    before = rows(state)
    assert not lane.end(claimed, measured(7))
    assert not lane.end(claimed, BROKEN)
    assert rows(state) == before


def test_a_lost_launch_costs_one_of_the_budget_and_the_whole_block_is_repeated(state: Store) -> None:
    insert(state, part(names=("fp32", "int8", "fp16"), blocks=4))
    assert extra_left(state) == 2
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured())
    lane.end(lane.claim(), Lost("link_lost", "reset by peer"))
    old = rows(state, block=first.row.block, attempt=0)
    assert states(old) == {"done": 1, "lost": 1, "superseded": 1}
    assert [row.dropped for row in old if row.state == State.DONE] == ["block_lost"]
    assert states(rows(state, block=first.row.block, attempt=1)) == {"pending": 3}
    assert extra_left(state) == 1
    lost = next(row for row in old if row.state == State.LOST)
    assert lost.facts == {"lost": {"reason": "link_lost", "detail": "reset by peer"}}


@pytest.mark.parametrize("boards", [("b0", "b1")])
def test_one_bad_board_spends_only_its_own_budget(state: Store, clock: Clock, boards: tuple[str, ...]) -> None:
    insert(state, *(part(board=board, blocks=8, most=8) for board in boards))
    bad, good = (Lane(state, board).start() for board in boards)
    bad.run(lambda claim: measured(rejected="THROTTLED") if claim.row.phase == 3 else measured())
    good.run(narrow)
    assert (extra_left(state, board="b0"), extra_left(state, board="b1")) == (0, 4)
    assert states(rows(state, board="b0", phase=3))["rejected"] == 8 + 4
    assert states(rows(state, board="b1", phase=3)) == {"done": 16}
    assert store.close_finished(state) == [RUN]


def test_a_rejected_launch_says_why_and_is_repeated_at_once(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    lane.end(claimed, measured(rejected="HOT_START"))
    row = rows(state, id=claimed.row.id)[0]
    assert (row.state, row.dropped) == ("rejected", "HOT_START")
    assert extra_left(state) == 0
    lane.run(narrow)
    assert states(rows(state, block=row.block, attempt=1)) == {"done": 2}


def test_the_crash_of_a_worker_is_free_of_budget_and_waits_for_nothing(state: Store, clock: Clock) -> None:
    insert(state, part())
    before = extra_left(state)
    claimed = until_measuring(Lane(state).start())
    clock.pass_s(7)
    heir = Lane(state, owner="heir").start()
    assert extra_left(state) == before
    assert rows(state, id=claimed.row.id)[0].state == State.LOST
    heir.run(narrow)
    assert store.close_finished(state) == [RUN]


def test_a_sweep_leaves_the_holders_own_launch_alone(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    claimed = lane.claim()
    store.sweep(state, "b0", lane.fence)
    assert lane.end(claimed, measured())


def test_a_block_has_at_most_ten_attempts(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=2))
    for attempt in range(10):
        lane = Lane(state, owner=str(attempt)).start()
        claimed = until_measuring(lane)
        while claimed.row.block != 4:
            lane.end(claimed, narrow(claimed))
            claimed = lane.claim()
        assert claimed.row.attempt == attempt
        clock.pass_s(7)
    Lane(state, owner="last").start().run(narrow)
    assert max(row.attempt for row in rows(state, block=4)) == 9
    assert store.close_finished(state) == [RUN]


def test_a_poison_launch_cannot_starve_the_others(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=6, most=6))
    lane = Lane(state).start()

    def poison(claim: Claim) -> Measured | Lost:
        return Lost("agent_error", "gone") if claim.row.block == 3 else narrow(claim)

    while lane.run(poison):
        clock.pass_s(30)
        store.attach(state, RUN, 100)
    assert [row.attempt for row in rows(state, state="lost")] == [0, 1, 2, 3]
    assert states(rows(state, phase=3))["done"] == 5 * 2
    order = [(row.block, row.attempt) for row in lane.claims if row.phase == 3]
    assert order.index((8, 0)) < order.index((3, 1))
    assert store.close_finished(state) == [RUN]


def test_a_reboot_within_a_block_repeats_the_block(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured(boot_id="boot-1"))
    lane.end(lane.claim(), measured(boot_id="boot-2"))
    assert [row.dropped for row in rows(state, block=first.row.block, attempt=0)] == ["block_lost", "block_lost"]
    assert states(rows(state, block=first.row.block, attempt=1)) == {"pending": 2}


def test_a_reboot_between_blocks_is_no_matter(state: Store) -> None:
    insert(state, part(blocks=2))
    boots = {3: "boot-1", 4: "boot-2"}
    Lane(state).start().run(lambda claim: measured(boot_id=boots.get(claim.row.block, "boot-1")))
    assert {row.dropped for row in rows(state, phase=3)} == {None}


def test_launches_more_than_ten_minutes_apart_are_not_compared(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured())
    clock.pass_s(601)
    store.attach(state, RUN, 100)
    lane.end(lane.claim(), measured())
    assert states(rows(state, block=first.row.block, attempt=1)) == {"pending": 2}


def test_a_block_whose_arms_had_unequal_shares_of_the_processor_is_repeated(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured())
    busy = {"cpu_ns": 50, "wall_ns": 100, "threads": 1}
    lane.end(lane.claim(), measured(facts=busy))
    old = sorted(rows(state, block=first.row.block, attempt=0), key=lambda row: row.position)
    assert [row.dropped for row in old] == ["block_lost", "INTERFERENCE"]
    said = old[1].findings[0]["text"]
    assert said.startswith("One thread without a processor: 50.0% of the slot for ")
    assert old[0].findings == ()
    assert states(old) == {"done": 2}
    assert states(rows(state, block=first.row.block, attempt=1)) == {"pending": 2}


def test_a_board_that_only_notes_interference_keeps_the_block(state: Store) -> None:
    insert(state, part(blocks=2, interference="note"))
    shares = {"fp32": 100, "int8": 40}
    Lane(state).start().run(
        lambda claim: measured(facts={"cpu_ns": shares.get(claim.row.variant, 1), "wall_ns": 100, "threads": 1})
    )
    assert {row.dropped for row in rows(state)} == {None}
    told = [
        [finding["name"] for row in sorted(here, key=lambda row: row.position) for finding in row.findings]
        for here in (rows(state, block=3), rows(state, block=4))
    ]
    assert told == [["INTERFERENCE"], ["INTERFERENCE"]]


def test_a_dropped_block_keeps_what_its_last_launch_said_of_itself(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    first = until_measuring(lane)
    lane.end(first, measured())
    own = {"name": "TIMER", "text": "coarse"}
    lane.end(lane.claim(), measured(facts={"cpu_ns": 50, "wall_ns": 100, "threads": 1}, findings=(own,)))
    names = [[finding["name"] for finding in row.findings] for row in rows(state, block=first.row.block, attempt=0)]
    assert sorted(names) == [[], ["TIMER", "INTERFERENCE"]]


def test_two_names_of_one_digest_are_two_cells_measured_separately(state: Store) -> None:
    insert(state, part(names=("a", "b"), blocks=2))
    assert {launch.sha256 for launch in rows(state)} == {"0" * 64}
    Lane(state).start().run(narrow)
    assert [cell.variant for cell in store.cells(state, RUN)] == ["a", "b"]
    assert sorted(row.variant for row in rows(state, phase=3, block=3)) == ["a", "b"]


def test_figures_and_files_come_back_as_they_were_committed(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    finding = {"name": "TIMER", "text": "coarse"}
    file, transcript = FileRef("launches/4.1.parquet", "a" * 64, 7), FileRef("transcripts/4.1.jsonl", "b" * 64, 9)
    outcome = measured(facts={"load_ms": 1.5}, findings=(finding,), file=file, transcript=transcript)
    lane.end(claimed, outcome)
    row = rows(state, id=claimed.row.id)[0]
    assert outcome.summary is not None
    assert {name: getattr(row, name) for name in asdict(outcome.summary)} == asdict(outcome.summary)
    assert (row.facts, row.findings) == ({"load_ms": 1.5}, (finding,))
    assert (row.file, row.file_sha256, row.transcript_sha256) == ("launches/4.1.parquet", "a" * 64, "b" * 64)
    assert (row.boot_id, row.fence, row.t0, row.t1) == ("boot-1", lane.fence, state.now(), state.now())


def test_requeueing_keeps_to_the_plan_of_the_pure_core(state: Store) -> None:
    insert(state, part(names=("a", "b", "c", "d"), blocks=2))
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    lane.end(claimed, Lost("link_lost"))
    again = rows(state, block=claimed.row.block, attempt=1)
    wanted = plan.order(claimed.part, claimed.row.point, claimed.row.block, 1, ("a", "b", "c", "d"))
    assert tuple(row.variant for row in sorted(again, key=lambda row: row.position)) == wanted
