"""The page explains itself: its terms, its words, and every finding that stands on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from farm_reports import page
from farm_reports.findings import DO, TEXTS, Name, finding
from farm_reports.meanings import CELL, COMPARED, FLEET, RUN, TERMS
from farm_reports.sections.reading import Reading, reading
from farm_reports.sections.view import View
from farm_reports.stats.power import BIAS, MARGIN, MIN_BLOCKS, SAME
from reports_html import Tags
from reports_screens import FIRST_SCREENS, failed, partial, without_comparisons
from reports_support import Made, changed, grid


def read(made: Made) -> Reading:
    body: Reading = reading(View(made.results, made.samples)).body
    return body


def doubted(*names: str) -> Made:
    """Three boards; the baseline of the first carries each finding."""
    made = grid(3, 6)
    found = [finding(name, "what was seen") for name in names]
    cells = [made.results.cells[0].model_copy(update={"findings": found}), *made.results.cells[1:]]
    return changed(made, cells=cells)


def rendered(made: Made) -> str:
    return page.render(made.results, made.samples)


@pytest.mark.parametrize("name", FIRST_SCREENS)
def test_it_is_the_last_section_and_the_top_of_the_page_leads_to_it(name: str) -> None:
    html = rendered(FIRST_SCREENS[name]())
    assert re.findall(r'<section id="(\w+)"', html)[-1] == "reading"
    for element in ("nav", "header"):
        part = html[html.index(f"<{element}") : html.index(f"</{element}>")]
        assert part.count('href="#reading"') == 1


def test_a_full_page_has_the_terms_the_words_its_own_verdict_and_the_states_of_its_cells() -> None:
    groups = {heading: [word for word, _ in words] for heading, words in read(failed()).groups}
    assert groups == {
        "Terms": list(TERMS),
        "Over all boards": list(FLEET),
        "Against the baseline": list(COMPARED),
        "This run": ["failed"],
        "A cell": ["invalid", "failed", "not run", "screened out"],
    }


def test_what_is_not_on_the_page_is_not_explained() -> None:
    groups = dict(read(without_comparisons()).groups)
    assert list(groups) == ["Terms", "This run"]
    assert [word for word, _ in groups["Terms"]] == ["launch"]
    assert "This run" not in dict(read(partial(5)).groups), "a run that is still going has no word"
    assert "Over all boards" not in dict(read(grid(2, 6)).groups)


def test_every_finding_of_the_page_is_explained_once_with_what_to_do_and_no_other() -> None:
    made = doubted("NOISY", "TIMER", "NOISY")
    assert [(known.name, known.text, known.do) for known in read(made).findings] == [
        (name.value, TEXTS[name], DO[name]) for name in (Name.TIMER, Name.NOISY)
    ]
    assert read(grid(3, 6)).findings == ()


def test_each_finding_of_the_list_leads_to_its_explanation() -> None:
    html = rendered(doubted(*Name, "NEW_ONE"))
    tags = Tags(html).tags
    ids = {attributes["id"] for tag, attributes in tags if tag == "dt" and "id" in attributes}
    assert ids == {f"finding-{name}" for name in Name}
    assert [attributes["href"][1:] for tag, attributes in tags if "#finding-" in attributes.get("href", "")] == [
        f"finding-{name}" for name in Name
    ]
    assert "<code>NEW_ONE</code>" in html, "a name that the table does not know stands without a link"


def test_the_rules_are_told_with_the_figures_they_are_judged_by() -> None:
    told = " ".join([*TERMS.values(), *COMPARED.values(), *CELL.values()])
    for figure in (f"{MARGIN * 100} %", f"{SAME * 100:.0f} %", f"{BIAS * 100} %", f"fewer than {MIN_BLOCKS} "):
        assert figure in told
    assert set(RUN) >= {"measured", "passed", "failed", "inconclusive", "invalid"}


@pytest.mark.parametrize("width", [1440, 390])
def test_a_press_on_a_finding_shows_its_explanation_under_the_strict_policy(
    chromium: Browser, strict_site: str, tmp_path: Path, width: int
) -> None:
    """Without script and without the page's own style: the stylesheet beside it must do."""
    (tmp_path / "report.html").write_text(rendered(doubted(*Name)), encoding="utf-8")
    (tmp_path / "report.css").write_text(page.stylesheet(), encoding="utf-8")
    with chromium.new_context(java_script_enabled=False, viewport={"width": width, "height": 900}) as context:
        tab = context.new_page()
        tab.goto(f"{strict_site}/report.html")
        tab.get_by_role("link", name="NOISY").click()
        expect(tab.locator("#finding-NOISY")).to_be_in_viewport(timeout=30_000)
        columns = tab.evaluate("getComputedStyle(document.querySelector('.read')).columnCount")
    assert columns == ("2" if width == 1440 else "1")


def test_it_is_printed(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(rendered(doubted("NOISY")), encoding="utf-8")
    with chromium.new_context() as context:
        tab = context.new_page()
        tab.goto(file.as_uri())
        tab.emulate_media(media="print")
        assert tab.locator("#reading dt").filter(has_text="launch").is_visible()
        assert tab.locator("#finding-NOISY").is_visible()
