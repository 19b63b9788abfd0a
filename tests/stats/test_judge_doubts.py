"""What the judge doubts, and what it says of a run that is still going."""

from __future__ import annotations

import dataclasses

import pytest

from farm_reports import judge
from farm_reports.tables import CellRecord, LaunchRecord, Tables
from tables_support import NAMES, POINT, cell, launch, launches, score, tables, word

DEMO = {"latency_p50": "20ms", "accuracy": "-1pt", "size": "1MB"}


def findings(records: list[LaunchRecord]) -> set[str]:
    return {finding.name for finding in cell(judge.results(tables(records)), "int8").findings}


def test_near_floor_is_found_below_a_hundred_floors_and_not_above() -> None:
    floor = launch(0, "rpi5", "@floor", 0, 17_500, phase=0)
    assert "NEAR_FLOOR" in findings([floor, *launches()])
    assert "NEAR_FLOOR" not in findings([dataclasses.replace(floor, p50_ns=16_500), *launches()])


def test_a_shared_processor_is_a_note_and_drops_nothing() -> None:
    busy = [dataclasses.replace(r, facts={**r.facts, "cpu_ns": 300_000_000}) for r in launches()]
    assert "INTERFERENCE" in findings(busy)
    assert "INTERFERENCE" not in findings(launches())
    assert judge.results(tables(busy)).verdict == "measured"


def test_several_threads_are_judged_by_their_wait() -> None:
    waits = [dataclasses.replace(r, facts={**r.facts, "threads": 2, "run_queue_ns": 20_000_000}) for r in launches()]
    assert "INTERFERENCE" in findings(waits)


def test_reported_findings_come_once_with_what_to_do() -> None:
    few = ({"name": "FEW_ITERATIONS", "text": "12 iterations in 3 s"},)
    records = [dataclasses.replace(r, findings=few) for r in launches()]
    found = [f for f in cell(judge.results(tables(records)), "int8").findings if f.name == "FEW_ITERATIONS"]
    assert [(f.text, bool(f.do)) for f in found] == [("12 iterations in 3 s", True)]


@pytest.mark.parametrize(("resolution", "found"), [(0.9, True), (0.3, False)])
def test_a_dataset_that_cannot_resolve_the_accuracy_limit_is_named(resolution: float, *, found: bool) -> None:
    scores = {("rpi5", name): {**score(name), "rows": 497, "resolution_pt": resolution} for name in NAMES}
    results = judge.results(tables(scores=scores, limits={"accuracy": "-0.3pt"}))
    texts = [f.text for f in cell(results, "int8").findings if f.name == "SMALL_DATASET"]
    assert texts == (["497 rows tell differences from 0.9 pt on; the limit is -0.3 pt."] if found else [])


def of_rows(**whole: object) -> dict[str, str]:
    """Findings of int8 where the board ran 120 of 497 rows."""
    cut = {"rows": 120, "rows_asked": 497, "rows_reason": "600 s were over", "orchestrator": whole or None}
    results = judge.results(tables(scores={("rpi5", name): {**score(name), **cut} for name in NAMES}))
    return {finding.name: finding.text for finding in cell(results, "int8").findings}


def test_a_board_that_ran_the_first_rows_says_how_many_of_how_many_and_why() -> None:
    assert of_rows()["FIRST_ROWS"] == "Scored on the first 120 of 497 rows: 600 s were over."
    told = of_rows(rows=497, value=0.994, agreement=0.996)
    assert "On the machine that started the run 497 rows give 99.4%." in told["FIRST_ROWS"]
    assert "BOARD_DIFFERS" not in told


def test_a_board_that_gives_other_classes_than_the_orchestrator_differs() -> None:
    told = of_rows(rows=497, value=0.994, agreement=0.99)
    assert told["BOARD_DIFFERS"].startswith("Board and orchestrator agree on 99.0% of the 120 rows")


def test_a_shipped_variant_that_the_boards_runtime_cannot_take_is_not_run_and_fails_its_gates() -> None:
    why = "has opset 23; onnxruntime 1.19.2 on this board takes 21 at most"
    refused = launch(
        900, "rpi5", "int8", 1, 0, phase=0, kind="evaluate", state="failed", outcome="NOT_SUPPORTED", n=None
    )
    cells = tuple(
        CellRecord("rpi5", name, POINT, *(("not_run", why) if name == "int8" else ())) for name in ("fp32", "int8")
    )
    records = [refused, *launches(names=("fp32",))]
    results = judge.results(
        tables(records, names=("fp32", "int8"), cells=cells, limits={"latency_p50": "20ms"}, ship=("int8",))
    )
    assert (cell(results, "int8").state, cell(results, "int8").reason) == ("not_run", why)
    assert (results.verdict, results.gates[0].verdict) == ("failed", "failed")


# partial runs


@pytest.mark.parametrize("blocks", [0, 1, 5, 6])
def test_a_run_that_is_still_going_decides_nothing(blocks: int) -> None:
    done = launches(blocks=blocks)
    owed = [
        dataclasses.replace(launch(500 + i, "rpi5", name, 10 + blocks, 0), state="pending", n=None)
        for i, name in enumerate(NAMES)
    ]
    given = tables([*done, *owed], partial=True, limits=DEMO, ship=("int8",))
    results = judge.results(given)
    assert results.run.status == "partial"
    assert results.sentence == f"Running: 0 of 3 cells, block {blocks} of 8. Provisional, no verdict yet."
    assert {(c.state, c.reason) for c in results.cells} == {("not_run", "not yet")}
    assert {g.verdict for g in results.gates} == {"not_measured"}
    assert results.ship == []
    versus = cell(results, "int8").versus_baseline
    assert (versus is None) == (blocks == 0)
    if versus is not None:
        assert (versus.verdict, versus.provisional) == ("undecided", True)
        assert versus.reason == {1: "range of 1 block", 5: "range of 5 blocks", 6: "95 % interval"}[blocks]


def test_up_to_five_blocks_show_their_range() -> None:
    records = launches(blocks=5, sd=0.02)
    versus = cell(judge.results(cancelled(records)), "int8").versus_baseline
    ratios = sorted(
        (int8.p50_ns or 0) / (fp32.p50_ns or 1)
        for fp32, int8 in zip(
            (r for r in records if r.variant == "fp32"), (r for r in records if r.variant == "int8"), strict=True
        )
    )
    assert versus is not None
    assert (versus.low, versus.high) == pytest.approx((ratios[0], ratios[-1]), rel=1e-9)


def test_a_run_that_was_interrupted_after_its_planned_blocks_decides_nothing() -> None:
    results = judge.results(cancelled(launches(blocks=8)))
    assert word(results) == "undecided"


def test_a_board_that_is_done_is_judged_while_another_still_runs() -> None:
    given = tables(launches(("rpi5",)), boards=("rpi5", "nano"), partial=True)
    results = judge.results(given)
    assert cell(results, "int8").state == "measured"
    assert cell(results, "int8", "nano").reason == "not yet"
    assert results.sentence.startswith("Running: 3 of 6 cells")


def cancelled(records: list[LaunchRecord]) -> Tables:
    rest = [dataclasses.replace(launch(900 + i, "rpi5", n, 99, 0), state="cancelled") for i, n in enumerate(NAMES)]
    return tables([*records, *rest], partial=True)


def test_scores_are_shown_as_they_came() -> None:
    found = cell(judge.results(tables()), "int8").accuracy
    assert found.model_dump(exclude_defaults=True) == score("int8")
