"""The page on paper: all boards, few sheets, no table cut, the strip on every sheet."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from reports_pages import html_of, saved, state

A4: dict[str, Any] = {
    "format": "A4",
    "print_background": True,
    "margin": dict.fromkeys(("top", "right", "bottom", "left"), "12mm"),
}
INSIDE_MM = 210 - 2 * 12
CSS_PX = round(INSIDE_MM / 25.4 * 96)


def printed(chromium: Browser, folder: Path, name: str) -> tuple[bytes, Page]:
    context = chromium.new_context(viewport={"width": CSS_PX, "height": 1000})
    tab = context.new_page()
    tab.goto(saved(folder, html_of(name)).as_uri())
    tab.emulate_media(media="print")
    return tab.pdf(**A4), tab


def sheets(pdf: bytes) -> list[str]:
    """The glyphs of each sheet, one after the other."""
    streams = (inflated(body) for body in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL))
    return [b"".join(re.findall(rb"<([0-9A-Fa-f]+)> Tj", body)).decode() for body in streams if b" Tf" in body]


def inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def repeated(pages: list[str], glyphs: int = 30) -> set[str]:
    """What stands on every sheet: runs of so many glyphs of four digits each."""
    found = ({page[i : i + 4 * glyphs] for i in range(0, len(page) - 4 * glyphs, 4)} for page in pages)
    return set.intersection(*found)


def test_eight_boards_and_twelve_variants_are_at_most_twenty_sheets(chromium: Browser, tmp_path: Path) -> None:
    pdf, tab = printed(chromium, tmp_path, "failed")
    assert 5 <= len(sheets(pdf)) <= 20
    tab.context.close()


@pytest.mark.parametrize("name", ["failed", "regressed", "lasting"])
def test_on_paper_no_table_is_cut_and_every_board_is_there(chromium: Browser, tmp_path: Path, name: str) -> None:
    _, tab = printed(chromium, tmp_path, name)
    wide = "[...document.querySelectorAll('main table, main svg')].filter(e => e.checkVisibility() && !e.closest('.vh') && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.closest('section').id + ' ' + e.getAttribute('class'))"
    assert tab.evaluate(wide) == []
    text = tab.inner_text("#compare")
    charted = [board.name for board in state(name).results.boards][:8]
    assert [board for board in charted if board not in text] == []
    tab.context.close()


@pytest.mark.parametrize(("name", "says"), [("partial", True), ("demo", False)])
def test_every_sheet_of_a_run_that_is_not_complete_says_so(
    chromium: Browser, tmp_path: Path, name: str, *, says: bool
) -> None:
    pdf, tab = printed(chromium, tmp_path, name)
    tab.context.close()
    pages = sheets(pdf)
    assert len(pages) > 2
    assert bool(repeated(pages)) is says
