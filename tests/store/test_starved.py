"""A board whose supply voltage is too low block after block: its part is given up, with what was seen and what mends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from farm_orchestrator import store
from farm_orchestrator.model import Failed, Lost, Measured, Phase
from farm_orchestrator.store import Claim, Store
from store_support import (
    NO_MEMORY,
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
)

LOW = {"throttled_bits_start": 0, "throttled_bits_end": 1, "cpu_ns": 100, "wall_ns": 100, "threads": 1}
REASON = (
    "the supply voltage was too low in 2 blocks in a row; the last time {}: get_throttled 0x0 before, 0x1 after the "
    "slot; a stronger power supply and a shorter cable mend that"
)


def weak(*attempts: int) -> Callable[[Claim], Measured]:
    """A board on which those attempts of compared blocks (0: the first that is measured) see too low a voltage."""
    seen: list[store.BlockId] = []

    def answer(claim: Claim) -> Measured:
        if claim.row.phase < Phase.SCREEN:
            return narrow(claim)
        if claim.block not in seen:
            seen.append(claim.block)
        return measured(facts=LOW) if len(seen) - 1 in attempts else narrow(claim)

    return answer


def ended(state: Store) -> str | None:
    return store.part_rows(state, RUN)[0].ended


def test_two_blocks_in_a_row_end_the_part_and_say_what_mends_it(state: Store) -> None:
    insert(state, part(blocks=8), part(board="b1", blocks=8))
    lane = Lane(state).start()
    lane.run(weak(0, 1))
    first = rows(state, block=lane.claims[-1].block)[0].variant
    assert ended(state) == REASON.format(first)
    assert states(rows(state, board="b0")) == {"done": 3 + 2 * 2, "skipped": (6 + 1) * 2}, "one block had been repeated"
    assert {row.outcome for row in rows(state, board="b0", state="skipped")} == {"undervolt"}
    assert not [row for row in rows(state, board="b0", phase=3, state="done") if row.dropped is None]
    cells = {(cell.board, cell.state, cell.reason) for cell in store.cells(state, RUN)}
    assert cells == {("b0", "not_run", ended(state)), ("b1", None, None)}
    assert store.next_part(state, "b0") is None


def test_the_run_of_a_starved_board_closes_and_a_new_one_measures_it_again(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    lane.run(weak(0, 1))
    assert store.close_finished(state) == [RUN]
    assert broken_promises(state, RUN) == []
    again = insert(state, part("20260102-000000-cccc"))
    assert lane.claim().row.run == again


@pytest.mark.parametrize("attempts", [(0,), (0, 2), (1, 3, 5)])
def test_a_good_block_between_two_starved_ones_lets_the_part_go_on(state: Store, attempts: tuple[int, ...]) -> None:
    insert(state, part(blocks=8))
    Lane(state).start().run(weak(*attempts))
    assert ended(state) is None
    assert states(rows(state, phase=3)) == {"done": 2 * (8 + len(attempts))}
    assert broken_promises(state, RUN) == []


def test_blocks_dropped_for_another_reason_end_nothing(state: Store) -> None:
    insert(state, part(blocks=4))
    hot = {"cpu_ns": 100, "wall_ns": 100, "threads": 1}
    Lane(state).start().run(lambda claim: measured(facts={**hot, "governor_end": claim.row.variant}))
    assert {row.dropped for row in rows(state, phase=3)} >= {"CLOCK_CHANGED"}
    assert ended(state) is None


def test_a_reboot_between_two_starved_blocks_does_not_save_the_part(state: Store, clock: Clock) -> None:
    """A board that browns out goes down too: nobody looked at the voltage of a block that was lost."""
    insert(state, part(blocks=8))
    lane = Lane(state).start()
    answer = weak(0, 1, 2)
    lane.run(answer, launches=3 + 2)
    lane.end(lane.claim(), Lost("rebooted", "boot_id was 1, is 2"))
    clock.pass_s(60)
    store.attach(state, RUN, 100.0)
    assert ended(state) is None
    lane.run(answer)
    assert "too low in 2 blocks in a row" in (ended(state) or "")


@pytest.mark.parametrize("late", [measured(), NO_MEMORY, Lost("link_lost", "reset")])
def test_a_launch_begun_before_its_part_was_given_up_is_used_for_nothing(
    state: Store, late: Measured | Failed | Lost
) -> None:
    insert(state, part(names=("fp32",), blocks=8))
    lane = Lane(state).start()
    answer = weak(0, 1)
    lane.run(answer, launches=2 + 1)
    last = lane.claim()
    low = answer(last)
    ahead = lane.claim()
    lane.end(last, low)
    assert ended(state) is not None
    lane.end(ahead, late)
    assert not [row for row in rows(state, phase=3, state="done") if row.dropped is None]
    assert lane.try_claim() is None
    assert store.close_finished(state) == [RUN]


def test_cells_that_had_their_planned_blocks_before_keep_them(state: Store) -> None:
    insert(state, part(blocks=2, most=8))
    noise = weak(2, 3)

    def wide(claim: Claim) -> Measured:
        answer = noise(claim)
        return answer if answer.facts.get("throttled_bits_end") else measured(1_000_000 + 300_000 * (claim.row.id % 3))

    Lane(state).start().run(wide)
    assert ended(state) is not None
    assert {cell.state for cell in store.cells(state, RUN)} == {None}
