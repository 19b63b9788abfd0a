"""A comparison that was measured once more: its fresh blocks alone decide, and whatever becomes of them is said."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from farm_orchestrator.model import LaunchRow, Limits
from farm_orchestrator.plan import first_slots
from farm_orchestrator.plan.confirming import undecided
from farm_reports import exports, judge, page
from farm_reports.bounds import parse
from farm_reports.results import GateCell, Results, VersusBaseline
from farm_reports.sections.confirmation import statements
from farm_reports.tables import BoardRecord, Calibration, LaunchRecord, Tables
from noise import generator
from plan_support import part_of, rows_of
from tables_support import POINT, cell, launch, launches, tables

NAMES = ("fp32", "int8")
GATE: dict[str, Any] = {"limits": {"latency_p50": "+5%"}, "ship": ("int8",), "confirms": True}
KNOWN = Calibration(20, 0.0008, 0.001, 0.003, "quiet", None)


def first(ratio: float = 1.05, sd: float = 0.002, **fields: Any) -> list[LaunchRecord]:
    return blocks(ratio, 10, 8, sd, number=1, **fields)


def fresh(ratio: float, count: int = 16, sd: float = 0.002, **fields: Any) -> list[LaunchRecord]:
    return blocks(ratio, 18, count, sd, number=1000, phase=6, **fields)


def blocks(ratio: float, start: int, count: int, sd: float, *, number: int, **fields: Any) -> list[LaunchRecord]:
    rng = np.random.default_rng(number)
    spots = [(block, name) for block in range(start, start + count) for name in NAMES]
    return [
        launch(
            number + at, "rpi5", name, block, 4e6 * (ratio if name == "int8" else 1) * math.exp(rng.normal(0, sd)), **fields
        )
        for at, (block, name) in enumerate(spots)
    ]  # fmt: skip


def run(records: list[LaunchRecord], **changes: Any) -> Results:
    return judge.results(made(records, **changes))


def made(records: list[LaunchRecord], **changes: Any) -> Tables:
    return tables(records, names=NAMES, **{**GATE, **changes})


def versus(results: Results) -> VersusBaseline:
    found = cell(results, "int8").versus_baseline
    assert found is not None
    return found


def gate(results: Results, name: str = "int8") -> GateCell:
    found = next(gate for gate in results.gates if gate.metric == "latency_p50")
    return next(each for each in found.cells if each.variant == name)


@pytest.mark.parametrize(
    ("ratio", "verdict", "word"), [(0.97, "passed", "faster"), (1.0, "passed", "undecided"), (1.2, "failed", "slower")]
)
def test_the_fresh_blocks_alone_decide_comparison_interval_gate_and_fit(ratio: float, verdict: str, word: str) -> None:
    results = run(first() + fresh(ratio))
    found, judged = versus(results), gate(results)
    assert (found.fresh, judged.verdict, results.verdict) == (16, verdict, verdict)
    if word != "undecided":
        assert found.verdict == word
    assert found.ratio == pytest.approx(ratio, rel=0.003)
    assert found.low is not None
    assert found.high is not None
    assert found.low < ratio < found.high
    assert judged.value == pytest.approx(ratio - 1, abs=0.003)
    assert judged.reason == "decided by 16 fresh blocks alone"
    assert cell(results, "int8").fit.verdict == ("yes" if verdict == "passed" else "no")


def test_the_comparison_is_that_of_a_run_which_had_the_fresh_blocks_only() -> None:
    """Not a figure of it comes from the blocks before."""
    again = fresh(1.02)
    alone = [dataclasses.replace(each, phase=3) for each in again]
    for records in (first(1.05), first(1.06, sd=0.004)):
        found, plain = versus(run(records + again)), versus(run(alone))
        assert found.model_copy(update={"fresh": None}) == plain


def test_times_tails_and_counts_stay_those_of_the_first_blocks() -> None:
    with_it, without = (cell(run(records), "int8") for records in (first() + fresh(1.3), first()))
    for name in ("latency_ms", "launches", "iterations", "load_ms", "peak_rss_bytes", "state"):
        assert getattr(with_it, name) == getattr(without, name)


def test_a_gate_that_the_fresh_blocks_leave_open_too_is_inconclusive_and_says_so() -> None:
    results = run(first() + fresh(1.05))
    assert (results.verdict, gate(results).verdict) == ("inconclusive", "inconclusive")
    assert gate(results).reason == "left open by 16 fresh blocks alone"


@pytest.mark.parametrize("valid", [0, 3, 7])
def test_too_few_fresh_blocks_decide_nothing_and_the_first_figures_stand(valid: int) -> None:
    again = [
        dataclasses.replace(each, dropped="block_lost") if each.block >= 18 + valid else each for each in fresh(0.9)
    ]
    results, before = run(first() + again), run(first())
    assert versus(results) == versus(before)
    assert versus(results).fresh is None
    assert gate(results).verdict == "inconclusive"
    assert gate(results).reason == f"not confirmed: of its fresh blocks, {valid} valid blocks, 8 are needed"


def test_fresh_blocks_of_which_most_were_rejected_decide_nothing() -> None:
    again = [
        dataclasses.replace(each, dropped="THROTTLED") if each.block < 18 + 13 else each for each in fresh(0.9, 24)
    ]
    assert gate(run(first() + again)).reason == "not confirmed: of its fresh blocks, 13 of 24 blocks were rejected"


@pytest.mark.parametrize("state", ["pending", "running", "cancelled"])
def test_while_fresh_blocks_are_owed_nothing_is_judged(state: str) -> None:
    owed = [dataclasses.replace(each, state=state, p50_ns=None) if each.block == 33 else each for each in fresh(0.9)]
    results = run(first() + owed, partial=True)
    found = versus(results)
    assert (found.provisional, found.verdict, found.fresh) == (True, "undecided", None)
    assert (gate(results).verdict, gate(results).reason) == ("not_measured", "its confirmation is not complete")
    assert cell(results, "int8").state == "measured"


def test_fresh_blocks_that_a_lost_board_never_measured_are_not_waited_for() -> None:
    skipped = [
        dataclasses.replace(each, state="skipped", p50_ns=None) if each.block >= 28 else each for each in fresh(0.9)
    ]
    boards = (BoardRecord("rpi5", {}, reason="lost 5 times in a row"),)
    assert versus(run(first() + skipped, boards=boards)).fresh == 10


# Why it was not confirmed.


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"confirms": False, "run": {"preset": "quick"}}, "preset quick has no confirmation"),
        ({"confirms": False}, "--max-blocks leaves no room for it"),
        ({}, "twice as many fresh blocks did not fit into the time on the board"),
        ({"boards": (BoardRecord("rpi5", {}, reason="the host key changed"),)}, "the host key changed"),
    ],
)
def test_a_gate_that_nobody_confirmed_says_why(changes: dict[str, Any], why: str) -> None:
    given = made(first(), **{name: value for name, value in changes.items() if name != "run"})
    results = judge.results(dataclasses.replace(given, run={**given.run, **changes.get("run", {})}))
    assert (gate(results).verdict, gate(results).reason) == ("inconclusive", f"not confirmed: {why}")
    (told,) = statements(results)
    assert told == f"int8 on rpi5: a gate is left open, not confirmed: {why}."
    assert f"not confirmed: {why}" in page.render(results, {})
    assert f"not confirmed: {why}" in exports.summary(results).replace("\\", "")
    assert f"not confirmed: {why}" in exports.junit(results)


def test_a_gate_that_the_first_blocks_decided_has_nothing_to_say() -> None:
    results = run(first(0.9))
    assert (gate(results).verdict, gate(results).reason) == ("passed", None)
    assert list(statements(results)) == []
    assert "fresh blocks" not in page.render(results, {})


def test_the_page_says_which_comparisons_fresh_blocks_decided() -> None:
    results = run(first() + fresh(0.97))
    (told,) = statements(results)
    assert told.startswith("int8 on rpi5: the first blocks left a gate open")
    assert "decided by 16 fresh blocks alone" in told
    html = page.render(results, {})
    assert told in html
    assert "<dt>Confirmation" in html or "Confirmation" in html[html.index('<section id="trust"') :]


# The level.


def test_a_gate_that_may_be_judged_twice_has_half_of_the_level_each_time() -> None:
    records = first(0.97, sd=0.004)
    once, twice = (versus(run(records, confirms=each)) for each in (False, True))
    half = versus(run(records, confirms=False, limits=GATE["limits"] | {"peak_memory": "+5%"}))
    assert once.gate_high is not None
    assert twice.gate_high is not None
    assert once.gate_high < twice.gate_high
    assert twice.gate_high == half.gate_high, "as with another gate beside it"
    assert (once.low, once.high) == (twice.low, twice.high)


def test_launches_that_never_settled_decide_no_gate_on_a_calibrated_board_in_fresh_blocks_either() -> None:
    moving = [{"name": "NOT_STEADY", "text": "drift 2.10% (at most 0.75%)"}]
    boards = (BoardRecord("rpi5", {}, calibration=KNOWN),)
    assert gate(run(first() + fresh(0.97), boards=boards)).verdict == "passed"
    found = gate(run(first() + fresh(0.97, findings=tuple(moving)), boards=boards))
    assert (found.verdict, found.reason) == (
        "inconclusive",
        "16 of 16 launches did not settle: drift 2.10% (at most 0.75%).",
    )
    assert gate(run(first(findings=tuple(moving)) + fresh(0.97), boards=boards)).verdict == "passed"


# The plan asks for what the judge leaves open, and for nothing else.


@pytest.mark.parametrize("floor", [None, 0.001, 0.01])
@pytest.mark.parametrize("limit", ["+5%", "0.9x", "-20%"])
def test_plan_and_judge_agree_on_what_is_open(limit: str, floor: float | None) -> None:
    rng = generator(81)
    part = part_of(6, points=2)
    part = dataclasses.replace(part, limits=Limits({"latency_p50": limit}, ship=("v*",)), confirms=True, gated=20,
                               planned_blocks=14)  # fmt: skip
    at = 1 + parse("latency_p50", limit).value
    ratios = {each.name: at * float(np.exp(rng.uniform(-0.08, 0.08))) for each in part.variants[1:]}
    rows = rows_of(
        first_slots(part), lambda slot: int(1e7 * ratios.get(slot.variant, 1.0) * np.exp(rng.normal(0, 0.02)))
    )
    rows = [dataclasses.replace(each, dropped="HOT_START") if each.block % 7 == 0 else each for each in rows]
    names = tuple(each.name for each in part.variants)
    known = Calibration(20, floor, floor, 0.003, "quiet", None) if floor else Calibration()
    boards, keys = (BoardRecord("b0", {}, calibration=known),), tuple(point.key for point in part.points)
    given = tables(
        [record(each) for each in rows], names=names, boards=boards, points=keys, limits=part.limits.limits, ship=("v*",),
        confirms=True,
    )  # fmt: skip
    results = judge.results(given)
    (judged,) = [each for each in results.gates if each.kind == "limit"]
    cells = [each for each in results.cells if each.variant.startswith("v")]
    open_cells = {
        (cell.point_key, cell.variant)
        for cell, told in zip(cells, judged.cells, strict=True)
        if told.verdict == "inconclusive"
    }
    asked = undecided(part, rows, floor)
    assert {(point, name) for point, found in asked.items() for name in found} == open_cells
    assert 0 < len(open_cells) < 2 * 5


def record(row: LaunchRow) -> LaunchRecord:
    names = [field.name for field in dataclasses.fields(LaunchRecord)]
    return LaunchRecord(**{name: getattr(row, name) for name in names})


def test_points_without_a_confirmation_are_as_they_were() -> None:
    other = POINT.replace("/1/", "/4/")
    plain = launches(names=NAMES, point=other)
    points = {"points": (POINT, other)}
    with_it, without = (run(records, **points) for records in (first() + plain + fresh(0.97), first() + plain))
    assert cell(with_it, "int8", point=other) == cell(without, "int8", point=other)
