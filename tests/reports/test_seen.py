"""Under the strict policy and without scripts: what is painted, and what a screen reader is told, in every state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from farm_reports.sections.verdict import LOOKS
from reports_pages import PAGES, html_of, saved, state
from reports_pixels import unseen

SPOKEN = "[...document.querySelectorAll('.heat tbody td')].filter(e => e.checkVisibility()).map(e => e.innerText.trim().split('\\n')[0])"

FINDINGS = "[...document.querySelectorAll('svg[role=img]')].filter(e => e.checkVisibility()).map(e => e.getAttribute('aria-label'))"


@dataclass(frozen=True)
class Told:
    """One node of the accessibility tree."""

    role: str
    name: str
    level: int | None


@contextmanager
def strict(chromium: Browser, site: str, folder: Path, name: str, **changes: Any) -> Iterator[Page]:
    saved(folder, html_of(name))
    with chromium.new_context(viewport={"width": 1440, "height": 900}, java_script_enabled=False, **changes) as context:
        tab = context.new_page()
        tab.goto(f"{site}/report.html")
        yield tab


def tree(tab: Page) -> list[Told]:
    """What is told, in the order of telling."""
    nodes = tab.context.new_cdp_session(tab).send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    return list(_below(nodes[0], by_id))


def _below(node: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> Iterator[Told]:
    if not node.get("ignored"):
        properties = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
        yield Told(node["role"]["value"], node.get("name", {}).get("value", ""), properties.get("level"))
    for child in node.get("childIds", []):
        if child in by_id:
            yield from _below(by_id[child], by_id)


@pytest.mark.parametrize("name", PAGES)
def test_verdict_matrix_and_every_chart_are_painted_and_told(
    chromium: Browser, strict_site: str, tmp_path: Path, name: str
) -> None:
    """The verdict first, headings in order, every value of the matrix, every drawing by what it finds."""
    with strict(chromium, strict_site, tmp_path, name) as tab:
        hidden, looked_at = unseen(chromium, tab, "#verdict h2, #verdict .hd p, .heat td:not(:empty), svg")
        told, cells, findings = tree(tab), tab.evaluate(SPOKEN), tab.evaluate(FINDINGS)
        sentence = tab.inner_text("#verdict .hd p >> nth=0")
    assert hidden == []
    assert looked_at >= 4
    headings = [each for each in told if each.role == "heading"]
    assert [each.level for each in headings[:2]] == [1, 2]
    assert headings[1].name == word(name)
    assert all((after.level or 0) <= (before.level or 0) + 1 for before, after in pairwise(headings))
    said = bare("".join(each.name for each in told if each.role == "StaticText"))
    assert [text for text in (sentence, *cells) if bare(text) not in said] == []
    assert {bare(each.name) for each in told if each.role == "image"} >= {bare(text) for text in findings}


def word(name: str) -> str:
    results = state(name).results
    return LOOKS["partial" if results.run.status == "partial" else results.verdict][0]


def bare(text: str) -> str:
    """Without gaps, which a screen reader keeps otherwise than a line does."""
    return "".join(text.split())


def test_a_place_of_one_colour_would_be_found(chromium: Browser) -> None:
    with chromium.new_context() as context:
        tab = context.new_page()
        tab.set_content('<p id="a">seen</p><p id="b" style="color:#fff">hidden</p><svg width="9" height="9" aria-label="c">'
                        '<rect width="9" height="9" fill="#fff"/></svg>')  # fmt: skip
        assert unseen(chromium, tab, "p, svg") == (["hidden", "c"], 3)
