"""Every number a reader sees is a number of results.json, rounded as displayed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from farm_reports import figures, page
from farm_reports.results import Cell
from farm_reports.sections.words import typeset
from reports_html import Tags
from reports_pages import PAGES, html_of, state
from reports_screens import demo
from reports_support import Made, grid

NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?![\w.]*\d)")
DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d{1,2}\s[A-Z][a-z]{2}\s20\d\d\b")
# Words of the page that hold digits and are no figures: names of quantiles and margins, and file names.
FIXED = re.compile(
    r"p50|p99|p90|p95|p5|95\s%|±2\s%|0\.5\s%(?=[,)])|Top-1|SHA-256|5 windows after the first 2\ss|20 iterations"
)
OWN_WORDS = {"1.00", "1", "0"}  # the baseline's speed, the axis at one, and counts of nothing


def numbers(document: Any) -> Iterator[float]:
    """All numbers of a JSON document."""
    if isinstance(document, bool):
        return
    if isinstance(document, (int, float)):
        yield float(document)
    elif isinstance(document, dict):
        for value in document.values():
            yield from numbers(value)
    elif isinstance(document, list):
        for value in document:
            yield from numbers(value)


def texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts(value)


def displayed(made: Made) -> set[str]:
    """Every way in which the page may write a number of the document, and what can be counted in it."""
    document = made.results.document()
    found = set(OWN_WORDS)
    for value in {*numbers(document), *counted(made), *ratios(made)}:
        found |= set(written(abs(value)))
    return found


def written(value: float) -> Iterator[str]:
    """As it is; in another unit of time, size or clock; as an inverse ratio; in per cent, points or as a change."""
    yield from (
        f"{value:,.0f}",
        f"{value:.0f}",
        f"{value:.1f}",
        f"{value:#.3g}",
        f"{value / 1e6:g}",
        f"{value // 60:.0f}",
        f"{value % 60:.0f}",
    )
    yield f"{1 / value:,.0f}" if value else "0"
    scaled = (value, value * 1000, value / 1e3, value / 1e6, value / 1e9, *([1 / value] if value else []))
    texts_ = (figures.number(one, more) for one in scaled for more in range(3))  # ends that read alike get places more
    yield from (part for text in texts_ for part in text.split("\u00b7"))
    for share in (value, abs(value - 1)):
        yield from (f"{share * 100:.1f}", f"{share * 100:,.1f}", f"{share * 100:.0f}")


def counted(made: Made) -> Iterator[float]:
    """Sums and counts of what the document lists."""
    cells, results = made.results.cells, made.results
    yield from (len(cells), len(results.boards), len(results.variants), len(results.gates))
    for name in ("valid", "dropped", "lost"):
        yield sum(getattr(cell.launches, name) for cell in cells)
        for board in results.boards:
            yield sum(getattr(cell.launches, name) for cell in cells if cell.board == board.name)
    yield from (
        sum(cell.verdict == word for cell in gate.cells) for gate in results.gates for word in ("passed", "failed")
    )
    yield from (len(gate.cells) for gate in results.gates)
    yield sum(len(gate.cells) for gate in results.gates if gate.kind == "budget")
    if results.past is not None:  # changes of ratios
        changes = [cell.versus_past for cell in cells if cell.versus_past]
        yield from (end - 1 for one in changes for end in (one.ratio, one.low, one.high) if end is not None)
    for one in results.fleet:
        yield from (len(one.units), sum(len(unit.boards) for unit in one.units), math.sqrt(one.tau2 or 0))
    for field in ("kernel", "onnxruntime"):
        values = [getattr(board, field) for board in results.boards]
        yield from (values.count(value) for value in values)


def ratios(made: Made) -> Iterator[float]:
    """Between the clocks of a sweep, which its sentences tell."""
    for one in made.results.sweeps:
        for name in ("latency_p50_ms", "energy_mj"):
            known = [value for step in one.steps if (value := getattr(step, name).value)]
            yield from (mine / other for mine in known for other in known)


def without_names(text: str, made: Made) -> str:
    """The text without names, reasons, versions, dates and other strings of the document."""
    known = {part for part in texts(made.results.document()) if len(part) > 1 and any(char.isdigit() for char in part)}
    known |= {typeset(part) for part in known} | {made.results.run.git.sha[:10] if made.results.run.git else ""}
    for part in sorted(known - {""}, key=len, reverse=True):
        before = r"(?<![\d.,])" if part[0].isdigit() else ""
        text = re.sub(rf"{before}{re.escape(part)}(?!\d|[.,]\d)", " ", text)
    return DATE.sub(" ", FIXED.sub(" ", text))


@pytest.mark.parametrize("name", PAGES)
def test_no_number_on_the_page_comes_from_elsewhere(name: str) -> None:
    """The text of all sections but the words' meanings; drawings have their own tests, and limits are written as the user wrote them."""
    made = state(name)
    html = re.sub(r"</?b>", "", html_of(name))
    html = re.sub(r'<section id="reading".*?</section>', "", html, flags=re.DOTALL)
    text = " ".join(Tags(html, skip=("svg", "header", "title")).words)
    limits = {match for gate in made.results.gates for match in NUMBER.findall(gate.bound)}
    allowed = displayed(made) | limits
    seen = NUMBER.findall(without_names(text, made))
    assert len(seen) > (80 if name in {"demo", "failed", "invalid", "explained_since"} else 5)
    assert [number for number in seen if number not in allowed] == []


