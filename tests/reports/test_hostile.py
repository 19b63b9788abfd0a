"""Texts from elsewhere change nothing but text: not the page's structure, not its width, not their neighbours."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as ET

import pytest
from markupsafe import escape
from playwright.sync_api import Browser, Page

from farm_reports import exports
from farm_reports.texts import ISOLATE, RELEASE, RULING, harmless
from reports_hostile import HOSTILE, PLAIN, with_texts
from reports_html import Tags
from reports_pages import PAGES, rendered, saved, state

# Left out: drawn words, which stand where they have room; names, in bold or kept on one line; the link to what is in view. Each other element with the names of its attributes, and the values that styles, scripts and links go by.
STRUCTURE = """() => [...document.querySelectorAll(":not(nav a):not(svg text):not(svg tspan):not(b):not(.nb)")].map(e => [e.tagName, ...[...e.attributes].map(a => a.name).sort(),
  ...["id", "class", "for", "type", "role", "name"].map(n => e.getAttribute(n))].join(" "))"""
# Letters outside isolates that stand left of a letter before them on the same line.
REORDERED = """([open, close, sign]) => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, text = node.data;
    if (!text.includes(sign) || !node.parentElement.checkVisibility()) continue;
    let depth = 0, last = null;
    for (let i = 0; i < text.length; i++) {
      if (text[i] === open) depth++;
      if (text[i] === close) depth--;
      if (depth || !/[a-z0-9]/i.test(text[i])) continue;
      const range = document.createRange(); range.setStart(node, i); range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect();
      if (last && Math.abs(last.top - box.top) < 2 && box.left < last.left) found.push(text.slice(0, 200));
      last = box;
    }
  }
  return found;
}"""
LIKE_ANOTHER = {
    "measured",
    "passed",
    "inconclusive",
    "invalid",
    "no_regression",
    "hostile",
    "hostile_past",
    "undecided",
}


def opened(chromium: Browser, folder: Path, html: str) -> Page:
    tab = chromium.new_context(viewport={"width": 390, "height": 900}).new_page()
    tab.on("dialog", lambda _: pytest.fail("a text was run as a script"))
    tab.on("pageerror", lambda error: pytest.fail(str(error)))
    tab.goto(saved(folder, html).as_uri())
    return tab


def structure(chromium: Browser, folder: Path, html: str) -> tuple[list[str], int]:
    tab = opened(chromium, folder, html)
    found: list[str] = tab.evaluate(STRUCTURE)
    width: int = tab.evaluate("document.documentElement.scrollWidth")
    tab.context.close()
    return found, width


@cache
def plain(chromium: Browser, name: str) -> list[str]:
    with TemporaryDirectory() as folder:
        return structure(chromium, Path(folder), rendered(with_texts(state(name), PLAIN)))[0]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_text_changes_nothing_but_text_and_the_page_grows_no_wider(
    chromium: Browser, tmp_path: Path, kind: str
) -> None:
    found, width = structure(chromium, tmp_path, rendered(with_texts(state("failed"), HOSTILE[kind])))
    assert found == plain(chromium, "failed")
    assert width <= 390


@pytest.mark.parametrize("name", sorted(set(PAGES) - LIKE_ANOTHER))
def test_all_at_once_change_nothing_in_any_state(chromium: Browser, tmp_path: Path, name: str) -> None:
    mark = "".join(text for kind, text in HOSTILE.items() if kind != "long")
    found, width = structure(chromium, tmp_path, rendered(with_texts(state(name), mark)))
    assert found == plain(chromium, name)
    assert width <= 390


def test_what_is_read_leftward_leaves_its_neighbours_in_place(chromium: Browser, tmp_path: Path) -> None:
    tab = opened(chromium, tmp_path, rendered(with_texts(state("failed"), HOSTILE["leftward"])))
    assert tab.evaluate(REORDERED, [ISOLATE, RELEASE, ISOLATE]) == []
    line = "limit 18 ms; \u05e9\u05dc\u05d5\u05dd 12, 34 ms"
    for text, moved in ((harmless(line), 0), (line, 1)):
        tab.set_content(f"<p>{text}</p>")
        assert len(tab.evaluate(REORDERED, [ISOLATE, RELEASE, "\u05e9"])) == moved
    tab.context.close()


@pytest.mark.parametrize("kind", ["overrides", "controls", "halves", "lines"])
def test_what_rules_over_other_characters_is_shown_as_a_sign(kind: str) -> None:
    html = rendered(with_texts(state("failed"), HOSTILE[kind]))
    assert not RULING.search(html.replace(ISOLATE, "").replace(RELEASE, ""))
    assert html.encode()
    assert html.count("\ufffd") > 100


@pytest.mark.parametrize(
    "text",
    ["\u202eevil", "a\u2069b\u2066", "\u05d0\u05d1 12 \u05d2", "\x00", "\ud800", "plain \xa0\u2212\u00d7 \U0001f600"],
)
def test_what_is_made_harmless_holds_balanced_isolates_and_nothing_that_rules(text: str) -> None:
    found = harmless(text)
    assert found.count(ISOLATE) == found.count(RELEASE)
    assert not RULING.search(re.sub(f"{ISOLATE}[^{ISOLATE}{RELEASE}]*{RELEASE}", "", found))
    assert len(found) >= len(text)


def test_plain_text_is_left_as_it_is() -> None:
    html = rendered(state("failed"))
    assert "\ufffd" not in html
    assert ISOLATE not in html


@pytest.mark.parametrize("kind", HOSTILE)
def test_drawn_text_that_is_long_is_cut_and_whole_in_its_tooltip_or_the_table(kind: str) -> None:
    html = rendered(with_texts(state("failed"), HOSTILE[kind]))
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", html)
    assert drawn
    assert max(map(len, drawn)) < 120
    assert html.count(html_text("w" * 10_000)) > 20 or kind != "long"


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_export_holds_the_text_and_keeps_its_shape(kind: str) -> None:
    plain, made = (with_texts(state("failed"), mark) for mark in (PLAIN, HOSTILE[kind]))
    assert tags_of(exports.junit(made.results)) == tags_of(exports.junit(plain.results))
    assert shape(exports.summary(made.results)) == shape(exports.summary(plain.results))
    rows, expected = (json.loads(summary_of(rendered(one))) for one in (made, plain))
    assert [list(map(type, row)) for row in rows] == [list(map(type, row)) for row in expected]


def html_text(text: str) -> str:
    return str(escape(text))


def tags_of(xml: str) -> list[tuple[str, list[str]]]:
    root = ET.fromstring(xml.encode())  # noqa: S314 - our own text
    return [(one.tag, sorted(one.attrib)) for one in root.iter()]


def shape(markdown: str) -> list[tuple[str, int]]:
    """The beginning of each line, and how many bars of a table it has; rows that no longer fit are counted by the last."""
    lines = [line for line in markdown.split("\n") if not line.startswith("and ")]
    return [(line[:2], len(re.findall(r"(?<!\\)\|", line))) for line in lines][:20]


def summary_of(html: str) -> str:
    return next(raw for raw in Tags(html).raw["script"] if raw.startswith("["))
