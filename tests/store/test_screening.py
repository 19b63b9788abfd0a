"""A screening in the store: who goes no further is settled with its last block, and whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm_orchestrator import plan, store
from farm_orchestrator.model import REFUSED, Failed, Limits, Lost, Measured, Part
from farm_orchestrator.store import CellRow, Claim, Store
from store_support import (
    BROKEN,
    RUN,
    Clock,
    Lane,
    broken_promises,
    extra_left,
    insert,
    measured,
    rows,
    states,
)
from store_support import part as plain

NAMES = ("fp32", "int8", "fp16", "slow", "slower")
TIMES = {"fp32": 1_000_000, "int8": 500_000, "fp16": 600_000, "slow": 900_000, "slower": 2_000_000}
LEFT = {"fp32", "int8", "fp16"}
HERE = plain().points[0].key


def part(**fields: object) -> Part:
    given = {"names": NAMES, **fields}
    return replace(plain(**given), screen_blocks=4)  # type: ignore[arg-type]  # whatever `part` takes


def told(claim: Claim) -> Measured:
    return measured(TIMES.get(claim.row.variant, 1_000_000))


def cells(state: Store) -> dict[str, tuple[str | None, str | None]]:
    return {cell.variant: (cell.state, cell.reason) for cell in store.cells(state, RUN)}


def check(state: Store) -> None:
    """The run is over, and as a run without any trouble ends."""
    assert broken_promises(state, RUN) == []
    assert store.close_finished(state) == [RUN]
    assert {name for name, (word, _) in cells(state).items() if word == "screened_out"} == {"slow", "slower"}
    done = [row for row in rows(state, phase=3, state="done") if row.dropped is None]
    assert {row.variant for row in done} == LEFT
    assert len(done) == 2 * len(LEFT)
    assert min(row.block for row in done) == plan.measure_start(part())


def test_the_last_short_block_settles_who_goes_on_and_plans_the_comparison(state: Store) -> None:
    insert(state, part(blocks=2))
    assert {row.phase for row in rows(state)} == {0, 2}
    lane = Lane(state).start()
    last = lane.until_phase(told, 2, 4 * 5 - 1)
    assert rows(state, phase=3) == []
    assert {word for word, _ in cells(state).values()} == {None}
    lane.end(last, told(last))
    assert states(rows(state, phase=3)) == {"pending": 6}
    assert {row.variant for row in rows(state, phase=3)} == LEFT
    words = cells(state)
    assert words["slow"] == ("screened_out", words["slow"][1])
    assert str(words["slow"][1]).startswith("1.80 x the time of int8 (1.78 to 1.82) in 4 short blocks")
    assert {words[name][0] for name in LEFT} == {None}
    lane.run(told)
    assert [claim.phase for claim in lane.claims] == sorted(claim.phase for claim in lane.claims)
    check(state)


def test_a_limit_sends_home_and_its_reason_is_kept(state: Store) -> None:
    insert(state, replace(part(), limits=Limits({"latency_p50": "0.95ms"}, ship=("slower",))))
    Lane(state).start().run(told)
    words = cells(state)
    assert {name for name, (word, _) in words.items() if word} == {"slow"}, "900 us is inside, and dominated"
    assert "x the time of int8" in str(words["slow"][1])
    assert broken_promises(state, RUN) == []


def test_the_budget_of_repeats_is_that_of_both_kinds_of_blocks(state: Store) -> None:
    insert(state, part(blocks=2))
    assert extra_left(state) == 3


OUTCOMES: dict[str, Measured | Lost] = {
    "lost": Lost("link_lost", "reset"),
    "rejected": measured(rejected="THROTTLED"),
    "rebooted": measured(boot_id="boot-2"),
}


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("launch", [1, 7, 19])
def test_a_short_block_that_is_spoilt_is_repeated_before_anybody_goes(
    state: Store, clock: Clock, launch: int, name: str
) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    spoilt = lane.until_phase(told, 2, launch)
    lane.end(spoilt, OUTCOMES[name])
    assert rows(state, phase=3) == []
    clock.pass_s(31)
    lane.run(
        lambda claim: measured(
            TIMES.get(claim.row.variant, 1_000_000), boot_id="boot-2" if name == "rebooted" else "boot-1"
        )
    )
    assert states(rows(state, phase=2, block=spoilt.row.block, attempt=1)) == {"done": 5}
    check(state)


def test_interference_with_one_arm_drops_a_short_block_too(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    busy = lane.until_phase(told, 2, 2)
    facts = {"cpu_ns": 40, "wall_ns": 100, "threads": 1}
    lane.end(busy, measured(TIMES[busy.row.variant], facts=facts))
    lane.run(told)
    assert states(rows(state, phase=2, block=busy.row.block, attempt=1)) == {"done": 5}
    check(state)


def test_a_long_block_that_is_lost_is_repeated_without_those_who_went_home(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    lost = lane.until_phase(told, 3, 4)
    lane.end(lost, Lost("link_lost", "reset"))
    clock.pass_s(31)
    lane.run(told)
    assert {row.variant for row in rows(state, block=lost.row.block, attempt=1)} == LEFT
    check(state)


def test_short_blocks_that_never_hold_leave_everybody_in(state: Store) -> None:
    """Where the board rejects each of them there is no reading, so nobody may be sent home."""
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    lane.run(lambda claim: measured(rejected="THROTTLED") if claim.row.phase == 2 else told(claim))
    assert extra_left(state) == 0
    assert {word for word, _ in cells(state).values()} == {None}
    assert {row.variant for row in rows(state, phase=3, state="done")} == set(NAMES)
    assert broken_promises(state, RUN) == []


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("launches", [0, 3, 9, 19])
def test_a_run_interrupted_in_its_screening_goes_on_as_if_nothing_had_been(
    state: Store, launches: int, *, committed: bool
) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    running = lane.until_phase(told, 2, launches)
    store.cancel(state, RUN)
    lane.end(running, told(running) if committed else Lost("cancelled", "the run was cancelled"))
    assert rows(state, phase=3) == []
    store.detach(state, RUN)
    store.resume(state, RUN)
    lane.run(told)
    check(state)


def test_what_a_partial_report_says_of_those_who_were_sent_home_stays(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    running = lane.until_phase(told, 3, 1)
    store.cancel(state, RUN)
    lane.end(running, Lost("cancelled", "the run was cancelled"))
    before = cells(state)
    store.set_cells(
        state, RUN, [CellRow("b0", name, HERE, state="not_run", reason=store.NOT_YET) for name in sorted(LEFT)]
    )
    store.detach(state, RUN)
    store.resume(state, RUN)
    assert cells(state) == before
    lane.run(told)
    check(state)


def test_a_worker_that_dies_in_the_screening_leaves_it_to_the_next(state: Store, clock: Clock) -> None:
    insert(state, part(blocks=2))
    dead = Lane(state).start()
    stale = dead.until_phase(told, 2, 12)
    clock.pass_s(7)
    heir = Lane(state, owner="heir").start()
    assert not dead.end(stale, told(stale))
    heir.run(told)
    check(state)


def test_a_variant_that_fails_in_a_short_block_is_failed_and_not_sent_home(state: Store) -> None:
    insert(state, part(blocks=2))

    def answer(claim: Claim) -> Measured | Failed:
        return BROKEN if (claim.row.variant, claim.row.phase) == ("int8", 2) else told(claim)

    Lane(state).start().run(answer)
    words = {name: word for name, (word, _) in cells(state).items()}
    assert words == {"fp32": None, "int8": "failed", "fp16": None, "slow": None, "slower": "screened_out"}
    assert {row.variant for row in rows(state, phase=3)} == {"fp32", "fp16", "slow"}
    assert broken_promises(state, RUN) == []


def test_a_baseline_that_fails_in_a_short_block_ends_the_part(state: Store) -> None:
    insert(state, part(blocks=2))

    def answer(claim: Claim) -> Measured | Failed:
        return BROKEN if (claim.row.variant, claim.row.phase) == ("fp32", 2) else told(claim)

    Lane(state).start().run(answer)
    assert rows(state, phase=3) == []
    assert states(rows(state, state="pending")) == {}
    assert store.close_finished(state) == [RUN]
    assert {word for word, _ in cells(state).values()} == {"failed", "not_run"}


def test_a_board_given_up_in_its_screening_has_measured_nothing(state: Store) -> None:
    insert(state, part(blocks=2))
    lane = Lane(state).start()
    lane.until_phase(told, 2, 10)
    store.board_loss(state, "b0", "the host key changed", outcome=REFUSED)
    assert {word for word, _ in cells(state).values()} == {"not_run"}


def test_what_launches_took_before_is_told_by_board_and_preset(state: Store, clock: Clock) -> None:
    insert(state, replace(part(blocks=4), recipe=replace(part().recipe, preset="ci")))

    def slowly(claim: Claim) -> Measured:
        clock.pass_s({0: 1.0, 2: 2.5, 3: 18.0}[claim.row.phase])
        store.attach(state, RUN, 100.0)
        return told(claim)

    lane = Lane(state).start()
    lane.run(slowly, launches=6 + 8)
    assert store.launch_costs(state, ["b0", "b1"]) == {("b0", "quick", "burst"): 2.5}
    lane.run(slowly)
    assert store.launch_costs(state, ["b0"]) == {("b0", "quick", "burst"): 2.5, ("b0", "ci", "burst"): 18.0}
