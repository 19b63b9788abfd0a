"""Which boards the next run against itself measures, and with which seed: no board is reached for that."""

from pathlib import Path

import pytest

from farm_orchestrator import config
from farm_orchestrator.calibration import FACTS, Itself
from farm_orchestrator.config import Settings
from farm_orchestrator.run.calibrate import MISSES, Order, Round
from farm_orchestrator.store import add_calibration
from farm_reports.tables import Trial
from run_support import DIGITS

TRIAL = Trial(0.001, 0.0005, 0.004, 12)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of two boards, a with 18 runs and b with 20."""
    (tmp_path / "boards.yaml").write_text("boards: {a: {host: 192.0.2.1}, b: {host: 192.0.2.2}}")
    made = config.load(inventory="boards.yaml", preset="quick", cwd=tmp_path, env={})
    for board, count in (("a", 18), ("b", 20)):
        for number in range(count):
            add(made, board, number)
    return made


def add(settings: Settings, board: str, number: int) -> None:
    of = {**dict.fromkeys(FACTS), "board": board}
    add_calibration(settings.home, board, Itself(f"r{number}", 1.0, "quick", number + 1, of, TRIAL))


def order(runs: int | None = None) -> Order:
    return Order("a,b", DIGITS / "int8.onnx", runs)


def test_only_boards_that_lack_runs_are_measured_until_they_lack_none(settings: Settings) -> None:
    going = Round(order(), settings)
    for number in (18, 19):
        assert going.open() == ["a"]
        add(settings, "a", number)
        going.note(["a"], {"a": TRIAL})
    assert going.open() == []
    assert going.short == []


def test_a_number_of_runs_is_measured_on_every_board_whatever_it_has(settings: Settings) -> None:
    going = Round(order(2), settings)
    for _ in range(2):
        assert going.open() == ["a", "b"]
        going.note(["a", "b"], {"a": TRIAL, "b": TRIAL})
    assert going.open() == []


def test_a_board_that_gives_nothing_is_left_out_after_a_second_chance_and_told(settings: Settings) -> None:
    going = Round(order(5), settings)
    for _ in range(MISSES):
        assert going.open() == ["a", "b"]
        going.note(["a", "b"], {"b": TRIAL})
    assert going.open() == ["b"]
    assert going.short == ["a"]


def test_one_miss_is_forgiven(settings: Settings) -> None:
    going = Round(order(5), settings)
    going.note(["a", "b"], {"b": TRIAL})
    going.note(["a", "b"], {"a": TRIAL, "b": TRIAL})
    assert (going.open(), going.short) == (["a", "b"], [])


def test_the_next_run_is_one_file_under_two_names_with_a_seed_that_no_run_before_had(settings: Settings) -> None:
    going = Round(order(), settings)
    asked = going.next(["a"])
    assert [board["name"] for board in asked.boards] == ["a"]
    assert [(entry.name, entry.path.name) for entry in asked.found.entries] == [("a", "int8.onnx"), ("b", "int8.onnx")]
    assert asked.found.baseline == "a"
    assert asked.request.seed == 19
    add(settings, "a", 18)
    going.note(["a"], {"a": TRIAL})
    assert going.next(["a"]).request.seed == 20
