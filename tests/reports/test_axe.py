"""axe-core on every state of the page: WCAG 2 A and AA and best practice, in both themes, wide and narrow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, Page

from reports_pages import PAGES, html_of, saved

ALL = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OF_COLOUR = ("color-contrast", "link-in-text-block")  # the rules that a theme can break
AXE = """only => axe.run(document, {runOnly: only, resultTypes: ["violations"]}).then(found =>
  found.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary}`)))"""
BEYOND = (Path(__file__).parent / "beyond_axe.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Look:
    width: int
    theme: Literal["light", "dark"]
    only: tuple[str, ...]


LOOKS = (Look(1440, "light", ALL), Look(1440, "dark", OF_COLOUR), Look(390, "dark", ALL), Look(390, "light", OF_COLOUR))


def breaches(tab: Page, look: Look) -> list[str]:
    """The one loaded page, as it looks now."""
    tab.set_viewport_size({"width": look.width, "height": 900})
    tab.emulate_media(color_scheme=look.theme)
    return [f"{look.theme} {look.width}: {line}" for line in [*tab.evaluate(AXE, look.only), *tab.evaluate(BEYOND)]]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_in_either_theme_at_either_width(chromium: Browser, tmp_path: Path, name: str) -> None:
    file = saved(tmp_path, html_of(name))
    with chromium.new_context() as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        tab.add_script_tag(path=AXE_FILE_PATH)
        assert [line for look in LOOKS for line in breaches(tab, look)] == []


@pytest.mark.parametrize(("broken", "rule"), [
    ('<img src="x.png">', "image-alt"), ("<button></button>", "button-name"), ("<h6>deep</h6>", "heading-order"),
    ('<p style="color:#ccc">pale</p>', "color-contrast"), ("<svg><text>n</text></svg>", "drawing without a finding"),
    ("<table><tbody><tr><td>1</td></tr></tbody></table>", "row without header"),
    ('<svg role="img" aria-label="a finding"><text y="9" fill="#ddd">n</text></svg>', "contrast 1."),
])  # fmt: skip
def test_a_breach_would_be_found(chromium: Browser, broken: str, rule: str) -> None:
    with chromium.new_context() as context:
        tab = context.new_page()
        tab.set_content(f'<html lang="en"><title>t</title><main><h1>t</h1>{broken}</main></html>')
        tab.add_script_tag(path=AXE_FILE_PATH)
        assert [line for line in breaches(tab, LOOKS[0]) if rule in line]
