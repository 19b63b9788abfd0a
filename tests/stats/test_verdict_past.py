"""The policy towards the past at its boundaries, with and without a budget."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_reports import bounds, verdict
from farm_reports.past import PastWord
from farm_reports.results import GateWord, RunWord
from farm_reports.stats.between import between
from farm_reports.stats.compare import Interval

HAIR = 1e-9
BUDGET = math.log1p(0.05)
MIRROR: dict[PastWord, PastWord] = {"regressed": "improved", "improved": "regressed"}
GATES: tuple[GateWord, ...] = ("passed", "failed", "inconclusive", "not_measured")
logs = st.floats(-0.1, 0.1)


def ends(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.005 + HAIR, 0.03, "regressed"),
        (0.005, 0.03, "inconclusive"),
        (0.006, 0.01, "regressed"),
        (-0.03, -0.005 - HAIR, "improved"),
        (-0.03, -0.005, "equivalent"),
        (-0.03, 0.02 - HAIR, "equivalent"),
        (-0.03, 0.02, "inconclusive"),
        (-1.0, 0.0, "equivalent"),
        (float("-inf"), float("inf"), "inconclusive"),
    ],
)
def test_the_word_without_a_budget(low: float, high: float, word: str) -> None:
    assert verdict.against_past(ends(low, high)) == word


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (BUDGET + HAIR, 0.2, "regressed"),
        (BUDGET, 0.2, "inconclusive"),
        (0.01, BUDGET - HAIR, "equivalent"),
        (0.01, BUDGET, "inconclusive"),
        (-0.2, -0.005 - HAIR, "improved"),
        (-0.2, 0.01, "equivalent"),
    ],
)
def test_the_word_with_a_budget_of_five_percent(low: float, high: float, word: str) -> None:
    assert verdict.against_past(ends(low, high), BUDGET, BUDGET) == word


@given(logs, logs)
def test_swapped_runs_get_the_mirrored_word(a: float, b: float) -> None:
    low, high = sorted((a, b))
    word, other = (verdict.against_past(each) for each in (ends(low, high), ends(-high, -low)))
    if word in MIRROR or other in MIRROR:
        assert other == MIRROR[word]


@given(logs, st.floats(0, 0.05), logs, st.floats(0, 0.05))
def test_a_difference_mirrors_when_the_runs_are_swapped(a: float, wide: float, b: float, other: float) -> None:
    then, now = Interval(a, a - wide, a + wide / 2), Interval(b, b - other, b + other * 2)
    one, back = between(then, now, 0.001), between(now, then, 0.001)
    assert (one.estimate, one.low, one.high) == pytest.approx((-back.estimate, -back.high, -back.low))
    assert one.low <= one.estimate <= one.high


@pytest.mark.parametrize(("limit", "past"), list(itertools.product((*GATES, None), repeat=2)))
def test_the_word_of_a_run_for_every_pair_of_a_limit_and_a_budget(
    limit: GateWord | None, past: GateWord | None
) -> None:
    limits, budgets = ([each] if each else [] for each in (limit, past))
    order: tuple[tuple[bool, RunWord, int], ...] = (
        (past == "failed", "regressed", 1),
        (limit == "failed", "failed", 1),
        ("not_measured" in {limit, past}, "invalid", 4),
        ("inconclusive" in {limit, past}, "inconclusive", 0),
        ("passed" in {limit, past}, "passed", 0),
        (True, "measured", 0),
    )
    word, code = next((word, code) for there, word, code in order if there)
    assert verdict.run(limits, 2, 2, budgets) == word
    assert verdict.exit_code(word) == code


def test_too_few_boards_are_invalid_unless_something_failed() -> None:
    assert verdict.run([], 1, 2, ["passed"]) == "invalid"
    assert verdict.run([], 1, 2, ["failed"]) == "regressed"


@pytest.mark.parametrize(
    ("metric", "text", "why"),
    [
        ("latency_p50", "30ms", "must be a change against the past"),
        ("latency_p50", "-5%", "more than the past gave"),
        ("latency_p50", "0.9x", "more than the past gave"),
        ("accuracy", "+0.3pt", "more than the past gave"),
        ("accuracy", "0.97", "must be a change against the past, for example -0.3pt"),
        ("speed", "+5%", "cannot be limited"),
        ("size", "5", "no unit"),
    ],
)
def test_a_budget_that_is_none_is_refused_with_a_right_example(metric: str, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("+", r"\+")):
        bounds.budget(metric, text)


def test_a_budget_says_how_much_worse_is_allowed() -> None:
    assert bounds.budget("latency_p50", "+5%").value == pytest.approx(0.05)
    assert bounds.budget("latency_p50", "1.1x").value == pytest.approx(0.1)
    assert bounds.budget("accuracy", "-0.3pt").value == pytest.approx(-0.3)
    assert bounds.budget("size", "+0%").value == 0
