"""Which comparison is explained, by rule, and what results.json holds of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from farm_reports.explained import Why
from farm_reports.judge import results
from farm_reports.judge.past import compared
from farm_reports.judge.why import explained
from farm_reports.past import Budget
from farm_reports.results import Results, Ship
from past_support import BUDGETS, held, no_regression, pair
from reports_screens import demo, failed, inconclusive, invalid, measured, nothing, partial, without_comparisons
from reports_support import DIGITS, Made, changed, grid, latency_gate
from tables_support import POINT, launches, tables
from why_support import LOST, explained_run, profile, quantised, regressed_run, shipped_run, told

FOUR = POINT.replace("/1/", "/4/")


def why(made: Made) -> Why:
    found = told(made).results.why
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("make", "rule", "reference"),
    [
        (regressed_run, "regressed", "past"),
        (failed, "failed", "baseline"),
        (inconclusive, "inconclusive", "baseline"),
        (measured, "slower", "baseline"),
        (shipped_run, "shipped", "baseline"),
    ],
)
def test_trouble_comes_before_what_is_slow_and_that_before_what_is_shipped(
    make: Callable[[], Made], rule: str, reference: str
) -> None:
    found = why(make())
    assert (found.rule, found.reference) == (rule, reference)


def test_the_worst_that_regressed_is_taken_and_the_others_are_counted() -> None:
    found = why(regressed_run({**LOST, ("rock5b", "int8-qdq"): 0.3}))
    assert (found.board, found.variant, found.similar) == ("rock5b", "int8-qdq", 1)


def test_of_a_failed_gate_the_worst_cell_is_taken_with_its_limit() -> None:
    made = failed()
    gate = next(gate for gate in made.results.gates if gate.metric == "latency_p50")
    found = why(made)
    assert gate.worst is not None
    assert (found.board, found.variant) == (gate.worst.board, gate.worst.variant)
    assert found.line is not None
    assert (found.line.bound, found.line.ms, found.line.budget) == ("18ms", 18.0, False)
    assert found.similar == sum(cell.verdict == "failed" for cell in gate.cells) - 1


def test_the_slowest_variant_is_the_one_with_the_highest_ratio_among_the_slower() -> None:
    found = why(measured())
    slower = [
        cell for cell in measured().results.cells if cell.versus_baseline and cell.versus_baseline.verdict == "slower"
    ]
    worst = max(slower, key=lambda cell: (cell.versus_baseline.ratio if cell.versus_baseline else 0) or 0)
    assert (found.board, found.variant, found.similar) == (worst.board, worst.variant, len(slower) - 1)


@pytest.mark.parametrize("make", [nothing, lambda: partial(5), without_comparisons])
def test_without_figures_or_comparisons_nothing_is_explained(make: Callable[[], Made]) -> None:
    assert told(make()).results.why is None


def test_where_the_baseline_is_shipped_and_nothing_is_slower_nothing_is_explained() -> None:
    made = shipped_run()
    ship = [Ship(board="local", variant="fp32", probability_best=1.0)]
    assert told(changed(made, ship=ship)).results.why is None


def test_a_limit_on_anything_but_latency_is_not_explained_by_operators() -> None:
    made = demo()
    gates = [gate.model_copy(update={"verdict": "failed"}) for gate in made.results.gates if gate.metric == "accuracy"]
    assert why(changed(made, gates=gates)).rule == "slower"


def test_a_failed_gate_of_a_variant_that_was_never_measured_is_left_for_the_next() -> None:
    made = invalid()
    gate = latency_gate([cell for cell in made.results.cells if cell.board == "vim4"], "int8-qdq", 1.0, "failed")
    lost = gate.cells[0].model_copy(update={"verdict": "failed"})
    assert why(changed(made, gates=[gate.model_copy(update={"cells": [lost], "worst": lost})])).rule == "slower"


@pytest.mark.parametrize(("bound", "ms"), [("0.5x", 0.5), ("+5%", 1.05), ("-10%", 0.9)])
def test_a_relative_limit_lies_at_its_share_of_the_baseline(bound: str, ms: float) -> None:
    made = failed()
    gates = [
        gate.model_copy(update={"bound": bound}) if gate.metric == "latency_p50" else gate
        for gate in made.results.gates
    ]
    found = why(changed(made, gates=gates))
    base = next(cell for cell in made.results.cells if (cell.board, cell.variant) == (found.board, "fp32"))
    assert found.line is not None
    assert found.line.ms == pytest.approx((base.latency_ms.p50.value or 0) * ms)


def test_a_budget_lies_above_the_past() -> None:
    found, made = why(regressed_run()), regressed_run()
    cell = next(cell for cell in made.results.cells if (cell.board, cell.variant) == (found.board, found.variant))
    assert found.line is not None
    assert cell.versus_past is not None
    assert found.line.budget
    assert found.line.ms == pytest.approx((cell.versus_past.past_p50_ms.value or 0) * 1.05)


def test_a_budget_on_p99_is_no_line_since_the_past_tells_its_median_alone() -> None:
    earlier, now = pair(LOST, variants=6)
    found = why(held(earlier, now, {"latency_p99": Budget(bound="+5%")}))
    assert (found.rule, found.reference, found.line) == ("regressed", "past", None)


def test_of_several_points_of_a_variant_that_whose_change_missed_the_limit_is_explained() -> None:
    at = {POINT: {"fp32": 8e6, "int8": 4e6}, FOUR: {"fp32": 2e6, "int8": 3e6}}
    made = [launches(names=("fp32", "int8"), point=point, time_ns=timed(times)) for point, times in at.items()]
    records = [replace(each, id=number) for number, each in enumerate([*made[0], *made[1]])]
    found = results(
        tables(records, names=("fp32", "int8"), points=tuple(at), limits={"latency_p50": "+5%"}, ship=("int8",))
    ).why
    assert found is not None
    assert (found.rule, found.variant, found.point_key) == ("failed", "int8", FOUR)


def test_a_budget_is_no_line_where_the_baseline_is_the_reference() -> None:
    found = why(no_regression())
    assert (found.rule, found.reference, found.line) == ("slower", "baseline", None)


def test_of_twenty_iterations_those_beyond_the_line_are_counted_on_both_sides() -> None:
    made = failed()
    found = why(made)
    assert found.over is not None
    pooled = made.samples[found.board, found.variant, found.point_key]
    assert found.over.subject == round(20 * float(np.mean(pooled > 18e6)))
    assert found.over.reference == 20


def test_without_iterations_there_are_operators_and_no_quantiles() -> None:
    made = explained_run()
    found = explained(made.results, lambda _: None).why
    assert found is not None
    assert found.operators is not None
    assert (found.quantiles, found.moved, found.over, found.reach) == ([], None, None, 0.0)


def test_three_iterations_give_no_quantile() -> None:
    made = explained_run()
    few = {key: values[:3] for key, values in made.samples.items()}
    found = explained(made.results, few.get).why
    assert found is not None
    assert found.quantiles == []


def test_without_a_profile_the_reason_says_which_side_lacks_it() -> None:
    made = explained_run()
    some = [each for each in made.results.profiles if each.variant != "fp32"]
    cut = [each.model_copy(update={"operators": [], "reason": "its trace was cut"}) if each.variant == "int8-dynamic" else each
           for each in made.results.profiles]  # fmt: skip
    assert why(changed(made, profiles=[])).reason == "int8-dynamic and fp32 were not profiled"
    assert why(changed(made, profiles=some)).reason == "fp32 was not profiled"
    assert why(changed(made, profiles=cut)).reason == "int8-dynamic: its trace was cut"


def test_the_past_s_profile_is_the_reference_of_what_regressed() -> None:
    found = why(regressed_run())
    assert found.operators is not None
    assert found.operators.leading is not None
    assert (found.operators.leading.op, found.operators.leading.was) == ("DequantizeLinear", None)
    earlier, now = pair(LOST, variants=6)
    bare = compared(earlier.results, now.results, BUDGETS)
    assert explained(bare, now.samples.get, earlier.samples.get).why == why(regressed_run()).model_copy(
        update={"operators": None, "reason": "int8-qdq and the past were not profiled"}
    )


def test_iterations_that_hang_together_show_the_medians_that_were_told_of_them() -> None:
    earlier, now = pair(LOST, variants=6)
    drifting = {key: np.sort(values) for key, values in earlier.samples.items()}
    found = explained(compared(earlier.results, now.results, BUDGETS), now.samples.get, drifting.get).why
    assert found is not None
    assert (found.reference, found.reference_reach) == ("past", 0.5)
    assert [each.p for each in found.quantiles] == [0.5]
    assert found.moved is None


def test_the_judge_explains_what_it_judged() -> None:
    found = judged({"fp32": 4e6, "int8": 5e6, "struct50": 4.4e6})
    assert found.why is not None
    assert (found.why.rule, found.why.variant, found.why.similar, found.why.moved) == ("slower", "int8", 1, "whole")
    changes = {each.p: each.change for each in found.why.quantiles}
    assert changes[0.5] == pytest.approx(0.25, rel=0.05)


def timed(times: dict[str, float]) -> Callable[[str, str, int], float]:
    return lambda _, name, block: times[name] * (1 + block / 2000)


def judged(times: dict[str, float]) -> Results:
    rng = np.random.default_rng(3)
    records = launches(time_ns=timed(times))
    samples = {
        one.id: np.asarray((one.p50_ns or 0) * np.exp(rng.normal(0, 0.01, 500)), dtype=np.int64) for one in records
    }
    return results(tables(records, samples=samples))


def test_what_is_written_is_read_back() -> None:
    found = regressed_run().results
    assert Results.model_validate(found.document()).why == found.why


def test_a_profile_of_one_operator_is_enough() -> None:
    made = explained_run()
    alone = [profile(each.variant, 1.0, quantised()[:1]) for each in made.results.profiles]
    found = why(changed(made, profiles=alone)).operators
    assert found is not None
    assert (len(found.rows), found.others, found.glue) == (1, None, None)
    assert {kind.name for kind in DIGITS} >= {each.variant for each in alone}
    assert grid(1, 6).results.why is None
