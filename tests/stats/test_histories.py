"""Runs of a cell over time: cut where a recorded fact changed, with the mean, what means nothing, and by how much it moved."""

from __future__ import annotations

import math

import pytest

from farm_reports import judge
from farm_reports.history import Earlier
from farm_reports.judge.figures import median_ms
from farm_reports.judge.histories import histories, segments, subjects
from farm_reports.parts import Value
from farm_reports.past import VersusPast
from farm_reports.results import Results
from over_time_support import night
from reports_support import POINT_KEY, grid
from tables_support import launches, tables

REACH = 1.959964


def of(*values: float, **facts: str | None) -> list[Earlier]:
    return [night(number, each, **facts) for number, each in enumerate(values)]


def test_runs_without_a_change_are_one_stretch() -> None:
    (found,) = segments(of(2.0, 2.1, 2.2, kernel="6.6"), 0.002)
    assert (found.first, found.last, found.changed, found.moved) == (0, 2, [], None)
    assert found.mean_ms == pytest.approx(2.1)


def test_each_recorded_change_begins_a_stretch_and_says_what_and_by_how_much() -> None:
    runs = [
        *of(2.0, 2.0, onnxruntime="1.21", kernel="6.6"),
        *of(1.8, 1.8, onnxruntime="1.22", kernel="6.6"),
        *of(1.98, onnxruntime="1.22", kernel="6.7", sha256="ab" * 32),
    ]
    first, second, third = segments(runs, 0.002)
    assert [each.changed for each in (first, second, third)] == [
        [],
        ["onnxruntime 1.21 to 1.22"],
        ["kernel 6.6 to 6.7"],
    ]
    assert (third.first, third.last, first.moved) == (4, 4, None)
    assert [each.moved for each in (second, third)] == [pytest.approx(-0.1), pytest.approx(0.1)]


def test_an_artefact_is_told_with_its_commit() -> None:
    runs = [*of(2.0, sha256="aa" * 32, git="1" * 40), *of(2.0, sha256="bb" * 32, git="2" * 40)]
    assert segments(runs, 0.002)[1].changed == ["artefact aaaaaaaa to bbbbbbbb, git 2222222222"]


def test_another_commit_with_the_same_artefact_is_no_change() -> None:
    assert len(segments([*of(2.0, git="1" * 40), *of(2.0, git="2" * 40)], 0.002)) == 1


def test_what_a_run_does_not_know_has_not_changed() -> None:
    runs = [*of(2.0, kernel="6.6"), *of(2.0, kernel=None), *of(2.0, kernel="6.6"), *of(2.0, kernel="6.7")]
    assert [(each.first, each.last) for each in segments(runs, 0.002)] == [(0, 2), (3, 3)]


def test_the_band_is_the_runs_own_interval_beside_the_boards_floor() -> None:
    (found,) = segments(of(2.0, 2.0, 2.0), 0.002)
    assert found.band == pytest.approx(math.hypot(0.0085, REACH * 0.002), rel=1e-4)
    bare = [each.model_copy(update={"p50_ms": Value(value=2.0, reason="one launch")}) for each in of(2.0, 2.0)]
    assert segments(bare, 0.002)[0].band == pytest.approx(REACH * 0.002, rel=1e-4)


def versus(verdict: str, ratio: float) -> VersusPast:
    return VersusPast.model_validate(
        {"ratio": ratio, "low": ratio, "high": ratio, "verdict": verdict, "past_p50_ms": {"value": 1.0}}
    )


def with_past(results: Results, name: str, verdict: str, ratio: float) -> Results:
    cells = [
        cell.model_copy(update={"versus_past": versus(verdict, ratio)}) if cell.variant == name else cell
        for cell in results.cells
    ]
    return results.model_copy(update={"cells": cells})


def test_the_subject_is_the_worst_that_changed_else_the_one_to_ship_else_the_baseline() -> None:
    results = grid(2, 6).results
    boards = [board.name for board in results.boards]
    assert [cell.variant for cell in subjects(results, boards)] == [ship.variant for ship in results.ship]
    changed = with_past(with_past(results, "fp16", "regressed", 1.08), "int8-qdq", "improved", 0.9)
    assert {cell.variant for cell in subjects(changed, boards)} == {"fp16"}
    assert {cell.variant for cell in subjects(with_past(results, "fp16", "equivalent", 1.0), boards)} == {"distilled"}
    nothing = results.model_copy(update={"ship": []})
    assert {cell.variant for cell in subjects(nothing, boards)} == {"fp32"}


@pytest.mark.parametrize(("earlier", "told"), [(0, 0), (1, 0), (2, 1), (60, 1)])
def test_from_three_runs_on_there_is_a_history_and_this_run_is_its_last(earlier: int, told: int) -> None:
    results = grid(1, 6).results
    (cell,) = subjects(results, ["local"])
    found = histories(results, [cell], {("local", cell.variant, POINT_KEY): of(*[0.2] * earlier)})
    assert len(found) == told
    if found:
        assert len(found[0].runs) == earlier + 1
        assert found[0].runs[-1].p50_ms == cell.latency_ms.p50
        assert found[0].runs[-1].run == results.run.id


def test_a_run_is_told_by_the_same_estimate_as_its_cell() -> None:
    """What an earlier run shows here is what its own page showed."""
    records = launches(sd=0.02)
    made = judge.results(tables(records))
    cell = next(each for each in made.cells if each.variant == "int8")
    assert median_ms(each.p50_ns or 0 for each in records if each.variant == "int8") == cell.latency_ms.p50
