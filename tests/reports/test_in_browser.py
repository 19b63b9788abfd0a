"""The page as browsers show it: under a strict policy, without script or style, wide and narrow, light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from farm_reports import page
from reports_pages import PAGES, html_of, saved, written
from reports_screens import FIRST_SCREENS
from reports_support import grid

WIDTHS = {"wide": 1440, "narrow": 390}
DRAWN_SIZES = """() => [...document.querySelectorAll("svg text")].filter(t => t.checkVisibility()).map(t =>
  t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.width.baseVal.value * parseFloat(getComputedStyle(t).fontSize))"""


def screenshot(tab: Page, address: str) -> bytes:
    tab.goto(address)
    return tab.screenshot(full_page=True, animations="disabled")


def test_a_strict_policy_shows_the_same_pixels_as_a_browser_without_script(
    chromium: Browser, strict_site: str, tmp_path: Path
) -> None:
    file = written(tmp_path, grid(3, 6))
    with chromium.new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900}) as context:
        bare = screenshot(context.new_page(), file.as_uri())
    with chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        strict = screenshot(context.new_page(), f"{strict_site}/report.html")
    assert bare == strict


def test_every_section_has_visible_marks_under_the_strict_policy(
    chromium: Browser, strict_site: str, tmp_path: Path
) -> None:
    written(tmp_path, grid(3, 6))
    with chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(f"{strict_site}/report.html")
        heights = tab.eval_on_selector_all(
            "section", "all => all.map(s => [s.id, s.getBoundingClientRect().height, s.innerText.length])"
        )
        drawn = tab.eval_on_selector_all(
            "#compare svg, #distributions svg, #tradeoffs svg",
            "all => all.filter(s => s.checkVisibility()).length",
        )
    assert [name for name, height, letters in heights if height < 60 or letters < 20] == []
    assert drawn == 7 + 6 + 1 + 3, "a board's rows and axis, those over all, its violins, a trade-off per board"


def test_without_style_every_number_is_there_and_one_copy_of_each_wide_chart(chromium: Browser, tmp_path: Path) -> None:
    made = FIRST_SCREENS["demo"]()
    html = page.render(made.results, made.samples)
    plain = re.sub(r"<style>.*?</style>|<link[^>]*>", "", html, flags=re.DOTALL)
    (tmp_path / "plain.html").write_text(plain, encoding="utf-8")
    with chromium.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto((tmp_path / "plain.html").as_uri())
        text = tab.inner_text("body")
        charts = tab.eval_on_selector_all(
            "#distributions svg, #tradeoffs svg",
            "all => all.filter(s => s.checkVisibility()).map(s => s.width.baseVal.value)",
        )
        icon = tab.eval_on_selector("#verdict svg", "icon => icon.getBoundingClientRect().width")
    assert charts == [1050, 1050]
    assert icon == 34
    assert "92.9\u00a0µs" in text
    assert "57.5\u00a0MB" in text


def test_the_metric_switch_works_without_script(chromium: Browser, strict_site: str, tmp_path: Path) -> None:
    written(tmp_path, grid(3, 6))
    with chromium.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto(f"{strict_site}/report.html")
        cell = tab.locator(".heat tbody td").nth(2)
        shown = [cell.inner_text().split("\n")[0]]
        for metric in ("p50", "mem"):
            tab.locator(f'label[for="m-{metric}"]').click()
            shown.append(cell.inner_text().split("\n")[0])
    assert [text[-2:] for text in shown] == ["6\u00d7", "ms", "MB"]


def test_the_board_switch_works_without_script(chromium: Browser, strict_site: str, tmp_path: Path) -> None:
    written(tmp_path, grid(3, 6))
    with chromium.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto(f"{strict_site}/report.html")
        tab.locator('label[for="d2"]').click()
        visible = tab.eval_on_selector_all("#distributions .bp", "all => all.map(b => b.checkVisibility())")
    assert visible == [False, False, True]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways_and_none_draws_text_too_small(chromium: Browser, tmp_path: Path, name: str) -> None:
    file = saved(tmp_path, html_of(name))
    with chromium.new_context() as context:
        tab = context.new_page()
        faults: list[str] = []
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.goto(file.as_uri())
        for width in WIDTHS.values():
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert min(tab.evaluate(DRAWN_SIZES), default=10) >= 10
        assert faults == []


@pytest.mark.parametrize("size", [(30, 24), (100, 50)])
def test_a_large_page_keeps_to_its_width(chromium: Browser, tmp_path: Path, size: tuple[int, int]) -> None:
    file = written(tmp_path, grid(*size))
    for width in WIDTHS.values():
        with chromium.new_context(viewport={"width": width, "height": 900}) as context:
            tab = context.new_page()
            tab.goto(file.as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            rows = tab.eval_on_selector_all(
                ".heat tbody tr", "all => all.map(row => row.getBoundingClientRect().height)"
            )
            assert max(rows) <= 52


def test_with_script_the_reader_can_filter_sort_and_change_the_theme(chromium: Browser, tmp_path: Path) -> None:
    file = written(tmp_path, grid(3, 6))
    with chromium.new_context(viewport={"width": 1440, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        tab.fill("#filter", "rpi5")
        assert tab.locator(".heat tbody tr:visible").count() == 1
        tab.fill("#filter", "int8")
        assert tab.locator(".heat thead th:visible").count() == 2
        tab.fill("#filter", "")
        size = tab.locator("#compare .c0 thead button", has_text="Size")
        size.focus()
        tab.keyboard.press("Enter")
        sizes = tab.locator('#compare .c0 td[data-l="Size"]').all_inner_texts()
        assert sizes[0].startswith("84.0")
        assert sizes[-1].startswith("1.24")
        assert tab.locator("#compare .c0 th[aria-sort=ascending]").count() == 1
        tab.locator("#theme").click()
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 19, 21)"


def test_the_saved_sheet_has_a_row_per_cell(chromium: Browser, tmp_path: Path) -> None:
    file = written(tmp_path, grid(3, 6))
    with chromium.new_context(accept_downloads=True) as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        with tab.expect_download() as download:
            tab.locator("#csv").click()
        lines = download.value.path().read_text(encoding="utf-8").split("\n")
    assert lines[0].startswith("board,variant,point,state,p50_ms")
    assert len(lines) == 1 + 18


def test_a_printed_page_shows_all_boards(chromium: Browser, tmp_path: Path) -> None:
    file = written(tmp_path, grid(3, 6))
    with chromium.new_context(viewport={"width": 760, "height": 900}, color_scheme="dark") as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        tab.emulate_media(media="print")
        assert all(tab.eval_on_selector_all(".bp", "all => all.map(b => b.checkVisibility())"))
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert tab.evaluate("document.documentElement.scrollWidth") <= 760
