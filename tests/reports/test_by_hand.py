"""The page in a reader's hands: clicks, keys alone, hovering, other colours, a page twice as large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from reports_pages import html_of, saved, state

FOCUS = """() => { const e = document.activeElement, s = getComputedStyle(e), l = e.labels && e.labels[0] ? getComputedStyle(e.labels[0]) : s;
  return [e.id || e.textContent.trim().slice(0, 40) || e.getAttribute("aria-label"), [s, l].some(x => x.outlineStyle !== "none" && parseFloat(x.outlineWidth) >= 2)]; }"""
CONTROLS = """() => [...document.querySelectorAll("a[href],button,input,summary,[tabindex='0']")].filter(e => e.checkVisibility() && !e.disabled
  && !(e.type === "radio" && !e.checked)).map(e => e.id || e.textContent.trim().slice(0, 40) || e.getAttribute("aria-label"))"""


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page of eight boards and twelve variants with failed gates."""
    with chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        tab = context.new_page()
        tab.on("pageerror", lambda error: pytest.fail(str(error)))
        tab.goto(saved(tmp_path, html_of("failed")).as_uri())
        yield tab


def test_keys_alone_reach_every_control_and_each_shows_where_it_is(opened: Page) -> None:
    wanted = opened.evaluate(CONTROLS)
    reached: dict[str, bool] = {}
    for _ in range(2 * len(wanted)):
        opened.keyboard.press("Tab")
        name, ringed = opened.evaluate(FOCUS)
        reached[name] = ringed
    assert [name for name in wanted if name not in reached] == []
    assert [name for name in wanted if not reached[name]] == []


def test_a_table_is_sorted_by_key_both_ways_and_says_so(opened: Page) -> None:
    head = opened.locator("#compare .c0 thead th", has_text="Speed")
    head.locator("button").focus()
    orders = []
    for _ in range(2):
        opened.keyboard.press("Enter")
        speeds = opened.locator("#compare .c0 td.sp b").all_inner_texts()
        numbers = [float(text.rstrip("\u00d7").replace(",", "")) for text in speeds if text]
        orders.append((head.get_attribute("aria-sort"), numbers == sorted(numbers), numbers == sorted(numbers)[::-1]))
    assert orders == [("ascending", True, False), ("descending", False, True)]


def test_arrows_change_the_metric_and_the_board(opened: Page) -> None:
    tile = opened.locator(".heat tbody td").nth(1)
    shown = [tile.inner_text().split("\n")[0]]
    opened.locator("#m-x").focus()
    for _ in range(2):
        opened.keyboard.press("ArrowRight")
        shown.append(tile.inner_text().split("\n")[0])
    assert len(set(shown)) == 3
    opened.locator("#c0").focus()
    opened.keyboard.press("ArrowRight")
    assert opened.locator("#compare .c0").is_hidden()
    assert opened.locator("#compare .c1").is_visible()


def test_hovering_tells_what_a_mark_and_a_tile_are(opened: Page) -> None:
    tip = opened.locator("#tip")
    mark = opened.locator("#tradeoffs svg:visible circle[data-tip]").first
    mark.scroll_into_view_if_needed()
    mark.hover(force=True)
    assert tip.inner_text() == mark.get_attribute("data-tip")
    tile = opened.locator(".heat tbody td[data-tip]").nth(3)
    tile.hover()
    assert tip.inner_text() == tile.get_attribute("data-tip")
    assert tile.get_attribute("aria-description") == tile.get_attribute("data-tip")
    opened.locator("h1").hover()
    assert tip.is_hidden()


def test_the_filter_keeps_the_boards_that_match_and_forgets_when_emptied(opened: Page) -> None:
    rows = opened.locator(".heat tbody tr:visible")
    opened.locator("#filter").press_sequentially("RPI5")
    assert rows.locator("th").all_inner_texts() == [
        text for text in rows.locator("th").all_inner_texts() if "rpi5" in text
    ]
    assert rows.count() == 2
    opened.locator("#filter").fill("")
    assert rows.count() == 8


def test_the_theme_is_changed_by_a_click_and_back(opened: Page) -> None:
    colours = [opened.evaluate("getComputedStyle(document.body).backgroundColor")]
    for _ in range(2):
        opened.locator("#theme").click()
        colours.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours[0] == colours[2] != colours[1]


def test_the_sheet_holds_the_figures_of_the_document(opened: Page) -> None:
    with opened.expect_download() as download:
        opened.locator("#csv").click()
    head, *rows = (line.split(",") for line in download.value.path().read_text(encoding="utf-8").split("\n"))
    cells = state("failed").results.cells
    assert len(rows) == len(cells)
    for row, cell in zip(rows, cells, strict=True):
        said: dict[str, Any] = dict(zip(head, row, strict=False))
        p50 = cell.latency_ms.p50.value
        assert (said["board"], said["variant"], said["state"]) == (cell.board, cell.variant, cell.state)
        assert said["p50_ms"] == ("" if p50 is None else f"{p50:.6g}")


def test_in_forced_colours_every_drawing_and_state_is_still_there(opened: Page) -> None:
    words = opened.inner_text("main")
    opened.emulate_media(forced_colors="active")
    assert opened.inner_text("main") == words
    assert opened.evaluate("matchMedia('(forced-colors: active)').matches")
    marks = "[...document.querySelectorAll('svg :is(circle,rect,path,line)')].filter(e => e.checkVisibility())"
    painted = opened.evaluate(
        f"{marks}.filter(e => [getComputedStyle(e).fill, getComputedStyle(e).stroke].some(p => p !== 'none')).length"
    )
    assert painted == opened.evaluate(f"{marks}.length")


def test_who_wants_no_motion_gets_none(opened: Page) -> None:
    opened.emulate_media(reduced_motion="reduce")
    assert opened.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).animationName !== 'none' || parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
    assert opened.evaluate(moving) == 0


def test_twice_as_large_nothing_is_lost(chromium: Browser, tmp_path: Path) -> None:
    """200 % on a screen of 1440 pixels: 720 of them, each twice as large."""
    file = saved(tmp_path, html_of("failed"))
    with chromium.new_context(viewport={"width": 720, "height": 450}, device_scale_factor=2) as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= 720
        hidden = "[...document.querySelectorAll('section')].filter(e => !e.checkVisibility() || e.getBoundingClientRect().height < 40).map(e => e.id)"
        assert tab.evaluate(hidden) == []
        assert tab.locator("#verdict h2").is_visible()
        assert tab.locator("#theme").is_visible()
        assert tab.locator(".heat tbody td").first.is_visible()
        cut = """[...document.querySelectorAll('main p, main li, main td, main th, main h2, main h3, main dd')].filter(e => e.checkVisibility()
          && getComputedStyle(e).clipPath === 'none' && !e.closest('.vh') && getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 40))"""
        assert tab.evaluate(cut) == []
