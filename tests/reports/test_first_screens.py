"""The first screen of each word, runs that are still going, and cells that have no figure."""

from __future__ import annotations

import re

import pytest

from farm_reports import judge, page
from farm_reports.results import Results
from farm_reports.sections import header, verdict
from farm_reports.sections.view import View
from farm_reports.sections.words import typeset
from reports_html import Tags
from reports_screens import (
    FIRST_SCREENS,
    failed,
    measured,
    nothing,
    partial,
    passed,
    two_points,
    with_states,
    without_comparisons,
    without_labels,
)
from reports_support import Made, Samples, board, changed, grid, run
from tables_support import launches, tables

WORDS = {
    "measured": ("v-measured", "Measured"),
    "passed": ("v-passed", "Passed"),
    "failed": ("v-failed", "Failed"),
    "inconclusive": ("v-inconclusive", "Inconclusive"),
    "invalid": ("v-invalid", "Invalid"),
    "partial": ("v-partial", "Partial"),
    "not_run": ("v-invalid", "Invalid"),
}


def rendered(made: Made) -> str:
    return drawn(made.results, made.samples)


def drawn(results: Results, samples: Samples | None = None) -> str:
    """The body of the page: what a reader gets to see, without the stylesheet."""
    html = page.render(results, samples or {})
    return html[html.index("<body") :]


def body(made: Made) -> verdict.Verdict:
    found: verdict.Verdict = verdict.verdict(View(made.results, made.samples)).body
    return found


