"""Every number a reader sees is a number of results.json, rounded as displayed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from farm_reports import figures, page
from farm_reports.results import Cell
from reports_html import Tags
from reports_screens import FIRST_SCREENS, demo, failed
from reports_support import Made, grid

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w.]*\d)")
# Words of the page that hold digits and are no figures: names of quantiles and margins, and file names.
FIXED = re.compile(r"p50|p99|p90|p95|p5|95\s%|±2\s%|0\.5\s%\)|Top-1|SHA-256")
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
    for value in {*numbers(document), *counted(made)}:
        found |= set(written(abs(value)))
    return found


def written(value: float) -> Iterator[str]:
    """As it is; as ms or µs; as an inverse ratio; in per cent and points; in kB, MB, GB."""
    yield from (f"{value:,.0f}", f"{value:.1f}")
    scaled = (value, value * 1000, value / 1e3, value / 1e6, value / 1e9, *([1 / value] if value else []))
    yield from (figures.number(one) for one in scaled)
    yield from (f"{value * 100:.1f}", f"{value:#.3g}")


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
    for one in results.fleet:
        yield from (len(one.units), sum(len(unit.boards) for unit in one.units), math.sqrt(one.tau2 or 0))
    for field in ("kernel", "onnxruntime"):
        values = [getattr(board, field) for board in results.boards]
        yield from (values.count(value) for value in values)


def without_names(text: str, made: Made) -> str:
    """The text without names, reasons, versions and other strings of the document."""
    known = {part for part in texts(made.results.document()) if any(char.isdigit() for char in part)}
    for part in sorted(known | {made.results.run.git.sha[:10] if made.results.run.git else ""}, key=len, reverse=True):
        text = text.replace(part, " ") if part else text
    return FIXED.sub(" ", text)


@pytest.mark.parametrize("make", [demo, failed, FIRST_SCREENS["invalid"]], ids=["demo", "failed", "invalid"])
def test_no_number_on_the_page_comes_from_elsewhere(make: Callable[[], Made]) -> None:
    """The text of all sections but the words' meanings; drawings have their own tests, and limits are written as the user wrote them."""
    made = make()
    html = re.sub(r"</?b>", "", page.render(made.results, made.samples))
    html = re.sub(r'<section id="reading".*?</section>', "", html, flags=re.DOTALL)
    text = " ".join(Tags(html, skip=("svg", "header", "title")).words)
    limits = {match for gate in made.results.gates for match in NUMBER.findall(gate.bound)}
    allowed = displayed(made) | limits
    seen = NUMBER.findall(without_names(text, made))
    assert len(seen) > 80
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
    tiles = re.findall(r'<div class="m m-x[^>]*><b>([\d.]+)\u00d7</b> <small>([\d.]+)\u2013([\d.]+)', html)
    compared = [cell.versus_baseline for cell in made.results.cells if cell.versus_baseline]
    expected = [
        (f"{1 / v.ratio:.2f}", f"{1 / v.high:.2f}", f"{1 / v.low:.2f}")
        for v in compared
        if v.ratio and v.low and v.high
    ]
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
    ],
)
def test_a_figure_has_three_places(value: float, text: str) -> None:
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.118, "+11.8\u00a0%"), (-0.02, "\u22122.0\u00a0%"), (0.00001, "0.0\u00a0%"), (-0.0, "0.0\u00a0%")],
)
def test_a_change_carries_its_sign(value: float, text: str) -> None:
    assert figures.percent(value) == text


@pytest.mark.parametrize(("size", "text"), [(999, "999\u00a0B"), (84_000, "84.0\u00a0kB"), (1_237_000, "1.24\u00a0MB")])
def test_sizes_are_decimal_as_limits_are(size: int, text: str) -> None:
    assert figures.memory(size) == text
