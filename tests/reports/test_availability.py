"""Boards that were away for a while: their share of the run, what was lost by whose fault, and a page that says so."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from availability_support import away
from farm_orchestrator.availabilities import availabilities, away_s
from farm_orchestrator.store.absences import Course, Event
from farm_reports import page
from farm_reports.figures import plain
from farm_reports.results import Results
from farm_reports.sections.availability import availability
from farm_reports.sections.view import View
from reports_support import grid

KINDS = ["lost", "returned", "quarantined", "drained", "released", "powered", "canary_ok", "canary_failed"]


def event(at: float, kind: str, fault: str | None = None, of: str | None = None) -> Event:
    return Event(at, kind, f"{kind} at {at:g}", of, fault)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ([], 0),
        ([(110, "lost"), (120, "lost"), (130, "returned")], 20),
        ([(110, "lost")], 90),
        ([(50, "quarantined")], 100),
        ([(50, "quarantined"), (140, "released")], 40),
        ([(50, "lost")], 0),
        ([(110, "lost"), (120, "quarantined"), (125, "canary_ok"), (160, "released")], 50),
        ([(110, "drained"), (115, "lost"), (118, "returned"), (150, "released")], 40),
    ],
)
def test_a_board_is_away_from_its_first_loss_in_a_row_or_while_it_takes_no_work(
    told: list[tuple[float, str]], seconds: float
) -> None:
    assert away_s([event(*each) for each in told], 100.0, 200.0) == pytest.approx(seconds)


@given(st.lists(st.tuples(st.floats(0, 300), st.sampled_from(KINDS)), max_size=30))
def test_nobody_is_away_for_longer_than_the_run(told: list[tuple[float, str]]) -> None:
    events = [event(*each) for each in sorted(told)]
    assert 0 <= away_s(events, 100.0, 200.0) <= 100.0 + 1e-9
    course = Course(100.0, 200.0, {"b0": events}, {})
    assert all(0 <= one.share <= 1 for one in availabilities(course))


def test_losses_are_counted_by_whose_fault_they_were_and_no_launch_of_another_run_is() -> None:
    events = [event(110, "lost", "network"), event(111, "lost", "board", "another run"), event(112, "returned")]
    lost = {"b0": Counter({"worker_lost": 2, "link_lost": 1}), "b1": Counter({"rebooted": 1})}
    first, second = availabilities(Course(100.0, 200.0, {"b0": events}, lost))
    assert first.losses == {"harness": 2, "network": 2}
    assert [each.kind for each in first.events] == ["lost", "lost", "returned"]
    assert (second.board, second.share, second.losses) == ("b1", 1.0, {"board": 1})


def test_the_page_names_boards_that_were_away_longest_first_and_nothing_of_a_fleet_that_was_well() -> None:
    made = away()
    found = availability(View(made.results, made.samples))
    assert found is not None
    worst, other = found.rows
    assert (plain(worst.share), worst.losses, worst.why) == ("5.0 %", "", ("the fan is broken",))
    assert (plain(other.share), other.losses) == ("91.4 %", "3 network, 1 harness")
    assert other.happened == "lost 3 times, its power switched, came back"
    assert "Boards that were away" in page.render(made.results, made.samples)
    well = grid(3, 6)
    assert availability(View(well.results, well.samples)) is None
    assert "were away" not in page.render(well.results, well.samples)


def test_it_is_part_of_results_json_and_a_document_without_it_is_read() -> None:
    made = away()
    document = made.results.document()
    assert Results.model_validate(document).availability == made.results.availability
    del document["availability"]
    assert Results.model_validate(document).availability == []
