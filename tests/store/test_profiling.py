"""Boards and variants that break while they are profiled: what was measured stays, and the run ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import Failed, Lost, Measured, State
from farm_orchestrator.store import Claim, Store
from store_support import NO_MEMORY, RUN, Clock, Lane, insert, narrow, part, rows

GONE = Lost("link_lost", "the board is gone")
Answer = Callable[[Claim], Measured | Failed | Lost]


def under_profiler(ending: Failed | Lost, *names: str) -> Answer:
    def answer(claim: Claim) -> Measured | Failed | Lost:
        return ending if claim.row.kind == "profile" and claim.row.variant in names else narrow(claim)

    return answer


def run_dry(state: Store, clock: Clock, answer: Answer) -> None:
    """Measures until nothing is owed, waiting out every back-off."""
    for life in range(40):
        Lane(state, owner=f"life {life}").start().run(answer)
        if not rows(state, state="pending"):
            return
        clock.pass_s(400)
        store.attach(state, RUN, 100)
    raise AssertionError("it never ends")


def cells(state: Store) -> dict[str, str | None]:
    return {cell.variant: cell.state for cell in store.cells(state, RUN)}


def outcomes(state: Store, variant: str) -> list[tuple[int, str]]:
    return [(row.attempt, row.state) for row in rows(state, phase=4, variant=variant)]


def test_they_are_inserted_with_the_end_of_the_last_block(state: Store) -> None:
    insert(state, part(profile=True, blocks=3))
    lane = Lane(state).start()
    seen = []
    while (claimed := lane.try_claim()) is not None:
        seen.append((claimed.row.phase, len(rows(state, phase=4))))
        assert store.commit(state, claimed, narrow(claimed))
    assert [phase for phase, _ in seen] == [0] * 3 + [3] * 6 + [4] * 2
    assert {planned for phase, planned in seen if phase < 4} == {0}, "none of them is there before"


@pytest.mark.parametrize("ending", [NO_MEMORY, Failed("load", "INVALID_GRAPH", "no such operator: Foo")])
def test_a_failure_is_the_end_of_that_launch_and_of_nothing_else(state: Store, clock: Clock, ending: Failed) -> None:
    insert(state, part(profile=True, blocks=3))
    run_dry(state, clock, under_profiler(ending, "fp32"))
    assert outcomes(state, "fp32") == [(0, State.FAILED)]
    assert outcomes(state, "int8") == [(0, State.DONE)]
    assert cells(state) == {"fp32": None, "int8": None}
    assert store.part_rows(state, RUN)[0].ended is None


def test_one_that_is_lost_each_time_is_tried_three_times(state: Store, clock: Clock) -> None:
    insert(state, part(profile=True, blocks=8))
    run_dry(state, clock, under_profiler(GONE, "int8"))
    assert outcomes(state, "int8") == [(0, State.LOST), (1, State.LOST), (2, State.LOST)]
    assert outcomes(state, "fp32") == [(0, State.DONE)]
    assert cells(state) == {"fp32": None, "int8": None}


def test_a_board_that_is_lost_for_good_while_it_is_profiled_keeps_what_it_measured(state: Store, clock: Clock) -> None:
    insert(state, part(profile=True, blocks=8))
    run_dry(state, clock, under_profiler(GONE, "fp32", "int8"))
    (spec,) = store.part_rows(state, RUN)
    assert spec.ended is None
    assert cells(state) == {"fp32": None, "int8": None}
    assert sum(row.state == State.LOST for row in rows(state, phase=4)) == 5
    assert {row.state for row in rows(state, phase=4)} == {State.LOST, State.SKIPPED}
    store.close_finished(state)
    assert store.load_run(state, RUN).state == "closed"


def test_their_time_is_none_of_a_timed_launch(state: Store, clock: Clock) -> None:
    insert(state, part(profile=True, blocks=8))

    def slow(claim: Claim) -> Measured:
        clock.pass_s(500.0 if claim.row.kind == "profile" else 2.0)
        store.attach(state, RUN, 1000)
        return narrow(claim)

    Lane(state).start().run(slow)
    assert store.launch_costs(state, ["b0"]) == {("b0", "quick", "burst"): pytest.approx(2.0)}
