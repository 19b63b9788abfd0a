"""What boards say of their clocks before a sweep is planned, and what a person is told of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from farm_orchestrator.plan import Ladder, Steps
from farm_orchestrator.run.announce import swept
from farm_orchestrator.run.clocks import read
from run_support import ONE, Desk

OK = {"pin": {"ok": True, "reason": None}}
CLOCKS = {"khz": [600_000, 2_400_000], "listed": True, "most_khz": None, "reason": None}


def told(capabilities: Mapping[str, Any] = OK, **clocks: Any) -> dict[str, Any]:
    return {"clocks": {**CLOCKS, **clocks}, "capabilities": capabilities}


def test_a_board_that_lists_its_clocks_can_be_held_at_each() -> None:
    assert read(told()) == Ladder((600_000, 2_400_000))
    assert read(told(listed=False, most_khz=4_700_000)) == Ladder(
        (600_000, 2_400_000), listed=False, most_khz=4_700_000
    )


def test_of_more_clocks_than_are_believed_the_highest_stay() -> None:
    assert read(told(khz=list(range(100_000, 100_000 + 300)))).khz == tuple(range(100_044, 100_300))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (told(reason="no cpufreq policy holds the measured CPUs"), "no cpufreq policy holds the measured CPUs"),
        (told({"pin": {"ok": False, "reason": "this account may not write x"}}), "this account may not write x"),
        (told({}), "it does not tell whether its clocks can be held"),
        (told(khz=[]), "it does not tell its clocks"),
        (told(khz=["fast", -1, True, 10**12, 1.5]), "it does not tell its clocks"),
        ({"clocks": "none", "capabilities": OK}, "it does not tell its clocks"),
        ({"clocks": None, "capabilities": None}, "it does not tell whether its clocks can be held"),
    ],
)
def test_one_that_cannot_be_held_says_why_whatever_it_answers(said: dict[str, Any], reason: str) -> None:
    assert read(said) == Ladder(reason=reason)


def test_boards_with_the_same_clocks_share_a_line() -> None:
    same = Steps(("2400000", "600000"))
    assert swept({"a": same, "b": same, "c": Steps(("stock",), reason="no policy")}) == (
        "a and b: 2 points, 600, 2400 MHz",
        "c: one point, clock stock: no policy",
        "what to ship and every gate are of the highest of a board's clocks that is held",
    )


def test_without_a_sweep_nothing_is_said() -> None:
    assert swept({}) == ()


def test_a_board_that_does_not_answer_keeps_its_place_with_one_point(desk: Desk) -> None:
    said = desk.farm(*ONE, "--boards", "nobody@127.0.0.1:1", "--pin", "sweep:600000", "--dry-run")
    assert said.code == 0, said.err
    assert "127.0.0.1: one point, clock stock: it could not be asked for its clocks: " in said.out
