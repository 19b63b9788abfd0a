"""A lint over every page and every golden drawing: nothing that asks, runs or styles by itself, nothing that is no number."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from farm_reports import page
from farm_reports.exports import summary
from reports_golden import FOLDER
from reports_hostile import HOSTILE, with_texts
from reports_html import Tags
from reports_pages import PAGES, html_of, rendered, state

ADDRESS = re.compile(r"^\s*(https?:|data:|javascript:|/|\\\\|ftp:|file:|vbscript:|blob:)", re.IGNORECASE)
GOING = {
    "href",
    "xlink:href",
    "src",
    "srcset",
    "action",
    "formaction",
    "poster",
    "ping",
    "data",
    "manifest",
    "background",
}
GEOMETRY = {
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "cx",
    "cy",
    "r",
    "d",
    "points",
    "width",
    "height",
    "viewbox",
    "transform",
    "dx",
}
SCRIPTS = ["text/javascript", "application/json"]


def breaches(html: str) -> list[str]:
    found = []
    for tag, attributes in Tags(html).tags:
        for name, value in attributes.items():
            if name == "style" or name.startswith("on"):
                found.append(f"<{tag} {name}>")
            if name in GOING and ADDRESS.search(value):
                found.append(f"<{tag} {name}={value[:60]!r}>")
            if name in GEOMETRY and re.search(r"nan|inf|none", value, re.IGNORECASE):
                found.append(f"<{tag} {name}={value[:60]!r}>")
            if name == "font-size" and float(value.removesuffix("px")) < 10:
                found.append(f"<{tag} {name}={value!r}>")
        if tag in {
            "iframe",
            "object",
            "embed",
            "img",
            "base",
            "form",
            "foreignobject",
            "use",
            "image",
            "animate",
            "set",
        }:
            found.append(f"<{tag}>")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_no_page_asks_runs_or_styles_and_every_place_is_a_number(name: str) -> None:
    html = html_of(name)
    assert breaches(html) == []
    tags = Tags(html)
    kinds = [attributes.get("type", "text/javascript") for tag, attributes in tags.tags if tag == "script"]
    assert sorted(kinds, reverse=True) in (SCRIPTS, SCRIPTS[:1])
    assert page._asset("report.js") in tags.raw["script"]
    assert [tag for tag, _ in tags.tags if tag == "style"] == ["style"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.svg")), ids=lambda path: path.stem)
def test_no_golden_drawing_does_either(path: Path) -> None:
    assert breaches(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_from_elsewhere_brings_any_of_it(kind: str) -> None:
    made = with_texts(state("explained_since"), HOSTILE[kind])
    assert breaches(rendered(made)) == []
    assert not re.search(r"<(?!/?(details|summary)>)[a-z!/]", summary(made.results))


@pytest.mark.parametrize(
    "trace", ["javascript:alert(1)", "//elsewhere/x.json", "https://elsewhere/x.json", "\\\\elsewhere\\x"]
)
def test_a_file_that_is_named_by_the_document_is_never_an_address(trace: str) -> None:
    made = state("explained")
    profiles = [one.model_copy(update={"trace": trace}) for one in made.results.profiles]
    html = rendered(replace(made, results=made.results.model_copy(update={"profiles": profiles})))
    assert "Perfetto" in html
    assert breaches(html) == []


@pytest.mark.parametrize(("html", "breach"), [
    ('<p style="x">', "<p style>"), ('<p onclick="x">', "<p onclick>"), ('<a href=" javascript:x">', "<a href=' javascript:x'>"),
    ('<a href="//elsewhere">', "<a href='//elsewhere'>"), ('<path d="M0 NaN"/>', "<path d='M0 NaN'>"), ("<iframe>", "<iframe>"),
    ('<text font-size="9">', "<text font-size='9'>"),
])  # fmt: skip
def test_a_breach_would_be_found(html: str, breach: str) -> None:
    assert breaches(html) == [breach]
