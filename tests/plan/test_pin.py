"""Which clock a plan holds: the command line's, else the board's own, else none."""

from farm_orchestrator.plan.shaping import points
from plan_support import make


def test_a_board_is_left_alone_unless_somebody_says_otherwise() -> None:
    assert [point.pin for point in points({"name": "b"})] == ["stock"]


def test_the_boards_own_clock_counts_and_the_command_line_overrides_it() -> None:
    board = {"name": "b", "pin": "1800000"}
    assert [point.pin for point in points(board)] == ["1800000"]
    assert [point.pin for point in points(board, (1, 2), pin="max")] == ["max", "max"]
    assert [point.pin for point in points(board, pin="stock")] == ["stock"]


def test_the_cells_of_a_pinned_plan_carry_the_clock() -> None:
    assert {point.split("/")[4] for _, _, point in make(pin="max").cells} == {"max"}
