"""A page of some boards or sections: what it shows, what stays that of the whole run, and that nothing leads nowhere."""

from __future__ import annotations

import re
from html import unescape

import pytest

from farm_reports import page
from farm_reports.excerpt import Excerpt, narrowed
from reports_html import Tags
from reports_pages import PAGES
from reports_screens import failed
from reports_support import Made, grid

SOME = ("failed", "partial", "swept", "lasting")


def of_boards(made: Made, *boards: str) -> str:
    names = tuple(board.name for board in made.results.boards)
    return page.render(narrowed(made.results, boards), made.samples, excerpt=Excerpt(of=names))


def of_sections(made: Made, *only: str) -> str:
    return page.render(made.results, made.samples, excerpt=Excerpt(only=only))


def dangling(html: str) -> set[str]:
    tags = Tags(html).tags
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    return {attributes["href"][1:] for _, attributes in tags if attributes.get("href", "").startswith("#")} - ids


@pytest.mark.parametrize("name", SOME)
def test_each_section_stands_alone_with_every_link_leading_somewhere(name: str) -> None:
    made = PAGES[name]()
    for section in page.section_ids(made.results, made.samples):
        html = of_sections(made, section)
        assert re.findall(r'<section id="([^"]+)"', html) == [section]
        assert dangling(html) == set()


@pytest.mark.parametrize("name", PAGES)
def test_a_board_stands_alone(name: str) -> None:
    made = PAGES[name]()
    for board in {made.results.boards[0].name, made.results.boards[-1].name}:
        html = of_boards(made, board)
        assert dangling(html) == set()
        rows = re.findall(r'<section id="ship".*?</section>', html, flags=re.DOTALL)
        others = {each.name for each in made.results.boards} - {board}
        assert not [other for other in others for row in rows if f">{other}<" in row]


def test_a_page_of_some_boards_says_so_and_keeps_the_verdict_of_the_whole_run() -> None:
    made = failed()
    html = of_boards(made, "rpi5-8g", "orin-nano")
    assert (
        "2 of 8 boards shown. The verdict of the whole run is failed; its counts and gates are those of all boards."
        in html
    )
    assert "vim4" in re.findall(r'<section id="verdict".*?</section>', html, flags=re.DOTALL)[0]
    assert "--boards 'rpi5-8g,rpi4-4g," in unescape(html), "what makes the run again makes all of it again"


def test_a_page_of_some_sections_says_which_and_only_they_are_in_the_navigation() -> None:
    html = of_sections(grid(3, 6), "matrix", "trust")
    assert "Only the sections matrix and trust. The verdict of the whole run is measured." in html
    assert re.findall(r'<a href="#([^"]+)">', html) == ["matrix", "trust"]


def test_narrowed_results_lose_other_boards_everywhere_and_change_nothing_else() -> None:
    made = failed()
    left = narrowed(made.results, ["vim4"])
    for name in type(left).model_fields:
        before, after = getattr(made.results, name), getattr(left, name)
        if name in {"boards", "cells", "ship"}:
            assert {getattr(each, "board", None) or each.name for each in after} == {"vim4"}
        else:
            assert after == before, name