def test_a_number_that_is_not_in_the_document_would_be_found() -> None:
    made = demo()
    assert "92.9" in displayed(made)
    assert "92.8" not in displayed(made)


def cell_of(made: Made, name: str) -> Cell:
    return next(cell for cell in made.results.cells if cell.variant == name)


def test_the_winner_s_figures_are_its_cell_s() -> None:
    made = demo()
    cell = cell_of(made, "int8-qdq")
    html = page.render(made.results, made.samples)
    tiles = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+?)\s*<", html))
    p50, p99, peak = (v.value or 0 for v in (cell.latency_ms.p50, cell.latency_ms.p99, cell.peak_rss_bytes))
    ratio = cell.versus_baseline.ratio or 0 if cell.versus_baseline else 0
    assert tiles["p50"] == f"{p50 * 1000:.1f}\u00a0µs"
    assert tiles["p99"] == f"{p99 * 1000:.0f}\u00a0µs"
    assert tiles["\u00d7 fp32"] == f"{1 / ratio:.2f}\u00d7"
    assert tiles["Top-1"] == "99.6\u00a0%"
    assert tiles["Peak memory"] == f"{peak / 1e6:.1f}\u00a0MB"


def test_each_tile_of_the_matrix_is_its_cell() -> None:
    made = grid(3, 6)
    html = page.render(made.results, made.samples)
    tiles = re.findall(r'<div class="m m-x[^>]*><b>([\d.]+)\u00d7</b> <small>([\d.]+\u2013[\d.]+)', html)
    compared = [cell.versus_baseline for cell in made.results.cells if cell.versus_baseline]
    expected = [(f"{1 / v.ratio:.2f}", figures.speeds(v.low, v.high)) for v in compared if v.ratio and v.low and v.high]
    assert tiles == expected


def test_a_latency_is_written_in_one_unit_on_the_whole_page() -> None:
    assert figures.clock(demo().results.cells).unit == "µs"
    assert figures.clock(grid(3, 6).results.cells).unit == "ms"
    assert "µs" not in page.render(grid(3, 6).results, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.0961, "4.10"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1234.6, "1,235"),
        (0.0283, "0.0283"),
        (0, "0.00"),
        (0.2, "0.20"),
        (999_999, "999,999"),
        (3_997_172, "4.0\u00b710\u2076"),
        (0.0001, "0.0001"),
        (3.7e-7, "3.7\u00b710\u207b\u2077"),
    ],
)
def test_a_figure_has_three_places(value: float, text: str) -> None:
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1.9, 2.1, "1.90\u20132.10"),
        (0.4861, 0.4923, "0.486\u20130.492"),
        (59.98, 60.02, "59.98\u201360.02"),
        (60, 60.000001, "60.0"),
        (2.5e-7, 2.6e-7, "2.5\u00b710\u207b\u2077\u20132.6\u00b710\u207b\u2077"),
    ],
)
def test_the_ends_of_a_range_never_read_alike(low: float, high: float, text: str) -> None:
    assert figures.ends(low, high) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.118, "+11.8\u00a0%"), (-0.02, "\u22122.0\u00a0%"), (0.00001, "0.0\u00a0%"), (-0.0, "0.0\u00a0%")],
)
def test_a_change_carries_its_sign(value: float, text: str) -> None:
    assert figures.percent(value) == text


@pytest.mark.parametrize(("size", "text"), [(999, "999\u00a0B"), (84_000, "84.0\u00a0kB"), (1_237_000, "1.24\u00a0MB")])
def test_sizes_are_decimal_as_limits_are(size: int, text: str) -> None:
    assert figures.memory(size) == text
