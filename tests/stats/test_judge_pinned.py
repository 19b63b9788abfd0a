"""What results.json says of a board's clocks: held only where every measured launch held them."""

from dataclasses import replace
from typing import Any

import pytest

from farm_reports.judge import results
from farm_reports.judge.pinned import WATCHED
from farm_reports.results import Pin
from farm_reports.sections.trust import trust
from farm_reports.sections.view import View
from tables_support import POINT, launch, launches, tables

MAX = POINT.replace("/stock/", "/max/")
HELD = {"wanted": "max", "held": True, "reason": None}
LOOSE = {"wanted": "max", "held": False, "reason": "EACCES scaling_governor of policy0"}


def pin(*facts: Any, **fields: Any) -> Pin:
    """The board's, of one launch for each fact."""
    records = [launch(n + 1, "rpi5", "fp32", n, 4e6, point=MAX, facts={"pin": fact}, **fields)
               for n, fact in enumerate(facts)]  # fmt: skip
    (board,) = results(tables(records, points=(MAX,))).boards
    return board.pin


def test_a_run_that_wanted_no_clock_observed_them() -> None:
    (board,) = results(tables()).boards
    assert board.pin == WATCHED


def test_a_clock_that_every_launch_held_was_held() -> None:
    assert pin(HELD, HELD) == Pin(wanted="max", held=True, reason=None)


def test_where_no_launch_held_it_the_reason_is_theirs() -> None:
    assert pin(LOOSE, LOOSE) == Pin(wanted="max", held=False, reason="EACCES scaling_governor of policy0")


def test_a_memory_that_kept_its_own_clock_is_told_beside_the_processors() -> None:
    dmc = [{"name": "dmc", "held": False, "reason": "EACCES min_freq of dmc"}]
    found = pin({**HELD, "memory": [{"name": "emc", "held": True, "reason": None}]}, {**HELD, "memory": dmc})
    assert found == Pin(wanted="max", held=True, reason="the memory's clock was not held: EACCES min_freq of dmc")
    assert pin({**HELD, "memory": "all"}, {**HELD, "memory": [7]}) == Pin(wanted="max", held=True, reason=None)
    fact = {**HELD, "memory": dmc}
    records = [replace(one, facts={**one.facts, "pin": fact}) for one in launches(("rpi5",), point=MAX)]
    body = trust(View(results(tables(records, points=(MAX,))), {})).body
    assert [row.clocks.text for row in body.boards] == ["max; the memory's clock was not held: EACCES min_freq of dmc"]


def test_one_launch_that_did_not_hold_it_is_enough_and_counted() -> None:
    assert pin(HELD, LOOSE, HELD).reason == "EACCES scaling_governor of policy0, in 1 of 3 launches"


def test_what_something_else_changed_is_a_note_of_the_cell_and_the_clock_was_not_held() -> None:
    text = "changed by something else: scaling_max_freq of policy0 is 1800000; running here: thermald"
    fact = {**LOOSE, "reason": "changed by something else: scaling_max_freq of policy0 is 1800000"}
    records = [
        replace(one, facts={**one.facts, "pin": fact}, findings=({"name": "FOREIGN_CHANGE", "text": text},))
        for one in launches(("rpi5",), point=MAX)
    ]
    made = results(tables(records, points=(MAX,)))
    assert made.boards[0].pin == Pin(wanted="max", held=False, reason=fact["reason"])
    found = [finding for cell in made.cells for finding in cell.findings]
    assert {(finding.name, finding.text) for finding in found if finding.name == "FOREIGN_CHANGE"} == {
        ("FOREIGN_CHANGE", text)
    }
    assert all("Stop the service" in finding.do for finding in found if finding.name == "FOREIGN_CHANGE")
    assert text in str(trust(View(made, {})).body)


@pytest.mark.parametrize("said", [None, 7, "held", [], {}, {"held": "yes"}, {"held": 1}])
def test_what_an_agent_does_not_say_is_not_held(said: Any) -> None:
    assert pin(said) == Pin(wanted="max", held=False, reason="the agent did not say")


def test_a_board_that_measured_nothing_held_nothing() -> None:
    assert pin(HELD, state="failed") == Pin(wanted="max", held=False, reason="no launch was measured")


def test_the_page_counts_the_boards_and_names_the_reason() -> None:
    records = [
        type(one)(**{**vars(one), "facts": {**one.facts, "pin": HELD if one.board == "a" else LOOSE}})
        for one in launches(("a", "b"), point=MAX)
    ]
    made = results(tables(records, boards=("a", "b"), points=(MAX,)))
    body = trust(View(made, {})).body
    assert dict(body.statements)["Clocks"] == "Held throughout on 1 of 2 boards that were pinned."
    assert [row.clocks.text for row in body.boards] == ["max", "max, not held: EACCES scaling_governor of policy0"]
