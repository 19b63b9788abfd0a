"""What a page may hold at all: no style, no handler, no request; every text escaped; both stylesheets the same."""

from __future__ import annotations

import json
import re

import pytest

from farm_reports import page
from reports_html import Tags
from reports_pages import PAGES, html_of, state
from reports_screens import FIRST_SCREENS, hostile, partial
from reports_support import HOSTILE, Made, grid

REQUESTS = {"src", "srcset", "action", "formaction", "poster", "background", "cite", "ping"}
OUR_SCRIPTS = {"", "application/json"}
OLD_WORDS = (
    "unchanged", "measurements", "n/a", "1,000 runs", "typical runs", "profiled runs", "meets every budget",
    "accuracy budget", "no regression", "noise floor by board", "differences from baseline", "over budget",
    "--samples", "farm.result/v1", "1,000 samples", "1 run in 20", "share of runs", "meets every", "baseline commit", "clears both",
    "--baseline main", "noise floor of", "farm doctor --board", "status pass", "farm doctor", "regressed", "improved", "equivalent",
)  # fmt: skip
OF_THE_PAST = ("regressed", "improved", "equivalent", "no regression", "over budget")  # only where there is one


def rendered(made: Made) -> str:
    return page.render(made.results, made.samples)


@pytest.mark.parametrize("name", PAGES)
def test_no_tag_carries_style_handler_or_request(name: str) -> None:
    tags = Tags(html_of(name)).tags
    assert len(tags) > 100
    for tag, attributes in tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        assert not REQUESTS & attributes.keys(), tag
        assert not re.match(r"\s*(data|javascript|https?):|//", attributes.get("href", "")), tag


@pytest.mark.parametrize("name", PAGES)
def test_every_drawing_has_size_role_and_name(name: str) -> None:
    drawings = [attributes for tag, attributes in Tags(html_of(name)).tags if tag == "svg"]
    assert drawings
    for drawing in drawings:
        assert float(drawing["width"]) > 0
        assert float(drawing["height"]) > 0
        assert drawing.get("aria-hidden") == "true" or (drawing["role"] == "img" and drawing["aria-label"])


def test_the_only_scripts_are_ours_and_small() -> None:
    made = grid(2, 6)
    tags = Tags(rendered(made))
    kinds = [attributes.get("type", "") for tag, attributes in tags.tags if tag == "script"]
    assert set(kinds) <= OUR_SCRIPTS
    code = tags.raw["script"][kinds.index("")]
    assert len(code.encode()) <= 3 * 1024
    assert not re.search(r"\b(fetch|XMLHttpRequest|eval|import)\b|innerHTML", code)


def test_inline_stylesheet_and_report_css_are_the_same_text() -> None:
    styles = Tags(rendered(grid(2, 6))).raw["style"]
    assert [style.encode() for style in styles] == [page.stylesheet().encode()]
    assert "url(" not in page.stylesheet()
    assert "content-visibility:auto" not in page.stylesheet()


def test_the_linked_stylesheet_stands_before_the_inline_one() -> None:
    html = rendered(grid(2, 6))
    assert html.index('<link rel="stylesheet" href="report.css">') < html.index("<style>")


def test_hostile_names_are_text_wherever_they_stand() -> None:
    html = rendered(hostile())
    tags = Tags(html)
    assert [tag for tag, _ in tags.tags if tag == "script"] == ["script", "script"]
    assert not [1 for _, attributes in tags.tags if "onload" in attributes]
    text = "".join(tags.words)
    for name in HOSTILE:
        assert name in text
    assert html.count("<script>alert") == 0


def test_the_embedded_summary_is_json_that_cannot_end_its_element() -> None:
    tags = Tags(rendered(hostile()))
    summary = next(raw for raw in tags.raw["script"] if raw.startswith("["))
    assert "<" not in summary
    heads, *rows = json.loads(summary)
    assert {row[heads.index("variant")] for row in rows} >= set(HOSTILE)


@pytest.mark.parametrize("name", PAGES)
def test_no_word_of_another_question_or_an_older_page(name: str) -> None:
    text = " ".join(Tags(html_of(name)).words).lower()
    own = OF_THE_PAST if state(name).results.past else ()
    assert [word for word in OLD_WORDS if word in text and word not in own] == []


def test_ids_are_unique_and_every_link_inside_the_page_has_its_place() -> None:
    for make in FIRST_SCREENS.values():
        tags = Tags(rendered(make())).tags
        ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        targets = {a["href"][1:] for tag, a in tags if tag == "a" and a["href"].startswith("#")}
        assert targets <= set(ids)
        assert {a["for"] for tag, a in tags if tag == "label" and "for" in a} <= set(ids)


def test_the_page_is_the_same_each_time() -> None:
    made = grid(2, 6)
    assert rendered(made) == rendered(made)
    assert rendered(partial(5)) == rendered(partial(5))
