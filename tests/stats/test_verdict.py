"""The policy at its boundaries."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_reports import verdict
from farm_reports.results import BaselineWord, GateWord, RunWord
from farm_reports.stats.compare import Interval

HAIR = 1e-9
MIRROR: dict[BaselineWord, BaselineWord] = {"faster": "slower", "slower": "faster"}
GATES: tuple[GateWord, ...] = ("passed", "failed", "inconclusive", "not_measured")
logs = st.floats(-0.1, 0.1)


def between(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.005 + HAIR, 0.03, "slower"),
        (0.005, 0.03, "undecided"),
        (-0.03, -0.005 - HAIR, "faster"),
        (-0.03, -0.005, "undecided"),
        (-0.02 + HAIR, 0.02 - HAIR, "same"),
        (-0.02, 0.01, "undecided"),
        (-0.01, 0.02, "undecided"),
        (0.005, 0.02 - HAIR, "same"),
        (0.006, 0.01, "slower"),
        (float("-inf"), float("inf"), "undecided"),
    ],
)
def test_the_word_of_a_comparison(low: float, high: float, word: str) -> None:
    assert verdict.against_baseline(between(low, high)) == word


@given(logs, logs)
def test_swapped_arms_get_the_mirrored_word(a: float, b: float) -> None:
    low, high = sorted((a, b))
    word = verdict.against_baseline(between(low, high))
    assert verdict.against_baseline(between(-high, -low)) == MIRROR.get(word, word)
    assert verdict.small(between(low, high)) == verdict.small(between(-high, -low))


def test_a_decided_change_inside_two_percent_is_small() -> None:
    assert verdict.small(between(0.006, 0.02 - HAIR))
    assert not verdict.small(between(0.006, 0.02))
    assert not verdict.small(between(-0.01, 0.01))


@pytest.mark.parametrize(
    ("valid", "rejected", "fine"), [(7, 0, False), (8, 0, True), (11, 13, False), (12, 12, True), (8, 9, False)]
)
def test_a_comparison_is_invalid_below_eight_blocks_or_when_most_were_rejected(
    valid: int, rejected: int, *, fine: bool
) -> None:
    assert (verdict.invalid(valid, rejected) is None) == fine


@pytest.mark.parametrize(("first", "second"), list(itertools.product(GATES, repeat=2)))
def test_the_word_of_a_run_for_every_pair_of_gates(first: GateWord, second: GateWord) -> None:
    order: tuple[tuple[GateWord, RunWord, int], ...] = (
        ("failed", "failed", 1),
        ("not_measured", "invalid", 4),
        ("inconclusive", "inconclusive", 0),
        ("passed", "passed", 0),
    )
    word, code = next((word, code) for gate, word, code in order if gate in {first, second})
    assert verdict.run([first, second], 2, 2) == word
    assert verdict.exit_code(word) == code


def test_too_few_boards_are_invalid_unless_a_limit_failed() -> None:
    assert verdict.run(["passed"], 1, 2) == "invalid"
    assert verdict.run(["failed"], 1, 2) == "failed"
    assert verdict.run([], 1, 2) == "invalid"
    assert verdict.run([], 2, 2) == "measured"


def test_a_run_that_measured_nothing_never_passes() -> None:
    assert verdict.run(["passed"], 0, 0) == "invalid"
    assert verdict.run([], 0, 0) == "invalid"


def test_inconclusive_fails_only_where_asked_to() -> None:
    codes = [verdict.exit_code("inconclusive", policy) for policy in ("pass", "warn", "fail")]
    assert codes == [0, 0, 3]
    assert verdict.exit_code("regressed") == 1
    assert verdict.exit_code("measured", "fail") == 0


def test_a_gate_is_as_bad_as_its_worst_cell() -> None:
    assert verdict.gate(["passed", "inconclusive"]) == "inconclusive"
    assert verdict.gate(["not_measured", "inconclusive"]) == "not_measured"
    assert verdict.gate(["not_measured", "failed"]) == "failed"
    assert verdict.gate([]) == "not_measured"
