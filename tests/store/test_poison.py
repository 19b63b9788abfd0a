"""A variant that takes its board down each time it runs costs itself, not the others."""

from __future__ import annotations

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import Lost, Measured
from farm_orchestrator.store import Claim, Store
from store_support import RUN, Clock, Lane, insert, narrow, part, rows, states

GONE = Lost("link_lost", "the board is gone")


def run_dry(state: Store, clock: Clock, poisons: set[str], phases: set[int]) -> None:
    """Measures until nothing is owed, waiting out every back-off."""

    def answer(claim: Claim) -> Measured | Lost:
        return GONE if claim.row.variant in poisons and claim.row.phase in phases else narrow(claim)

    for life in range(40):
        Lane(state, owner=f"life {life}").start().run(answer)
        if not rows(state, state="pending"):
            return
        clock.pass_s(400)
        store.attach(state, RUN, 100)
    raise AssertionError("it never ends")


def cells(state: Store) -> dict[str, tuple[str | None, str | None]]:
    return {cell.variant: (cell.state, cell.reason) for cell in store.cells(state, RUN)}


@pytest.mark.parametrize("names", [("fp32", "bad", "int8"), ("fp32", "int8", "bad")])
@pytest.mark.parametrize("phases", [{0, 3}, {3}])
@pytest.mark.parametrize("blocks", [8, 12])
def test_a_poison_variant_is_given_up_and_the_others_are_measured_in_full(
    state: Store, clock: Clock, names: tuple[str, ...], phases: set[int], blocks: int
) -> None:
    insert(state, part(names=names, blocks=blocks))
    run_dry(state, clock, {"bad"}, phases)
    (spec,) = store.part_rows(state, RUN)
    assert spec.ended is None
    assert states(rows(state, variant="bad"))["lost"] == 3
    used = [row for row in rows(state, phase=3, state="done") if row.dropped is None]
    assert {name: sum(row.variant == name for row in used) for name in ("fp32", "int8")} == {
        "fp32": blocks,
        "int8": blocks,
    }
    assert cells(state)["bad"][0] == "not_run"
    assert "lost 3 times in a row while it ran" in str(cells(state)["bad"][1])


def test_a_poison_baseline_ends_the_part(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=8))
    run_dry(state, clock, {"fp32"}, {3})
    (spec,) = store.part_rows(state, RUN)
    assert "the baseline fp32" in str(spec.ended)
    assert not rows(state, state="pending")


def test_a_dead_board_is_still_the_boards_fault(state: Store, clock: Clock) -> None:
    insert(state, part(names=("fp32", "int8", "int4"), blocks=8))
    run_dry(state, clock, {"@floor", "fp32", "int8", "int4"}, {0, 3})
    (spec,) = store.part_rows(state, RUN)
    assert "lost 5 times in a row" in str(spec.ended)


def test_a_launch_that_ends_well_between_two_losses_clears_its_variant(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=8))
    turns = iter([GONE, GONE] + [None] * 3 + [GONE, GONE])
    for life in range(20):
        Lane(state, owner=f"life {life}").start().run(
            lambda claim: (
                (next(turns, None) if (claim.row.variant, claim.row.phase) == ("int8", 3) else None) or narrow(claim)
            )
        )
        if not rows(state, state="pending"):
            break
        clock.pass_s(400)
        store.attach(state, RUN, 100)
    assert states(rows(state, variant="int8"))["lost"] == 4
    assert cells(state)["int8"] == (None, None)
