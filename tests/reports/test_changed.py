"""The page of a run with a past: what changed, what could not be compared, and no word of another question."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from farm_orchestrator.cli.since import changes
from farm_reports import exports, page
from farm_reports.charts import since
from farm_reports.results import Cell
from farm_reports.sections import changed as section
from farm_reports.sections import verdict
from farm_reports.sections.view import View
from past_support import BUDGETS, PAGES, held, no_regression, pair, regressed, undecided
from reports_html import Tags
from reports_screens import FIRST_SCREENS
from reports_support import Made, grid

OF_THE_BASELINE = re.compile(r"\b(faster|slower|same|undecided)\b")
OF_THE_PAST = re.compile(r"\b(regress\w*|improved|equivalent)\b", re.IGNORECASE)


def rendered(made: Made) -> str:
    return page.render(made.results, made.samples, made.beside)


def part(html: str, name: str) -> str:
    start = html.index(f'<section id="{name}"')
    return html[start : html.index("</section>", start)]


def body(made: Made) -> section.Changed:
    found = section.changed(View(made.results, made.samples, made.beside))
    assert found is not None
    told: section.Changed = found.body
    return told


def panel(made: Made) -> verdict.Verdict:
    told: verdict.Verdict = verdict.verdict(View(made.results, made.samples)).body
    return told


def test_the_order_of_a_page_with_a_past() -> None:
    found = re.findall(r'<section id="(\w+)"', rendered(regressed()))
    assert found[:4] == ["verdict", "changed", "ship", "matrix"]
    assert found[-3:] == ["trust", "data", "reading"]


def test_the_first_screen_says_the_worst_change_with_its_interval_and_its_budget() -> None:
    html = part(rendered(regressed()), "verdict")
    text = re.sub(r"</?b\b[^>]*>", "", html).replace("\u00a0", " ")
    assert '<div class="verdict v-regressed">' in html
    assert "<span>Regressed</span>" in html
    assert (
        "3 of 264 comparisons are worse than the budget allows. The worst is int8-qdq on rpi5-8g: median latency "
        "+12.0 % (95 % CI +10.7 to +13.3), budget +5 %." in text
    )
    assert 'aria-label="Comparisons with the past, by verdict"' in html


def test_the_counts_of_the_first_screen_are_those_of_the_past() -> None:
    counts = {count.word: count.number for count in panel(regressed()).counts}
    assert counts == {"regressed": 3, "inconclusive": 1, "improved": 2, "equivalent": 80, "not run": 2}


def test_the_gates_name_their_budget_and_the_worst_cell() -> None:
    tiles = {tile.name: tile for tile in panel(regressed()).tiles}
    assert list(tiles) == ["Latency p50, budget", "Peak memory, budget", "Accuracy, budget"]
    assert tiles["Latency p50, budget"].line.replace("\u00a0", " ") == "3 of 88 beyond +5 %"
    assert "int8-qdq on rpi5-8g" in tiles["Latency p50, budget"].worst
    assert tiles["Peak memory, budget"].word == "not measured"


def test_rows_stand_worst_first_with_change_interval_times_and_word() -> None:
    rows = body(regressed()).rows
    assert [row.word for row in rows] == ["regressed"] * 3 + ["inconclusive"] + ["improved"] * 2
    assert [row.change.replace("\u00a0", " ") for row in rows] == [
        "+12.0 %", "+9.6 %", "+8.6 %", "+5.7 %", "\u22124.4 %", "\u22127.0 %",
    ]  # fmt: skip
    assert (rows[0].variant, rows[0].board, rows[0].glyph) == ("int8-qdq", "rpi5-8g", "\u25b2")
    assert rows[0].interval.replace("\u00a0", " ") == "+10.7 to +13.3 %"
    assert rows[0].times.replace("\u00a0", " ") == "3.39 \u2192 3.80 ms"


def test_what_could_not_be_compared_is_listed_with_why() -> None:
    assert dict(body(regressed()).missing) == {
        "r192 on every board": "is not part of the earlier run",
        "fp16 on imx8mp and a16w8 on imx8mp": "not run: the provider has no kernel for QLinearConv",
        "prune70 on every board": "the variant is not part of this run",
    }


def test_every_comparison_is_flagged_counted_or_listed() -> None:
    results = regressed().results
    words = [cell.versus_past.verdict for cell in results.cells if cell.versus_past]
    assert len(words) == len(results.cells)
    past = results.past
    assert past is not None
    assert past.compared + words.count("invalid") == len(results.cells)
    assert sum(words.count(word) for word in ("regressed", "inconclusive", "improved", "equivalent")) == past.compared


def test_what_else_is_different_stands_in_words_grouped_by_board() -> None:
    text = " ".join(Tags(part(rendered(regressed()), "changed")).words)
    assert "onnxruntime was 1.22.0 and is 1.23.0 on rpi5-8g, rpi4-4g and orin-nano." in text
    assert "The two runs were 3 days apart." in text
    assert text.count("time against time across the runs") == 1


def test_the_top_of_the_page_names_both_runs() -> None:
    html = rendered(regressed())
    head = re.sub(r"<[^>]+>", "", html[html.index("<header") : html.index("</header>")])
    assert "against 20261117-021500-b07d (main, b07d44a0c1, 17 Nov 2026, 02:15 UTC)" in head
    assert "against" not in re.findall(r'<p class="meta">run.*', rendered(grid(2, 6)))[0]


def test_where_nothing_changed_the_section_says_so_with_what_it_could_have_seen() -> None:
    made = no_regression()
    html = part(rendered(made), "changed").replace("\u00a0", " ")
    assert "<svg" not in html
    assert (
        "Nothing: all 96 comparisons are no worse than their margin; the smallest change this comparison could see is "
        "5.4 %, or 7.5 % time against time." in html
    )
    assert made.results.verdict == "passed"
    assert made.results.sentence.startswith("No regression in 96 comparisons; the smallest change")


def test_an_open_comparison_says_what_would_decide_it() -> None:
    decide = panel(undecided()).decide
    assert decide is not None
    assert "1 comparison needs a budget, as in --budget latency_p50=+5%" in decide
    assert "--preset standard" in decide


@pytest.mark.parametrize("make", FIRST_SCREENS.values(), ids=FIRST_SCREENS)
def test_without_a_past_no_page_and_no_summary_has_a_word_of_it(make: Callable[[], Made]) -> None:
    made = make()
    text = " ".join(Tags(rendered(made)).words)
    assert not OF_THE_PAST.search(text)
    assert not OF_THE_PAST.search(exports.summary(made.results))
    assert not OF_THE_PAST.search(exports.junit(made.results))
    assert 'id="changed"' not in rendered(made)


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_what_changed_has_no_word_of_the_baseline(make: Callable[[], Made]) -> None:
    assert not OF_THE_BASELINE.search(" ".join(Tags(part(rendered(make()), "changed")).words))
    titles = re.findall(r"<title>([^<]*)</title>", part(rendered(make()), "changed"))
    assert not OF_THE_BASELINE.search(" ".join(titles))


def test_the_matrix_rings_what_changed_and_its_legend_names_only_what_is_there() -> None:
    html = part(rendered(regressed()), "matrix")
    assert len(re.findall(r'<td class="h\S+ [^"]*\bregressed\b', html)) == 3
    assert len(re.findall(r'<td class="h\S+ [^"]*\bimproved\b', html)) == 2
    title = re.search(r'title="(int8-qdq on rpi5-8g[:\n][^"]*)"', html)
    assert title is not None
    assert "+12.0\u00a0% since the past: \u25b2 regressed" in title[1]
    assert "regressed since the past" in html
    quiet = part(rendered(no_regression()), "matrix")
    assert "since the past" not in quiet
    assert "ring regressed" not in quiet


def test_the_page_explains_the_words_of_the_past_only_where_there_is_one() -> None:
    assert "<h3>Against the past</h3>" in part(rendered(regressed()), "reading")
    assert "Against the past" not in rendered(grid(2, 6))


def test_many_changes_are_cut_and_counted() -> None:
    everything = {(cell.board, cell.variant): 0.2 for cell in grid(8, 12).results.cells if cell.variant != "fp32"}
    earlier, now = pair(everything)
    found = body(held(earlier, now))
    assert (len(found.rows), found.more) == (50, 38)
    assert "and 38 more in results.json" in rendered(held(earlier, now))


def test_other_budgets_have_their_own_rows() -> None:
    earlier, now = pair({}, boards=1, variants=6)
    cells = [_heavier(cell) if cell.variant == "pruned" else cell for cell in now.results.cells]
    made = held(earlier, Made(now.results.model_copy(update={"cells": cells}), {}))
    (row,) = body(made).others
    assert (row.metric, row.where, row.word, row.interval) == ("Accuracy", "pruned on local", "regressed", "")
    assert row.change.replace("\u00a0", " ") == "\u22122.0 pt"
    assert made.results.verdict == "regressed"


def _heavier(cell: Cell) -> Cell:
    score = cell.accuracy
    return cell.model_copy(update={"accuracy": score.model_copy(update={"value": (score.value or 0) - 0.02})})


def test_junit_tells_a_budget_from_a_limit() -> None:
    root = ET.fromstring(exports.junit(regressed().results).encode())  # noqa: S314 - our own text
    found = {(suite.attrib["name"], case.attrib["name"]): case for suite in root for case in suite.iter("testcase")}
    failure = found["rpi5-8g", "latency_p50 since then · int8-qdq"][0]
    assert (failure.tag, failure.attrib["type"]) == ("failure", "BudgetExceeded")
    assert failure.attrib["message"] == "p50 +12.0 % (+9.5 % to +14.5 %), budget +5%"
    assert found["vim4", "latency_p50 since then · distilled"][0].tag == "skipped"
    assert found["imx8mp", "latency_p50 since then · a16w8"][0].tag == "error"
    assert len(found["am69-sk", "latency_p50 since then · fp16"]) == 0


def test_the_summary_opens_with_what_changed() -> None:
    text = exports.summary(regressed().results)
    assert text.startswith("### \u274c Regressed: 3 of 264 comparisons are worse than the budget allows")
    assert "| rpi5-8g | int8-qdq | p50 | +12.0 % | +10.7 \u2026 +13.3 | +5.0 % | regressed |" in text
    assert (
        "Against 20261117-021500-b07d: 3 regressed, 1 inconclusive, 2 improved, 80 equivalent, 18 not compared" in text
    )
    assert text.index("| rpi5-8g | int8-qdq | p50") < text.index("| board | ship |")
    assert text.count("time against time across the runs") == 1
    assert "onnxruntime was 1.22.0 and is 1.23.0 on rpi5-8g, rpi4-4g and orin-nano." in text


def test_a_summary_of_thousands_of_changes_stays_small() -> None:
    everything = {(cell.board, cell.variant): 0.2 for cell in grid(100, 50).results.cells}
    earlier, now = pair(everything, boards=100, variants=50)
    text = exports.summary(held(earlier, now).results)
    assert len(text.encode()) <= 60_000
    assert "more in results.json" in text


def test_a_terminal_shows_the_changes_worst_first() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    for each in changes(regressed().results):
        console.print(each)
    text = console.export_text()
    assert text.index("\u25b2 regressed") < text.index("? inconclusive") < text.index("\u25bc improved")
    assert "3 regressed, 1 inconclusive, 2 improved, 80 equivalent" in text
    assert "The two runs were 3 days apart." in " ".join(text.split())
    assert changes(grid(2, 6).results) == []


@given(st.lists(st.floats(0.05, 20), min_size=1, max_size=6), st.floats(0.001, 0.3))
def test_a_chart_of_any_changes_is_finite_and_holds_all_of_them(ratios: list[float], spread: float) -> None:
    found = [since.Change(at, at / (1 + spread), at * (1 + spread), "regressed", "x", spread, 0.05) for at in ratios]
    scale = since.axis(found)
    for one in found:
        drawing = str(since.row(scale, one))
        assert "nan" not in drawing
        assert all(-1 <= float(x) <= since.WIDTH + 1 for x in re.findall(r'(?:x1|x2|cx)="(-?[\d.]+)"', drawing))
    labels = re.findall(r'x="([\d.]+)"', str(since.axis_row(scale)))
    assert all(abs(float(a) - float(b)) >= since.LABEL - 1 for a in labels for b in labels if a != b)


def test_a_page_without_budgets_speaks_of_margins() -> None:
    assert any("dashed: margin" in text for text in body(undecided()).legend)
    assert any("dashed: budget" in text for text in body(regressed()).legend)
    assert BUDGETS.keys() == {"latency_p50", "peak_memory", "accuracy"}
