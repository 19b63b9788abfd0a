"""Runs as they are inserted, found and read."""

from __future__ import annotations

import pytest

from farm_orchestrator import store
from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.model import PRESETS
from farm_orchestrator.store import CellRow, NewRun, Store
from store_support import RUN, Clock, cells_of, insert, part, rows, slots_of

OTHER = "20260101-000000-bbbb"


def test_a_run_comes_back_as_it_was_inserted(file_state: Store) -> None:
    both = [part(board="b0", points=2, cpus="0-3"), part(board="b1")]
    new = NewRun(RUN, "nightly of int8", PRESETS["ci"], 7, 1234.5, {"git": {"sha": "abc", "dirty": True}})
    store.insert_run(file_state, new, both, cells_of(both), slots_of(both))
    run = store.load_run(file_state, RUN)
    assert (run.id, run.name, run.recipe, run.seed, run.created, run.facts) == tuple(vars(new).values())[:6]
    assert (run.state, run.word, run.cancel, run.attached, run.reported) == ("open", None, False, False, False)
    assert store.parts(file_state, RUN) == both
    assert sorted(store.cells(file_state, RUN), key=repr) == sorted(cells_of(both), key=repr)
    fields = ("board", "phase", "block", "attempt", "position", "variant", "sha256", "point", "kind")
    stored = [tuple(getattr(row, name) for name in fields) for row in rows(file_state)]
    assert stored == [tuple(getattr(slot, name) for name in fields) for slot in slots_of(both)]
    assert {row.board for row in store.launches(file_state, RUN, "b1")} == {"b1"}


def test_a_run_is_inserted_whole_or_not_at_all(state: Store) -> None:
    spec = part()
    twice = [*slots_of([spec]), slots_of([spec])[0]]
    with pytest.raises(StoreError, match=r"(?i)unique"):
        store.insert_run(state, NewRun(RUN, None, spec.recipe, 1, 0.0), [spec], cells_of([spec]), twice)
    assert store.list_runs(state) == []
    assert store.cells(state, RUN) == []
    insert(state, spec)


def test_half_of_the_planned_blocks_may_be_repeated_on_each_board(state: Store) -> None:
    insert(state, part(board="b0", blocks=8), part(board="b1", blocks=3), part(board="b2", blocks=4, points=2))
    assert [row.extra_left for row in store.part_rows(state, RUN)] == [4, 2, 4]


def test_a_run_is_found_by_id_by_unique_prefix_and_as_the_last(state: Store) -> None:
    insert(state, part(RUN), created=1.0)
    insert(state, part(OTHER), created=2.0)
    assert store.find_run(state, RUN) == RUN
    assert store.find_run(state, "20260101-000000-b") == OTHER
    assert store.find_run(state, "last") == OTHER
    with pytest.raises(UsageError, match=f"could be 2 runs: {RUN}, {OTHER}"):
        store.find_run(state, "2026")
    with pytest.raises(UsageError, match="there is no run 'x'"):
        store.find_run(state, "x")
    assert [run.id for run in store.list_runs(state)] == [RUN, OTHER]


def test_where_there_is_no_run_yet_the_error_says_how_to_make_one(state: Store) -> None:
    with pytest.raises(UsageError, match="farm run --variants"):
        store.find_run(state, "last")


def test_attachment_runs_out_by_itself(state: Store, clock: Clock) -> None:
    insert(state, part(), attached=False)
    store.attach(state, RUN)
    clock.pass_s(14.9)
    assert store.load_run(state, RUN).attached
    clock.pass_s(0.2)
    assert not store.load_run(state, RUN).attached


def test_cells_the_word_and_the_boards_facts_are_kept(state: Store) -> None:
    insert(state, part())
    cell = CellRow("b0", "int8", part().points[0].key, "0" * 64, "measured", None, "faster")
    store.set_cells(state, RUN, [cell])
    store.set_word(state, RUN, "measured")
    store.note_hello(state, RUN, "b0", {"boot_id": "x"})
    assert cell in store.cells(state, RUN)
    assert store.load_run(state, RUN).word == "measured"
    assert store.part_rows(state, RUN)[0].facts == {"boot_id": "x"}


def test_a_fact_that_is_no_finite_number_is_refused(state: Store) -> None:
    insert(state, part())
    with pytest.raises(StoreError, match="not JSON compliant"):
        store.note_hello(state, RUN, "b0", {"temp": float("nan")})
