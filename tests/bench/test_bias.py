"""What the bench makes of ratios on heating boards, whose truth is known."""

from __future__ import annotations

from typing import Any

import pytest

from bench import bias
from bench.bias import Found
from bench.experiments import MORE


def holds(blocks: list[float], sequence: list[float]) -> list[bool | None]:
    return [row.ok for row in bias.rows(Found(blocks), Found(sequence))]


def test_three_thousandths_either_way_hold_in_blocks_and_a_sequence_has_to_show_the_heat() -> None:
    assert holds([0.002, 0.003], [0.30, 0.40]) == [True, True]
    assert holds([0.004, 0.005], [0.30, 0.40]) == [False, True]
    assert holds([-0.004, -0.005], [-0.30, -0.40]) == [False, True]
    assert holds([0.0, 0.0], [0.01, 0.02]) == [True, False], "boards that stayed cool prove nothing"


def test_errors_of_both_signs_cancel_and_their_standard_error_is_told() -> None:
    row, _ = bias.rows(Found([0.004, -0.004, 0.004, -0.004], dropped=7, open=1), Found([0.1, 0.1]))
    assert row.figure is not None
    assert row.figure.value == pytest.approx(0.0)
    assert row.figure.note == (
        "mean of 4 runs +0.00%, standard error 0.23%; 7 blocks dropped for heat; 1 runs without a verdict"
    )


def cell(board: str, p50: float | None) -> dict[str, Any]:
    return {"board": board, "variant": MORE, "latency_ms": {"p50": {"value": p50}}}


def test_a_board_without_a_median_is_left_out() -> None:
    assert bias.medians({"cells": [cell("a", 4.0), cell("b", None)]}) == {"a": 4.0}
