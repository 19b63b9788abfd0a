"""Runs that went oddly: what their page says, what it leaves out, and that nothing on it is made up."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from farm_reports import exports
from farm_reports.charts import svg, tradeoff
from farm_reports.results import Results
from farm_reports.sections import words
from farm_reports.sections.missing import Missing, missing
from farm_reports.sections.view import View
from odd_support import ODD
from reports_html import Tags
from reports_pages import rendered
from reports_support import Made


@cache
def made(name: str) -> Made:
    return ODD[name]()


@cache
def page_of(name: str) -> str:
    html = rendered(made(name))
    return html[html.index("<body") :]


def said(name: str) -> str:
    """All text of the page, with plain spaces."""
    return " ".join(" ".join(Tags(page_of(name)).words).replace("\u00a0", " ").split())


def sections(name: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page_of(name))


def gaps(name: str) -> list[Missing]:
    return list(missing(View(made(name).results, made(name).samples)))


SENTENCES = {
    "nothing": "None of the 2 boards was measured: rpi5-02 (connection refused by 192.0.2.7 port 22) and rock5b (the host key changed).",
    "one_variant": "fp32 takes 4.01 ms on rpi5-02; there is no other variant to compare it with. No limit or budget was set.",
    "one_variant_on_twelve": "fp32 takes 4.09 to 4.96 ms on every board; there is no other variant to compare it with. No limit or budget was set.",
    "fifty_variants": "int8-recipe-00 is 3.2 x faster on rpi5-02. No limit or budget was set.",
    "one_launch": "struct50 has the lowest median, 1.30 ms on rpi5-02; no variant is compared with another. No limit or budget was set.",
    "interrupted": "Running: 0 of 3 cells, block 1 of 8. Provisional, no verdict yet.",
    "some_metrics": "struct50 is 3.1 x faster on every board. No limit or budget was set.",
    "clock_stood": "struct50 is 3.1 x faster on rpi5-02. No limit or budget was set.",
    "extremes": "int8 is 3,997,173 x faster on rpi5-02. No limit or budget was set.",
    "baseline_failed": "struct50 is the fastest variant on every board; fp32, the baseline, was not measured on rock5b, so nothing is compared there. No limit or budget was set.",
    "baseline_failed_everywhere": "struct50 is the fastest variant on rpi5-02; fp32, the baseline, was not measured, so nothing is compared. No limit or budget was set.",
    "all_refused": "Nothing was measured: all 3 variants were refused (the checker of onnx refuses it: no output is made by any node).",
    "none_fits": "int8 misses a limit on rpi5-02: p50 1.70 ms (1.70 to 1.71), limit 1.1 ms; so it does on 2 more boards.",
    "accuracy_limit": "int8 is 2.3 to 2.4 x faster on every board and inside all limits.",
    "tie": "int8-pc and int8 cannot be told apart on rpi5-02 (-0.2 %, 95 % CI -1.2 to +0.9). No limit or budget was set.",
    "baseline_wins": "Nothing is faster than fp32 on any board. No limit or budget was set.",
    "many_boards": "int8 wins on 9 of 14 boards, struct50 on 5 (pi5: int8 on 9 of 9, nano: struct50 on 5 of 5). No limit or budget was set.",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_the_first_sentence_is_what_was_found(name: str) -> None:
    assert made(name).results.sentence == SENTENCES[name]


@pytest.mark.parametrize("name", ODD)
def test_the_document_stands_and_no_number_of_the_page_is_none(name: str) -> None:
    results = made(name).results
    assert Results.model_validate(results.document()) == results
    assert not re.search(r"\b(nan|inf)\b|\bNone\b(?! of the)", said(name))
    assert exports.summary(results)


@pytest.mark.parametrize("name", ["nothing", "all_refused"])
def test_a_run_without_a_figure_says_why_and_draws_nothing(name: str) -> None:
    assert sections(name)[0] == "verdict"
    assert not {"ship", "matrix", "compare", "distributions", "tradeoffs"} & set(sections(name))
    assert "v-invalid" in page_of(name)


def test_a_board_is_not_blamed_for_variants_that_were_refused() -> None:
    assert "farm boards probe" not in said("all_refused")
    assert "fp32, int8 and struct50" in said("all_refused")


@pytest.mark.parametrize("name", ["one_variant", "one_variant_on_twelve"])
def test_a_single_variant_has_its_figures_once_and_nothing_to_be_compared_with(name: str) -> None:
    assert not {"matrix", "compare", "tradeoffs"} & set(sections(name))
    text = said(name)
    assert "One variant: its figures, and nothing to compare them with." in text
    assert "What to ship" not in text
    assert not re.search(r"\b(faster than|slower|undecided|ship)\b", text.split("How to read")[0])


def test_the_boards_of_a_single_variant_stand_in_one_drawing() -> None:
    html = page_of("one_variant_on_twelve")
    charts = html[html.index('<section id="distributions"') : html.index('<section id="trust"')]
    assert charts.count('aria-label="Latency of fp32: rpi5-01 is the fastest') == 2, "wide and narrow"
    assert 'class="seg"' not in charts


def test_one_launch_each_ships_nothing() -> None:
    text = said("one_launch")
    assert "The lowest median" in text
    assert "Without a comparison it is no more than that" in text
    assert 'class="best"' not in page_of("one_launch")
    assert "to ship" not in text


def test_a_metric_without_a_source_says_where_why_and_what_would_give_it() -> None:
    assert [(gap.what, gap.why, gap.do) for gap in gaps("some_metrics")] == [
        ("Peak memory on rock5b", "the kernel does not count it", ""),
        ("Energy on rpi5-02 and rock5b", "no power sensor",
         "A power meter for each board in the inventory gives it: `meter: shelly://HOST`."),
    ]  # fmt: skip
    assert "Areas tell the energy of an inference, where a sensor read it." in said("some_metrics")


def test_a_metric_that_nothing_has_is_no_column() -> None:
    assert ">Energy</th>" not in page_of("one_launch")
    assert [gap.what for gap in gaps("one_launch")] == ["p99", "Energy"]
    assert ">Energy</th>" in page_of("some_metrics")


def test_a_tile_never_cuts_a_reason() -> None:
    tiles = re.findall(r"<b>\u2013</b> <small>([^<]*)</small>", page_of("some_metrics"))
    assert set(tiles) == {"not measured"}


def test_a_clock_that_stood_still_is_named_as_the_reason() -> None:
    assert "a median of 0 ns: the board's clock stood still" in said("clock_stood").replace("\u2019", "'")


def test_an_iteration_within_one_step_of_the_clock_is_drawn_and_stops_no_page() -> None:
    run = made("one_launch")
    coarse = {key: np.concatenate([[0], values[1:]]) for key, values in run.samples.items()}
    assert 'id="distributions"' in rendered(replace(run, samples=coarse))


def test_extremes_are_written_with_their_power_of_ten() -> None:
    text = said("extremes")
    assert "4.0\u00b710\u2076\u00d7" in text
    assert "1.1\u00b710\u2077 ms" in text
    assert not re.search(r"\de[+-]\d", text)


def test_variants_without_their_baseline_have_figures_and_no_ratio() -> None:
    matrix = page_of("baseline_failed").split('<section id="matrix"')[1].split("</section>")[0]
    row = matrix.split('<th scope="row">rock5b')[1]
    assert row.count("not compared") == 2
    assert "1.30\u00a0ms" in row


def test_where_nothing_fits_the_nearest_has_the_figures() -> None:
    text = said("none_fits")
    assert "No variant is inside all limits: the figures are those of the nearest." in text
    assert text.count("none fits nearest: struct50") == 3
    heading = re.search(r'id="ship-h">(.*?)</h2>', page_of("none_fits"))
    assert heading is not None
    assert "1.301\u00a0ms, limit" in heading[1], "without its interval"


def test_what_every_board_rules_out_alike_is_said_once() -> None:
    text = said("accuracy_limit")
    assert text.count("struct50 accuracy \u22126.2 pt, limit \u22120.3 pt") == 1
    assert "Ruled out on every board" in text


def test_the_area_of_a_bubble_goes_with_its_energy() -> None:
    most, quarter = (tradeoff.Bubble("v", 1.0, 1.0, "", share=share).radius for share in (1.0, 0.25))
    assert most == 2 * quarter
    assert tradeoff.Bubble("v", 1.0, 1.0, "").radius == tradeoff.RADIUS


@pytest.mark.parametrize(("low", "high"), [(1e-7, 4e6), (1.0, 1e9), (0.5, 8.0), (3.9, 5.2), (1.0, 1.0)])
def test_an_axis_of_any_length_has_a_few_ticks_above_zero(low: float, high: float) -> None:
    ticks = svg.log_ticks(low, high, 5)
    assert 1 <= len(ticks) <= 6
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("int8 is 2.4 x faster", "int8 is 2.4\u00a0\u00d7 faster"),
        ("p50 19.6 ms (19.5 to 19.7), limit 18 ms", "p50 19.6\u00a0ms (19.5\u00a0to\u00a019.7), limit 18\u00a0ms"),
        ("accuracy -2.0 pt, limit -0.3 pt", "accuracy \u22122.0\u00a0pt, limit \u22120.3\u00a0pt"),
        ("on 3 boards, rpi5-02 port 22", "on 3 boards, rpi5-02 port 22"),
    ],
)
def test_a_sentence_is_set_with_its_signs(text: str, written: str) -> None:
    assert words.typeset(text) == written


def test_names_in_a_sentence_stay_as_they_are() -> None:
    said = words.emphasised("a-1 x wins on b 4 ms", ["a-1 x", "b 4 ms"])
    assert str(said) == '<b class="nb">a-1 x</b> wins on <b>b 4 ms</b>'
