"""A variant that fails is left out, with its reason, and what it costs the others."""

from __future__ import annotations

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import FLOOR, Failed, Measured
from farm_orchestrator.store import Claim, Store
from store_support import (
    BROKEN,
    NO_MEMORY,
    RUN,
    Lane,
    extra_left,
    insert,
    measured,
    narrow,
    part,
    rows,
    states,
    until_measuring,
)


def test_a_variant_that_does_not_load_is_left_out_and_its_cells_keep_the_reason(state: Store) -> None:
    insert(state, part(names=("fp32", "int8", "bad"), points=2, blocks=2))
    lane = Lane(state).start()
    lane.run(lambda claim: BROKEN if claim.row.variant == "bad" else narrow(claim))
    assert states(rows(state, variant="bad")) == {"failed": 1, "skipped": 4}
    cells = {(cell.variant, cell.state, cell.reason) for cell in store.cells(state, RUN)}
    reason = "load: INVALID_GRAPH: no such operator: Foo"
    assert cells == {("fp32", None, None), ("int8", None, None), ("bad", "failed", reason)}
    assert states(rows(state, variant="int8", phase=3)) == {"done": 4}
    assert rows(state, variant="bad", state="failed")[0].facts["failure"]["stage"] == "load"


def test_a_variant_that_fails_at_one_point_goes_on_at_the_others(state: Store) -> None:
    insert(state, part(points=2, blocks=2))
    there = part(points=2).points[1].key
    Lane(state).start().run(
        lambda claim: (
            BROKEN if (claim.row.variant, claim.row.point, claim.row.phase) == ("int8", there, 3) else narrow(claim)
        )
    )
    assert states(rows(state, variant="int8", phase=3, point=there)) == {"failed": 1, "skipped": 1}
    assert states(rows(state, variant="int8", phase=3, point=part().points[0].key)) == {"done": 2}
    assert states(rows(state, variant="fp32", phase=3)) == {"done": 4}


@pytest.mark.parametrize("failed", [NO_MEMORY, Failed("slot", "CRASH(SIGKILL)", "nothing on stderr")])
def test_a_launch_out_of_memory_or_killed_is_tried_once_more_within_its_block(state: Store, failed: Failed) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    failures = iter([failed])

    def answer(claim: Claim) -> Measured:
        is_first = claim.row.phase == 3 and claim.row.variant == "int8"
        return next(failures, None) or narrow(claim) if is_first else narrow(claim)  # type: ignore[return-value] # a Failed is an answer too

    lane.run(answer)
    first = [row for row in rows(state, phase=3) if row.block == 3]
    assert sorted((row.variant, row.state) for row in first) == [("fp32", "done"), ("int8", "done"), ("int8", "failed")]
    assert [row.position for row in first if row.variant == "int8" and row.state == "done"] == [2]
    assert extra_left(state) == 1
    assert {cell.state for cell in store.cells(state, RUN)} == {None}


def test_out_of_memory_twice_is_the_end_of_the_cell(state: Store) -> None:
    insert(state, part(blocks=4))
    Lane(state).start().run(
        lambda claim: NO_MEMORY if (claim.row.variant, claim.row.phase) == ("int8", 3) else narrow(claim)
    )
    assert states(rows(state, variant="int8", phase=3)) == {"failed": 2, "skipped": 3}
    cell = next(cell for cell in store.cells(state, RUN) if cell.variant == "int8")
    assert (cell.state, cell.reason) == ("failed", "slot: OUT_OF_MEMORY: killed at 812 MB")
    assert store.close_finished(state) == [RUN]


def test_a_failed_baseline_stops_the_whole_part(state: Store) -> None:
    insert(state, part(board="b0"), part(board="b1"))
    Lane(state).start().run(lambda claim: BROKEN if claim.row.variant == "fp32" else narrow(claim))
    assert not rows(state, board="b0", state="pending")
    assert len(rows(state, board="b1", state="pending")) == len(rows(state, board="b1"))
    cells = {cell.variant: cell for cell in store.cells(state, RUN) if cell.board == "b0"}
    assert cells["fp32"].state == "failed"
    assert cells["int8"].state == "not_run"
    assert cells["int8"].reason == "the baseline fp32 failed: load: INVALID_GRAPH: no such operator: Foo"
    assert store.part_rows(state, RUN)[0].ended == cells["int8"].reason


def test_a_failed_floor_stops_nothing(state: Store) -> None:
    insert(state, part(blocks=2))
    Lane(state).start().run(lambda claim: BROKEN if claim.row.variant == FLOOR else narrow(claim))
    assert states(rows(state, phase=3)) == {"done": 4}


def test_a_block_repeated_after_a_failure_is_repeated_without_the_failed_variant(state: Store) -> None:
    insert(state, part(names=("fp32", "int8", "bad"), blocks=2))
    lane = Lane(state).start()
    claimed = until_measuring(lane)
    while claimed.row.variant != "bad":
        lane.end(claimed, narrow(claimed))
        claimed = lane.claim()
    lane.end(claimed, BROKEN)
    nxt = lane.claim()
    lane.end(nxt, measured(rejected="THROTTLED"))
    assert sorted(row.variant for row in rows(state, block=nxt.row.block, attempt=1)) == ["fp32", "int8"]
