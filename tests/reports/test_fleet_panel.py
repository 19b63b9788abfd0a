"""Variants over all boards, on the page and in the summary: only where there are boards enough."""

from __future__ import annotations

import math
import re

import pytest

from farm_reports import exports, figures, page
from farm_reports.parts import Fleet
from farm_reports.results import Results
from farm_reports.sections.fleet import Pool, pooled
from farm_reports.sections.view import View
from reports_screens import FIRST_SCREENS, demo, partial
from reports_support import Made, changed, grid


def pool(made: Made) -> Pool | None:
    return pooled(View(made.results, made.samples))


def shown(made: Made) -> Pool:
    found = pool(made)
    assert found is not None
    return found


def of(made: Made, name: str) -> Fleet:
    return next(one for one in made.results.fleet if one.variant == name)


def typed(count: int, *types: str) -> Made:
    """The boards in turn of these types."""
    made = grid(count, 6)
    boards = [at.model_copy(update={"type": types[i % len(types)]}) for i, at in enumerate(made.results.boards)]
    return changed(made, boards=boards)


def dots(chart: str) -> int:
    """Round ends of lines without a length."""
    return chart.count("h0")


def alike(made: Made) -> Made:
    """The same onnxruntime on all boards."""
    boards = [at.model_copy(update={"onnxruntime": "1.22.0"}) for at in made.results.boards]
    return changed(made, boards=boards)


@pytest.mark.parametrize("boards", [1, 2])
def test_under_three_boards_there_is_no_panel_and_no_line(boards: int) -> None:
    made = grid(boards, 6)
    assert pool(made) is None
    assert "Over all boards" not in page.render(made.results, made.samples)
    assert "Over all boards" not in exports.summary(made.results)


def test_a_document_from_before_there_were_means_is_drawn_without_them() -> None:
    document = grid(3, 6).results.document()
    del document["fleet"]
    for board in document["boards"]:
        del board["type"]
    assert "Over all boards" not in page.render(Results.model_validate(document), {})


def test_neither_has_a_run_that_is_still_going_or_that_compares_nothing() -> None:
    assert pool(partial(5, board_count=8)) is None
    assert pool(FIRST_SCREENS["not_run"]()) is None


def test_each_variant_shows_the_mean_its_interval_and_the_next_board_the_fastest_first() -> None:
    made = grid(3, 6)
    entries = shown(made).entries
    assert [one.variant for one in entries] == ["distilled", "int8-qdq", "pruned", "fp16", "int8-dynamic"]
    one, entry = of(made, "int8-qdq"), entries[1]
    assert one.ratio is not None
    assert one.low is not None
    assert one.high is not None
    assert one.next_low is not None
    assert one.next_high is not None
    assert entry.speed == f"{1 / one.ratio:.2f}\u00d7"
    assert entry.interval == f"{1 / one.high:.2f}\u2013{1 / one.low:.2f}"
    differ = f"{math.sqrt(one.tau2 or 0) * 100:.1f}\u00a0%, I² {(one.i2 or 0) * 100:.1f}\u00a0%"
    assert entry.figures == ("3", f"{1 / one.next_high:.2f}\u2013{1 / one.next_low:.2f}", differ)
    assert dots(entry.chart) == 3


def test_boards_of_a_type_are_one_dot_and_the_page_says_so() -> None:
    found = shown(typed(5, "pi5", "nano", "rock"))
    assert found.above == "each type of board"
    assert found.entries[0].figures[0] == "5 in 3 types"
    assert dots(found.entries[0].chart) == 3
    assert "pi5 (2 boards)" in found.entries[0].chart
    assert "Boards of one type count once: pi5 (2) and nano (2)." in found.notes


def test_boards_that_are_all_of_one_type_count_each_and_say_nothing_of_others() -> None:
    found = shown(alike(typed(3, "pi5")))
    assert dots(found.entries[0].chart) == 3
    assert found.notes == ("Intervals: Student's t.", "All boards are of one type, pi5: this says nothing of others.")


def test_two_types_have_a_mean_and_the_reason_why_no_interval() -> None:
    made = typed(4, "pi5", "nano")
    entry = shown(made).entries[0]
    assert entry.interval == "2 types of board: an interval over types of board takes 3"
    assert entry.figures == ("4 in 2 types", figures.DASH, figures.DASH)
    assert "Over all boards" not in exports.summary(made.results)


def test_the_versions_of_the_runtime_stand_beside_the_mean_where_they_differ() -> None:
    assert "onnxruntime differs between boards: 1.22.0 on 4 boards, 1.19.2 on rock5b." in shown(grid(5, 6)).notes
    assert not [note for note in shown(alike(grid(5, 6))).notes if "onnxruntime" in note]


def test_the_way_is_named_and_so_is_whose_boards_were_too_unequal() -> None:
    made = alike(grid(3, 6))
    assert shown(made).notes == ("Intervals: Student's t.",)
    cells = [
        cell.model_copy(update={"versus_baseline": versus.model_copy(update={"low": versus.ratio * 0.8, "high": versus.ratio * 1.25})})
        if (versus := cell.versus_baseline) and versus.ratio and (cell.board, cell.variant) == ("rpi5-8g", "fp16")
        else cell
        for cell in made.results.cells
    ]  # fmt: skip
    found = shown(changed(made, cells=cells))
    assert "Intervals of fp16: Hartung, Knapp, Sidik and Jonkman, since the boards' errors are unequal." in found.notes


def test_an_interval_for_the_next_board_that_says_nothing_is_said_to() -> None:
    made = grid(3, 6)
    wide = [one.model_copy(update={"next_low": 1e-6, "next_high": 40.0}) for one in made.results.fleet]
    results = made.results.model_copy(update={"fleet": wide})
    found = shown(Made(results, made.samples))
    assert {one.figures[1] for one in found.entries} == {"not known"}
    assert "NaN" not in found.entries[0].chart


def test_many_boards_are_still_one_mark_that_names_twelve() -> None:
    made = grid(14, 6)
    boards = [at.model_copy(update={"type": at.name}) for at in made.results.boards]
    chart = shown(changed(made, boards=boards)).entries[0].chart
    assert dots(chart) == 14
    assert chart.count("<path") == 2
    assert "node-011: " in chart
    assert "node-012" not in chart
    assert "and more" in chart


def test_of_many_variants_the_fastest_are_shown_and_the_others_counted() -> None:
    made = grid(3, 20)
    found = shown(made)
    assert (len(found.entries), found.undrawn) == (12, 7)
    assert "7 slower variants: in results.json." in page.render(made.results, {})


def test_the_summary_has_one_line_on_what_ships() -> None:
    made = grid(3, 6)
    (line,) = [line for line in exports.summary(made.results).splitlines() if line.startswith("Over all boards")]
    winners = {ship.variant for ship in made.results.ship}
    assert winners == {"distilled"}
    one = of(made, "distilled")
    assert (
        f"distilled {1 / (one.ratio or 0):.2f} x fp32 (95 % CI {1 / (one.high or 0):.2f} … {1 / (one.low or 0):.2f}"
        in line
    )
    assert re.search(r"; next board [\d.]+ … [\d.]+; 3 boards\)$", line)
    assert "Over all boards" not in exports.summary(demo().results)
