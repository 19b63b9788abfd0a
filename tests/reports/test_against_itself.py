"""How far to trust a board: its runs against itself as dots, what it can see, and what boards differ in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_reports import page
from farm_reports.charts.trials import NARROW, WIDE, Board, trials
from farm_reports.figures import plain
from farm_reports.past import Past
from farm_reports.results import Calibrated, Pin
from farm_reports.sections.against_itself import against_itself
from farm_reports.sections.trust import differs
from farm_reports.sections.view import View
from farm_reports.stats.calibration import calibrated as of_trials
from farm_reports.tables import Trial
from over_time_support import calibrated, sound
from reports_support import Made, board, changed, grid


def html_of(made: Made) -> str:
    return plain(page.render(made.results, made.samples))


def test_each_run_against_itself_is_a_dot_over_what_this_run_sees() -> None:
    found = against_itself(View(calibrated().results, {}))
    assert found is not None
    assert found.said.startswith("62 dots: each is a run of one variant against itself")
    assert str(found.drawings[0]).count("<circle") == 62
    assert "±0.6 %" in str(found.drawings[0])


def test_boards_without_such_runs_are_told_in_words() -> None:
    html = html_of(calibrated())
    assert "imx8mp, am69-sk, vim4 and rpi5-lab: not calibrated: wider floor (0.5 %)." in html
    assert "rock5b: 2 of 20 A/A runs are there; until then the wider floor (0.5 %)." in html


def test_where_no_board_was_ever_measured_against_itself_there_is_no_drawing() -> None:
    assert against_itself(View(grid(3, 6).results, {})) is None
    assert "Smallest detectable change by board" not in html_of(grid(3, 6))


def test_more_than_eight_boards_are_told_in_words() -> None:
    made = grid(12, 3)
    known = Calibrated(runs=1, bias=None, floor=0.002, launch_sd=0.004, noise="quiet", reason=None, trials=[0.001])
    boards = [each.model_copy(update={"calibration": known}) for each in made.results.boards]
    found = against_itself(View(changed(made, boards=boards).results, {}))
    assert found is not None
    assert str(found.drawings[0]).count("<circle") == 8
    assert found.words[0].startswith("4 more boards were measured against themselves: ")


def test_a_calibration_keeps_what_each_of_its_runs_showed() -> None:
    shown = (0.001, -0.002, 0.003)
    assert of_trials([Trial(each, 0.001, 0.004, 8) for each in shown]).trials == shown


def test_boards_that_differ_are_told_in_words_and_marked_in_words() -> None:
    html = html_of(calibrated())
    assert "Governor differs between boards: performance on 7 boards, schedutil on imx8mp." in html
    assert '<td class="odd">schedutil <small>differs</small></td>' in html


def test_clocks_that_were_asked_for_differ_too() -> None:
    boards = [board("a"), board("b", pin=Pin(wanted="max", held=True, reason=None))]
    assert differs(boards, "pin") == "The clock that was asked for differs between boards: stock on a, max on b."


def test_what_was_otherwise_in_the_earlier_run_is_told_once_where_the_past_is() -> None:
    past = Past(
        id="x", name=None, created="2026-11-01T00:00:00Z", sha=None, differences=["rpi5-8g: kernel 6.6 became 6.7."]
    )
    assert html_of(changed(grid(2, 6), past=past)).count("rpi5-8g: kernel 6.6 became 6.7.") == 1


@pytest.mark.parametrize(
    "found",
    [(), (0.0,), (0.0,) * 40, (1e-9, -1e-9), (5.0, -5.0), tuple(i / 1000 for i in range(-20, 20))],
    ids=["none", "one", "all equal", "tiny", "huge", "many"],
)
def test_any_runs_make_a_sound_drawing(found: tuple[float, ...]) -> None:
    for sees in (None, 0.0, 0.01):
        for frame in (WIDE, NARROW):
            sound(str(trials([Board("rpi5", found, sees, "rpi5")], "x", frame)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-1, 1), max_size=40), min_size=1, max_size=8))
def test_dots_stay_in_their_row(rows: list[list[float]]) -> None:
    drawing = str(trials([Board(f"b{place}", tuple(row), 0.01, "b") for place, row in enumerate(rows)], "x", WIDE))
    sound(drawing)
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawing)]
    assert all(6 <= y <= 6 + 30 * len(rows) for y in heights)
