"""A confirmation in the store: planned with the last block of the comparison, and finished whatever happens meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm_orchestrator import calibration, plan, store
from farm_orchestrator.model import REFUSED, Failed, Limits, Lost, Measured, Part
from farm_orchestrator.store import CellRow, Claim, Store
from farm_reports.tables import Calibration
from store_support import BROKEN, RUN, Clock, Lane, broken_promises, extra_left, insert, measured, rows, states
from store_support import part as plain

NAMES = ("fp32", "int8", "fp16")
BLOCKS = 8
OPEN = {"fp32", "fp16"}
CONFIRM = 6


def part(limit: str = "+5%", blocks: int = BLOCKS, **fields: object) -> Part:
    """int8 is far inside the limit, fp16 at it; a board whose launches differ little."""
    made = plain(names=NAMES, blocks=blocks)
    given = {"limits": Limits({"latency_p50": limit}, ship=("int8", "fp16")), "gated": 2, "confirms": True}
    return replace(made, **{**given, **fields})  # type: ignore[arg-type]  # whatever `Part` has


def told(claim: Claim) -> Measured:
    """fp16 takes 5 % longer, half a percent more or less from block to block."""
    at_limit = 1_050_000 + 5_000 * (-1) ** claim.row.block
    return measured({"fp32": 1_000_000, "int8": 500_000, "fp16": at_limit}.get(claim.row.variant, 1_000_000))


def check(state: Store) -> None:
    """The run is over, and as a run without any trouble ends."""
    assert broken_promises(state, RUN) == []
    assert store.close_finished(state) == [RUN]
    used = [row for row in rows(state, state="done") if row.dropped is None]
    fresh = [row for row in used if row.phase == CONFIRM]
    assert {row.variant for row in fresh} == OPEN
    assert len(fresh) == len({row.block for row in fresh}) * 2 == 2 * 2 * BLOCKS
    assert len([row for row in used if row.phase == 3]) == 3 * BLOCKS
    assert min(row.block for row in fresh) == 1 + max(row.block for row in used if row.phase == 3)


def test_the_last_block_of_the_comparison_plans_twice_as_many_for_the_gate_that_is_open(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    last = lane.until_phase(told, 3, 3 * BLOCKS - 1)
    assert rows(state, phase=CONFIRM) == []
    before = extra_left(state)
    lane.end(last, told(last))
    assert states(rows(state, phase=CONFIRM)) == {"pending": 2 * 2 * BLOCKS}
    assert extra_left(state) == before + BLOCKS, "half of the fresh blocks may be repeated, as of any"
    lane.run(told)
    assert [claim.phase for claim in lane.claims] == sorted(claim.phase for claim in lane.claims)
    check(state)
    assert {cell.state for cell in store.cells(state, RUN)} == {None}, "the report judges"


def test_gates_that_are_decided_end_the_run_as_before(state: Store) -> None:
    insert(state, part("+20%"))
    Lane(state).start().run(told)
    assert rows(state, phase=CONFIRM) == []
    assert store.close_finished(state) == [RUN]


@pytest.mark.parametrize("fields", [{"confirms": False}, {"gated": 0}])
def test_so_do_runs_that_confirm_nothing(state: Store, fields: dict[str, object]) -> None:
    insert(state, replace(part(), **fields))  # type: ignore[arg-type]  # whatever `Part` has
    Lane(state).start().run(told)
    assert rows(state, phase=CONFIRM) == []


def test_the_time_on_the_board_holds_for_it_too(state: Store, clock: Clock) -> None:
    insert(state, part(time_s=3600.0))

    def slowly(claim: Claim) -> Measured:
        clock.pass_s(80)
        store.attach(state, RUN, 100.0)
        return told(claim)

    Lane(state).start().run(slowly)
    assert rows(state, phase=CONFIRM) == [], "38 minutes are through, and 43 more do not fit"
    assert store.close_finished(state) == [RUN]


@pytest.mark.parametrize(("model", "open_ones"), [("Pi", set(NAMES)), ("another", set())])
def test_the_bias_of_the_board_that_answered_says_what_is_open(state: Store, model: str, open_ones: set[str]) -> None:
    """Both lie 14 % inside the limit: open where runs share 8 %, but not where those were of another board."""
    hello = {"model": "Pi", "onnxruntime": "1.22.0"}
    known = calibration.Figures(
        calibration.facts({"name": "b0"}, hello), Calibration(20, 0.01, 0.08, 0.003, "quiet", None)
    )
    insert(state, part(calibrations=(known.to_json(),)))
    store.note_hello(state, RUN, "b0", {**hello, "model": model})
    Lane(state).start().run(lambda claim: measured(1_000_000 if claim.row.variant == "fp32" else 900_000))
    assert {row.variant for row in rows(state, phase=CONFIRM)} == open_ones


OUTCOMES: dict[str, Measured | Lost] = {
    "lost": Lost("link_lost", "reset"),
    "rejected": measured(rejected="THROTTLED"),
    "rebooted": measured(boot_id="boot-2"),
}


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("launch", [1, 13, 31])
def test_a_fresh_block_that_is_spoilt_is_repeated(state: Store, clock: Clock, launch: int, name: str) -> None:
    insert(state, part())
    lane = Lane(state).start()
    spoilt = lane.until_phase(told, CONFIRM, launch)
    lane.end(spoilt, OUTCOMES[name])
    clock.pass_s(31)
    boot = "boot-2" if name == "rebooted" else "boot-1"
    lane.run(lambda claim: replace(told(claim), boot_id=boot))
    assert states(rows(state, phase=CONFIRM, block=spoilt.row.block, attempt=1)) == {"done": 2}
    check(state)


def test_interference_with_one_arm_drops_a_fresh_block_too(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    busy = lane.until_phase(told, CONFIRM, 2)
    lane.end(busy, replace(told(busy), facts={"cpu_ns": 40, "wall_ns": 100, "threads": 1}))
    lane.run(told)
    assert states(rows(state, phase=CONFIRM, block=busy.row.block, attempt=1)) == {"done": 2}
    check(state)


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize(("phase", "launches"), [(3, 3 * BLOCKS - 1), (CONFIRM, 0), (CONFIRM, 1), (CONFIRM, 31)])
def test_a_run_interrupted_there_goes_on_as_if_nothing_had_been(
    state: Store, phase: int, launches: int, *, committed: bool
) -> None:
    insert(state, part())
    lane = Lane(state).start()
    running = lane.until_phase(told, phase, launches)
    store.cancel(state, RUN)
    lane.end(running, told(running) if committed else Lost("cancelled", "the run was cancelled"))
    assert phase == CONFIRM or rows(state, phase=CONFIRM) == [], "what is cancelled plans nothing"
    store.set_cells(state, RUN, [CellRow("b0", name, part().points[0].key, state="measured") for name in NAMES])
    store.detach(state, RUN)
    store.resume(state, RUN)
    store.attach(state, RUN, 100.0)
    lane.run(told)
    check(state)


@pytest.mark.parametrize(("phase", "launches"), [(3, 3 * BLOCKS - 1), (CONFIRM, 0), (CONFIRM, 7), (CONFIRM, 31)])
def test_a_worker_that_dies_there_leaves_it_to_the_next(state: Store, clock: Clock, phase: int, launches: int) -> None:
    insert(state, part())
    dead = Lane(state).start()
    stale = dead.until_phase(told, phase, launches)
    clock.pass_s(7)
    heir = Lane(state, owner="heir").start()
    assert not dead.end(stale, told(stale))
    heir.run(told)
    check(state)


def test_a_finished_run_that_is_taken_up_again_plans_nothing_more(state: Store) -> None:
    insert(state, part())
    lane = Lane(state).start()
    lane.run(told)
    check(state)
    before = rows(state)
    store.detach(state, RUN)
    store.resume(state, RUN)
    assert lane.try_claim() is None
    assert rows(state) == before


def test_a_variant_that_fails_in_a_fresh_block_ends_its_confirmation(state: Store) -> None:
    insert(state, part())

    def answer(claim: Claim) -> Measured | Failed:
        return BROKEN if (claim.row.variant, claim.row.phase) == ("fp16", CONFIRM) else told(claim)

    Lane(state).start().run(answer)
    assert {cell.variant: cell.state for cell in store.cells(state, RUN)} == {
        "fp32": None,
        "int8": None,
        "fp16": "failed",
    }
    assert store.close_finished(state) == [RUN]


def test_a_board_given_up_in_it_keeps_what_it_measured_before(state: Store) -> None:
    insert(state, part())
    Lane(state).start().until_phase(told, CONFIRM, 5)
    store.board_loss(state, "b0", "the host key changed", outcome=REFUSED)
    assert {cell.state for cell in store.cells(state, RUN)} == {None}
    assert "pending" not in states(rows(state))


def test_the_rows_alone_say_what_is_planned(state: Store) -> None:
    """What the store holds of it is what anybody computes from the rows before it."""
    insert(state, part())
    Lane(state).start().run(told)
    before = [row for row in rows(state) if row.phase != CONFIRM]
    slots = plan.confirming(part(), before)
    held = [row for row in rows(state, phase=CONFIRM) if row.attempt == 0]
    assert [(slot.block, slot.position, slot.variant) for slot in slots] == [
        (row.block, row.position, row.variant) for row in held
    ]
