"""What CI reads: JUnit XML, Markdown and the JSON Schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

import past_support
from farm_reports import exports
from farm_reports.results import Gate, GateCell
from reports_screens import (
    FIRST_SCREENS,
    demo,
    failed,
    hostile,
    inconclusive,
    not_run_cell,
    nothing,
    partial,
    with_no_winner,
)
from reports_support import Made, changed, grid

SCREENS = {**FIRST_SCREENS, **past_support.PAGES, "hostile": hostile}
RESULTS = {"failure", "error", "skipped"}


def suites(made: Made) -> ET.Element:
    return ET.fromstring(exports.junit(made.results).encode())  # noqa: S314 - our own text


def cases(made: Made) -> dict[tuple[str, str], ET.Element]:
    root = suites(made)
    return {(s.attrib["name"], c.attrib["name"]): c for s in root for c in s.iter("testcase")}


@pytest.mark.parametrize("name", SCREENS)
def test_junit_has_the_shape_that_readers_expect_and_its_sums_are_right(name: str) -> None:
    made = SCREENS[name]()
    root = suites(made)
    assert root.tag == "testsuites"
    assert [suite.attrib["name"] for suite in root] == [board.name for board in made.results.boards]
    for kind, attribute in (
        ("testcase", "tests"),
        ("failure", "failures"),
        ("error", "errors"),
        ("skipped", "skipped"),
    ):
        assert int(root.attrib[attribute]) == len(list(root.iter(kind)))
    for suite in root:
        assert [child.tag for child in suite] == sorted(
            (child.tag for child in suite), key=["properties", "testcase"].index
        )
        for case in suite.iter("testcase"):
            assert case.attrib["classname"].startswith(f"farm.{suite.attrib['name']}")
            assert {child.tag for child in case} <= RESULTS
            assert len(case) <= 1


def test_a_missed_limit_is_a_failure_that_names_value_interval_and_limit() -> None:
    failure = cases(failed())["vim4", "latency_p50 · int8-qdq"][0]
    assert failure.tag == "failure"
    assert failure.attrib["type"] == "LimitExceeded"
    assert failure.attrib["message"] == "p50 19.6 ms (95 % CI 19.5 ms to 19.7 ms), limit 18ms"


def test_the_interval_of_a_relative_limit_which_all_gates_share_has_no_level() -> None:
    made = demo()
    judged = GateCell(board="local", variant="int8-qdq", value=0.151, low=0.125, high=0.176, verdict="failed")
    gate = Gate(kind="limit", metric="latency_p50", bound="+5%", verdict="failed", worst=judged, cells=[judged])
    failure = cases(changed(made, gates=[gate]))["local", "latency_p50 · int8-qdq"][0]
    assert failure.attrib["message"] == "p50 +15.1 % (+12.5 % to +17.6 %), limit +5%"


def test_a_gate_that_holds_passes_and_an_undecided_one_is_skipped() -> None:
    found = cases(inconclusive())
    assert len(found["rpi5-8g", "latency_p50 · int8-qdq"]) == 0
    assert found["vim4", "latency_p50 · int8-qdq"][0].tag == "skipped"
    assert found["vim4", "latency_p50 · int8-qdq"][0].attrib["message"].startswith("inconclusive: p50")


def test_a_shipped_variant_that_could_not_run_is_told_from_a_slow_one() -> None:
    made = demo()
    cells = [not_run_cell(cell, "does not load") if cell.variant == "int8-qdq" else cell for cell in made.results.cells]
    judged = GateCell(board="local", variant="int8-qdq", value=None, verdict="failed", reason="does not load")
    gate = Gate(kind="limit", metric="latency_p50", bound="1ms", verdict="failed", worst=judged, cells=[judged])
    failure = cases(changed(made, cells=cells, gates=[gate]))["local", "latency_p50 · int8-qdq"][0]
    assert (failure.tag, failure.attrib["type"], failure.attrib["message"]) == ("failure", "NotRun", "does not load")


def test_a_gate_that_was_not_measured_is_an_error() -> None:
    found = cases(partial(5))
    assert found["rpi5-8g", "latency_p50 · int8-qdq"][0].tag == "error"


def test_a_cell_outside_the_gates_is_listed_only_where_it_has_no_figure() -> None:
    found = cases(failed())
    assert found["rpi5-8g", "measured · int8-dynamic"][0].attrib["message"].startswith("not_run: the provider")
    assert found["rpi4-4g", "measured · pruned"][0].tag == "skipped"
    assert found["orin-nano", "measured · int8-mixed"][0].tag == "error"
    assert ("rpi5-8g", "measured · fp16") not in found


def test_without_gates_each_measured_cell_is_a_passing_case() -> None:
    found = cases(grid(2, 6))
    assert len(found) == 12
    assert all(len(case) == 0 for case in found.values())


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    made = demo()
    cells = [not_run_cell(cell, "bell \x07 and \ud800 half") for cell in made.results.cells]
    found = cases(changed(made, cells=cells, gates=[]))
    assert found["local", "measured · fp32"][0].attrib["message"] == "not_run: bell � and � half"


def test_the_summary_opens_with_the_word_and_shows_what_to_ship() -> None:
    text = exports.summary(demo().results)
    assert text.startswith("### ✅ Passed: int8-qdq is 2.4 x faster on local and inside all limits\n")
    assert "| board | ship | p50 | x fp32 | 95 % CI | top-1 | peak memory | ruled out |" in text
    assert "| local | int8-qdq | 92.9 µs | 2.36 | 2.34 … 2.38 | 99.6 % | 57.5 MB | distilled (accuracy -2.0 pt," in text
    assert (
        "3 faster, 2 slower, 0 same, 0 undecided, 0 invalid, 0 failed, 0 not_run, 0 screened_out; smallest effect 2.1 %"
        in text
    )


def test_the_summary_of_a_failed_run_names_the_gate_and_still_says_what_to_ship() -> None:
    text = exports.summary(failed().results)
    assert text.startswith("### ❌ Failed: int8-qdq misses a limit on vim4")
    assert "- latency_p50 18ms: failed, worst 19.6 ms (int8-qdq on vim4)" in text
    assert "**int8-qdq wins on 5 of 8 boards, int8-pc on 3**" in text


def test_the_summary_of_a_run_that_goes_on_takes_no_verdict() -> None:
    text = exports.summary(partial(5).results)
    assert text.startswith("### ⏳ Partial: Running: 0 of 12 cells")
    assert not re.search(r"\| (faster|slower|same) \|", text)
    assert text.count("| provisional |") == 10


def test_where_nothing_fits_the_summary_names_the_nearest() -> None:
    assert "| local | none fits, nearest int8-qdq: p50 0.09 ms, limit 0.05 ms |" in exports.summary(
        with_no_winner(demo()).results
    )


def test_five_thousand_rows_fit_into_sixty_kilobytes_and_no_row_is_cut() -> None:
    text = exports.summary(grid(100, 50).results)
    assert 50_000 < len(text.encode()) <= 60_000
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert {row.count("|") for row in rows} == {9}
    left_out = [int(number) for number in re.findall(r"^and (\d+) more in results.json$", text, re.MULTILINE)]
    assert sum(left_out) + len(rows) - 4 == 5000 + 100
    assert text.endswith("</details>\n")


@pytest.mark.parametrize("make", [hostile, nothing])
def test_markdown_keeps_its_tables_whatever_the_names(make: Callable[[], Made]) -> None:
    text = exports.summary(make().results)
    assert not re.search(r"<(?!/?details>|/?summary>)", text)
    rows = [line for line in text.split("\n") if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}


@pytest.mark.parametrize("name", SCREENS)
def test_every_document_keeps_to_the_schema(name: str) -> None:
    document = json.loads(json.dumps(SCREENS[name]().results.document()))
    Draft202012Validator.check_schema(exports.schema())
    Draft202012Validator(exports.schema()).validate(document)


def test_the_schema_refuses_what_the_format_does_not_know() -> None:
    document = demo().results.document()
    validator = Draft202012Validator(exports.schema())
    assert not validator.is_valid({**document, "extra": 1})
    assert not validator.is_valid({**document, "verdict": "great"})
    assert not validator.is_valid({key: value for key, value in document.items() if key != "cells"})


def test_the_schema_is_named_by_a_name_and_not_by_an_address() -> None:
    schema = exports.schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:benchfarm:farm.result:1"
