"""What is told of a night, and what is good from now on, from the results alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_orchestrator.changes import ACCEPTED, Change, accepted, changes
from farm_orchestrator.store import LastGood, Night
from farm_reports.parts import Value
from farm_reports.past import Budget, Past, VersusPast
from farm_reports.results import Cell, Gate, GateCell, Results
from reports_support import grid

MADE = grid(2, 3).results
BOARDS = [board.name for board in MADE.boards]
NAMES = [variant.name for variant in MADE.variants]
WORDS = ("regressed", "improved", "equivalent", "inconclusive", "invalid")
OLD = "f" * 64
CELL = (BOARDS[1], NAMES[2])


def versus(word: str | None) -> VersusPast | None:
    if word is None:
        return None
    ratio = {"regressed": 1.2, "improved": 0.9}.get(word, 1.0)
    return VersusPast(ratio=ratio, low=ratio - 0.01, high=ratio + 0.01, verdict=word,
                      past_p50_ms=Value(value=1.0), past_sha256=OLD, past_run="r")  # fmt: skip


def night(
    words: Mapping[tuple[str, str], str | None] | None = None, verdict: str = "passed", *,
    lost: Mapping[str, str] | None = None, status: str = "complete", default: str | None = "equivalent",
) -> Results:  # fmt: skip
    """Every cell has one word against its past, but for these."""
    told = {(cell.board, cell.variant): default for cell in MADE.cells} | dict(words or {})
    cells = [
        cell.model_copy(update={"versus_past": versus(told[cell.board, cell.variant]), "state": "measured"})
        for cell in MADE.cells
    ]
    boards = [board.model_copy(update={"reason": (lost or {}).get(board.name)}) for board in MADE.boards]
    run = MADE.run.model_copy(update={"status": status})
    return MADE.model_copy(
        update={"cells": cells, "boards": boards, "run": run, "verdict": verdict, "sentence": f"it is {verdict}"}
    )


def before(results: Results, run: str = "r") -> Night:
    """As the store remembers it."""
    lost = {board.name: board.reason for board in results.boards if board.reason}
    words = {cell.key: cell.versus_past.verdict if cell.versus_past else None for cell in results.cells}
    return Night(run, 0.0, results.verdict, words, lost)


def kinds(found: Sequence[Change]) -> list[tuple[str, str | None, str | None]]:
    return [(each.kind, each.board, each.variant) for each in found]


def told(tonight: Results, *nights: Results) -> list[tuple[str, str | None, str | None]]:
    """The last night first."""
    return kinds(changes(tonight, [before(each) for each in nights]))


def test_a_regression_is_told_on_its_first_night_with_its_figures_and_not_again() -> None:
    bad = night({CELL: "regressed"}, "regressed")
    (change,) = changes(bad, [before(night())])
    assert (change.kind, change.board, change.variant) == ("regressed", *CELL)
    assert (
        change.text == f"{CELL[1]} on {CELL[0]} is slower than what was good last: +20.0 % (95 % CI +19.0 % to +21.0 %)"
    )
    assert told(bad, bad, night()) == []
    assert told(bad) == [("regressed", *CELL)]


def test_what_nobody_could_tell_for_some_nights_is_neither_an_alert_again_nor_a_recovery() -> None:
    bad, open_ = night({CELL: "regressed"}, "regressed"), night({CELL: "inconclusive"}, "inconclusive")
    assert told(open_, bad, night()) == []
    assert told(bad, open_, open_, bad, night()) == []
    assert told(night(), open_, bad, night()) == [("recovered", *CELL)]
    assert told(night(), night(), bad) == []


def test_a_second_variant_that_gets_slower_is_told_alone() -> None:
    other = (BOARDS[0], NAMES[1])
    bad = night({CELL: "regressed"}, "regressed")
    assert told(night({CELL: "regressed", other: "regressed"}, "regressed"), bad) == [("regressed", *other)]


def test_a_lost_board_is_told_when_it_goes_and_when_it_comes_back() -> None:
    gone = night(verdict="invalid", lost={BOARDS[0]: "no answer"})
    assert told(gone, night()) == [("board_lost", BOARDS[0], None), ("invalid", None, None)]
    assert told(gone, gone, night()) == []
    assert told(night(), gone, night()) == [("board_back", BOARDS[0], None), ("recovered", None, None)]


def test_a_night_that_fails_its_limits_is_told_once_even_over_an_open_night() -> None:
    failed, open_ = night(verdict="failed"), night(verdict="inconclusive")
    assert told(failed, night()) == [("failed", None, None)]
    assert told(failed, open_, failed, night()) == []
    assert told(night(), failed) == [("recovered", None, None)]


def budgeted(results: Results, metric: str) -> Results:
    past = Past(id="r", name=None, created="", sha=None, budgets={metric: Budget(bound="+5%")})
    return results.model_copy(update={"past": past})


def test_a_budget_on_another_metric_is_told_of_the_night_once() -> None:
    heavy = budgeted(night(verdict="regressed"), "peak_memory")
    assert told(heavy, night()) == [("regressed", None, None)]
    assert told(heavy, heavy, night()) == []
    assert told(night(), heavy) == [("recovered", None, None)]


def test_a_median_that_no_budget_asks_for_is_for_reading_and_stops_nothing() -> None:
    slower = night({CELL: "regressed"})
    assert told(budgeted(slower, "peak_memory"), night()) == []
    assert told(budgeted(slower, "latency_p50"), night()) == [("regressed", *CELL)]
    assert len(accepted(budgeted(slower, "peak_memory"), ALL_GOOD)) == len(MADE.cells)
    assert len(accepted(budgeted(slower, "latency_p50"), ALL_GOOD)) == len(MADE.cells) - 1
    unmeasured = budgeted(night({CELL: "invalid"}), "peak_memory")
    assert len(accepted(unmeasured, ALL_GOOD)) == len(MADE.cells) - 1


def test_a_first_night_and_a_night_like_the_last_are_silent() -> None:
    assert told(night(default=None, verdict="measured")) == []
    assert told(night(), night()) == []
    assert told(night(verdict="inconclusive"), night()) == []


def test_no_more_nights_are_read_than_are_needed() -> None:
    read = []

    def stored() -> Any:
        for each in (night(), night({CELL: "regressed"}, "regressed")):
            read.append(each)
            yield before(each)

    assert changes(night({CELL: "regressed"}, "regressed"), stored())
    assert len(read) == 1


def good(cell: Cell, sha256: str = OLD, run: str = "20200101-000000-aaaa") -> LastGood:
    return LastGood(cell.variant, cell.board, cell.point_key, sha256, None, run)


ALL_GOOD = [good(cell) for cell in MADE.cells]


def test_an_accepted_night_moves_every_cell_to_its_file_board_and_run() -> None:
    moved = accepted(night(), ALL_GOOD)
    assert {each.key for each in moved} == {cell.key for cell in MADE.cells}
    files = {each.name: each.sha256 for each in MADE.variants}
    prints = {each.name: each.fingerprint for each in MADE.boards}
    for each in moved:
        assert (each.sha256, each.fingerprint, each.run) == (files[each.variant], prints[each.board], MADE.run.id)


def test_the_first_night_makes_what_is_good() -> None:
    assert len(accepted(night(default=None, verdict="measured"), [])) == len(MADE.cells)


@pytest.mark.parametrize("verdict", ["failed", "regressed", "inconclusive", "invalid"])
def test_nothing_moves_on_a_night_that_is_not_accepted(verdict: str) -> None:
    assert accepted(night(verdict=verdict), []) == ()


def test_nothing_moves_on_a_partial_night() -> None:
    assert accepted(night(status="partial"), []) == ()


def test_a_cell_that_nothing_was_held_against_does_not_move_past_what_was_good() -> None:
    """Its old file could not be measured: that it is no worse has not been seen."""
    bare = night({CELL: None})
    assert CELL not in {(each.board, each.variant) for each in accepted(bare, ALL_GOOD)}
    same = [replace(each, sha256=MADE.variants[2].sha256 or "") for each in ALL_GOOD]
    assert CELL in {(each.board, each.variant) for each in accepted(bare, same)}
    assert CELL in {(each.board, each.variant) for each in accepted(bare, [])}


@pytest.mark.parametrize("state", ["invalid", "failed", "not_run", "screened_out"])
def test_a_cell_that_was_not_measured_does_not_move(state: str) -> None:
    found = night()
    cells = [
        cell.model_copy(update={"state": state}) if (cell.board, cell.variant) == CELL else cell for cell in found.cells
    ]
    moved = accepted(found.model_copy(update={"cells": cells}), ALL_GOOD)
    assert len(moved) == len(MADE.cells) - 1
    assert CELL not in {(each.board, each.variant) for each in moved}


cells = st.lists(st.sampled_from([None, *WORDS]), min_size=len(MADE.cells), max_size=len(MADE.cells))
verdicts = st.sampled_from(["measured", "passed", "failed", "regressed", "inconclusive", "invalid"])


def drawn(words: Sequence[str | None], verdict: str) -> Results:
    keys = [(cell.board, cell.variant) for cell in MADE.cells]
    return night(dict(zip(keys, words, strict=True)), verdict)


@given(cells, verdicts)
@settings(deadline=None)
def test_nothing_that_is_worse_or_open_ever_becomes_good(words: Sequence[str | None], verdict: str) -> None:
    found = drawn(words, verdict)
    moved = {each.key for each in accepted(found, ALL_GOOD)}
    assert verdict in ACCEPTED or not moved
    for cell in found.cells:
        if cell.versus_past is not None and cell.versus_past.verdict not in {"improved", "equivalent"}:
            assert cell.key not in moved


@given(st.lists(st.tuples(cells, verdicts), min_size=1, max_size=6))
@settings(deadline=None, max_examples=50)
def test_alerts_and_recoveries_of_a_cell_take_turns_and_a_repeated_night_is_silent(
    drawn_nights: list[tuple[list[str | None], str]],
) -> None:
    nights = [drawn(words, verdict) for words, verdict in drawn_nights]
    open_: set[tuple[str | None, str | None]] = set()
    for i, tonight in enumerate(nights):
        for kind, board, variant in told(tonight, *reversed(nights[:i])):
            if variant is not None:
                assert ((board, variant) in open_) == (kind == "recovered")
                (open_.add if kind == "regressed" else open_.discard)((board, variant))
    assert told(nights[-1], *reversed(nights)) == []


def crashed(results: Results, at: tuple[str, str], state: str = "failed") -> Results:
    """One cell has no figure, by its own file's fault."""
    past = VersusPast(
        ratio=None, low=None, high=None, verdict="invalid", past_p50_ms=Value(value=1.0), past_sha256=OLD, past_run="r"
    )
    told = {"state": state, "reason": "load: INVALID_GRAPH", "versus_past": past}
    cells = [each.model_copy(update=told) if (each.board, each.variant) == at else each for each in results.cells]
    one = GateCell(board=at[0], variant=at[1], value=None, verdict="failed")
    gate = Gate(kind="budget", metric="latency_p50", bound="+5%", verdict="failed", worst=one, cells=[one])
    return results.model_copy(update={"cells": cells, "gates": [gate]})


@pytest.mark.parametrize("state", ["failed", "not_run"])
def test_a_file_that_fails_is_told_while_another_is_slower(state: str) -> None:
    slow = night({CELL: "regressed"}, "regressed")
    other = (BOARDS[0], NAMES[1])
    both = crashed(slow, other, state)
    (change,) = changes(both, [before(slow)])
    assert (change.kind, change.board, change.variant) == ("regressed", *other)
    assert change.text == f"{other[1]} on {other[0]} fails: load: INVALID_GRAPH"
    again = before(both)
    known = {key: "regressed" if key[:2] == other else word for key, word in again.words.items()}
    assert changes(both, [replace(again, words=known)]) == ()
    assert kinds(changes(slow, [replace(again, words=known)])) == [("recovered", *other)]


def test_a_cell_of_a_lost_board_is_no_file_that_fails() -> None:
    lost = crashed(night(verdict="invalid"), CELL, "not_run").model_copy(update={"gates": []})
    assert told(lost, night()) == [("invalid", None, None)]