def sections(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', html)


@pytest.mark.parametrize("name", WORDS)
def test_each_word_has_its_panel_its_icon_and_its_sentence(name: str) -> None:
    made = FIRST_SCREENS[name]()
    html = rendered(made)
    look, word = WORDS[name]
    assert f'class="verdict {look}"' in html
    panel = html[html.index('<section id="verdict"') : html.index("</section>")]
    assert f"<span>{word}</span>" in panel
    assert "<svg" in panel
    assert re.sub(r"</?b[^>]*>", "", panel).count(typeset(made.results.sentence)) == 1


@pytest.mark.parametrize("name", WORDS)
def test_the_counts_of_the_panel_add_up_to_all_comparisons(name: str) -> None:
    made = FIRST_SCREENS[name]()
    counted = sum(count.number for count in body(made).counts)
    baselines = [c for c in made.results.cells if c.variant == "fp32" and c.state == "measured"]
    assert counted == len(made.results.cells) - len(baselines)


def test_cells_without_a_comparison_are_counted_apart() -> None:
    minors = {count.word: count.number for count in body(failed()).counts if count.minor}
    assert minors == {"invalid": 1, "failed": 1, "not run": 1, "screened out": 1}


def test_a_long_list_of_digests_is_folded_and_printed_all_the_same() -> None:
    folded = '<details class="sources"><summary>12 files and their digests</summary>'
    assert folded in rendered(measured())
    assert '<details class="sources" open>' in rendered(FIRST_SCREENS["demo"]())
    assert "details::details-content" in page.stylesheet().split("@media print")[1]


def test_passed_is_said_only_with_gates_that_were_all_measured() -> None:
    assert {tile.word for tile in body(passed()).tiles} == {"passed"}
    assert all(not body(FIRST_SCREENS[name]()).tiles for name in ("measured", "not_run"))


def test_failed_gates_come_first_and_name_the_worst() -> None:
    tiles = body(failed()).tiles
    assert [tile.word for tile in tiles] == ["failed", "passed", "passed"]
    assert tiles[0].worst == "worst 19.6\u00a0ms (19.5 to 19.7), int8-qdq on vim4"
    assert tiles[0].gauge is not None


def test_an_invalid_run_has_no_green_gate() -> None:
    made = changed(passed(), verdict="invalid")
    assert {tile.colour for tile in body(made).tiles} == {"ink2"}


def test_an_invalid_run_says_per_board_what_to_do() -> None:
    troubles = body(FIRST_SCREENS["invalid"]()).troubles
    assert [(t.where, t.do) for t in troubles] == [
        ("am69-sk", "farm boards probe am69-sk"),
        ("vim4", "farm boards probe vim4"),
    ]


def test_an_inconclusive_run_says_what_would_decide_it() -> None:
    decide = body(FIRST_SCREENS["inconclusive"]()).decide
    assert decide is not None
    assert decide.startswith("1 gate needs a narrower interval")
    assert "--preset standard" in decide


def test_a_run_that_measured_nothing_shows_only_why() -> None:
    html = rendered(nothing())
    assert sections(html) == ["verdict", "trust", "data", "reading"]
    assert "connection refused by 192.0.2.7 port 22" in html


def test_the_order_of_the_sections() -> None:
    assert sections(rendered(measured())) == [
        "verdict", "ship", "matrix", "compare", "distributions", "tradeoffs", "trust", "data", "reading",
    ]  # fmt: skip


def test_one_board_needs_no_matrix_beside_its_comparison() -> None:
    html = rendered(FIRST_SCREENS["demo"]())
    assert "matrix" not in sections(html)
    for name in ("p50", "p99", "Peak memory", "Size", "Top-1"):
        assert f'data-l="{name}"' in html


def test_the_headline_heads_what_to_ship_unless_the_verdict_said_it() -> None:
    assert re.search(r'id="ship-h"><b class="nb">int8-qdq</b> wins on 5 of 8 boards', rendered(failed()))
    assert 'id="ship-h">What to ship</h2>' in rendered(measured())


@pytest.mark.parametrize("blocks", [1, 5, 6])
def test_a_run_that_goes_on_shows_figures_and_no_verdict(blocks: int) -> None:
    html = rendered(partial(blocks))
    assert '<p class="strip"><b>Partial.</b>' in html
    assert 'class="pill p-provisional"' in html
    assert not re.search(r"[▼▲]|p-faster|p-slower|p-same|p-undecided", html)
    assert 'id="ship"' not in html
    assert "to ship" not in html
    assert ("range 7." in html) == (blocks < 6)
    assert ("95\u00a0% 7." in html) == (blocks >= 6)
    assert [tile.word for tile in body(partial(blocks)).tiles] == ["not measured"]


def test_a_run_without_a_block_shows_no_figure() -> None:
    html = rendered(partial(0))
    assert sections(html) == ["verdict", "trust", "data", "reading"]
    assert "no verdict yet" in html


@pytest.mark.parametrize("blocks", [0, 1, 5, 6])
def test_a_judged_run_that_goes_on_is_drawn_as_provisional(blocks: int) -> None:
    pending = [record for record in launches(blocks=8) if record.block >= blocks + 10]
    owed = [type(record)(**{**vars(record), "state": "pending", "p50_ns": None}) for record in pending]
    results: Results = judge.results(tables([*launches(blocks=blocks), *owed], partial=True))
    html = drawn(results)
    assert 'class="verdict v-partial"' in html
    assert html.count('class="pill p-provisional"') == (2 if blocks else 0)
    assert not re.search(r"p-faster|p-slower|p-invalid", html)


def test_a_judged_run_is_drawn_with_its_limits() -> None:
    limits = {"accuracy": "-0.3pt", "latency_p50": "3ms"}
    results = judge.results(tables(limits=limits, ship=("int8",)))
    html = drawn(results)
    assert "<span>Passed</span>" in html
    assert "<li><b>struct50</b> accuracy \u22126.2\u00a0pt, limit \u22120.3\u00a0pt" in html
    assert html.count("misses accuracy") == 1
    assert html.count("misses p50") == 1


def test_a_judged_run_without_comparisons_shows_no_ratio() -> None:
    html = drawn(judge.results(tables(launches(blocks=1), compare=False)))
    assert "\u00d7" not in html
    assert not re.search(r"[▼▲]", html)
    assert html.count('class="pill p-measured"') == 3


def test_cells_without_a_figure_say_their_state_and_reason() -> None:
    html = rendered(with_states(measured()))
    for state, reason in (
        ("not_run", "no kernel for QLinearConv"),
        ("failed", "opset 22"),
        ("invalid", "5 of 12 blocks"),
    ):
        assert f'class="hatch {state}"' in html
        assert html.count(reason) >= 2, "in the matrix and in the trust section"


def test_a_screened_out_cell_is_drawn_with_its_interval_and_has_no_violin() -> None:
    made = with_states(measured())
    cell = next(cell for cell in made.results.cells if cell.state == "screened_out")
    html = rendered(made)
    tile = re.search(r'<td class="h\S+ screened[^>]*>.*?</td>', html)
    assert tile is not None
    assert "<em>screened out</em>" in tile[0]
    assert re.search(r"<small>[\d.]+\u2013[\d.]+</small>", tile[0])
    assert "dotted: screened out" in html
    assert f"<title>{cell.variant}: median" in html, "other boards have it"
    charts = html[html.index('<section id="distributions"') : html.index('<section id="tradeoffs"')]
    board_chart = charts[charts.index(f'<h3 class="bh">{cell.board} ') :].split("<h3")[1]
    assert f"<title>{cell.variant}: median" not in board_chart
    assert [c.number for c in body(made).counts if c.word == "screened out"] == [1]


def test_without_labels_nothing_is_called_accuracy() -> None:
    html = rendered(without_labels())
    text = " ".join(Tags(html).words).lower()
    assert "accuracy" not in text
    assert "closeness against latency" in text
    assert 'data-l="Closeness"' in html


def test_points_are_told_apart_by_what_differs_and_the_winner_is_at_its_own() -> None:
    html = rendered(two_points())
    assert '<th scope="row">local, 1 thread' in html
    assert '<th scope="row">local, 4 threads' in html
    matrix = html[html.index('<section id="matrix"') : html.index('<section id="compare"')]
    rows = matrix.split("<tr>")[2:]
    assert [" ship" in row for row in rows] == [False, True]


def test_without_comparisons_the_page_shows_absolute_figures_only() -> None:
    html = rendered(without_comparisons())
    assert "Absolute figures, without a comparison." in html
    assert '<th scope="col" class="r">p90, MLPerf</th>' in html
    assert "99\u00a0% upper bound" in html
    assert "p90, MLPerf" not in rendered(grid(2, 6)), "beside comparisons it says nothing"
    assert "faster" not in " ".join(Tags(html[html.index('<section id="matrix"') :]).words)
    assert 'id="m-x"' not in html


def test_strips_name_what_a_reader_of_a_copy_must_know() -> None:
    made = changed(
        grid(2, 6), run=run(synthetic=True), boards=[board("rpi5-8g", lab=True), board("rpi4-4g", 1, lab=True)]
    )
    words = [strip.word for strip in header.strips(View(made.results, made.samples))]
    assert words == ["Synthetic", "Lab"]


def test_differences_between_boards_are_said_in_words_and_marked() -> None:
    html = rendered(measured())
    assert "onnxruntime differs between boards: 1.22.0 on 7 boards, 1.19.2 on rock5b." in html
    assert '<td class="odd">1.19.2 <small>differs</small></td>' in html


def test_the_smallest_effect_and_the_wider_floor_stand_on_every_page_that_compares() -> None:
    for name in ("measured", "passed", "failed", "demo"):
        html = rendered(FIRST_SCREENS[name]())
        assert "the smallest change this run could see" in html
        assert "Not calibrated: every interval holds a floor of 0.5\u00a0%, or of half the noise between pairs" in html


def test_what_was_promised_stands_beside_what_the_run_could_see_with_the_reason_by_board() -> None:
    text = " ".join(Tags(rendered(measured())).words).replace("\u00a0", " ")
    assert "30.0 %: the smallest change this run could see; 2.7 % was promised before the start." in text
    assert (
        "rpi4-4g: 2.7 % was promised on a typical board; its launches scattered by 12.0 %, not by 0.6 %, so only a change "
        "above 30.0 % would have been seen for a16w8." in text
    )
    assert "1.9 % to 2.6 % on rpi5-8g, orin-nano, rock5b, imx8mp, am69-sk and rpi5-lab, as promised or better." in text
