"""How large a page may get, and what it leaves out to stay there."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from farm_reports import page
from farm_reports.parts import Value
from farm_reports.past import VersusPast
from farm_reports.results import Gate, GateCell
from farm_reports.sections.view import View
from reports_support import grid


class Nodes(HTMLParser):
    count = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs
        self.count += 1


@pytest.mark.parametrize(("boards", "variants", "megabytes"), [(8, 12, 0.8), (30, 24, 1.3), (100, 50, 3.0)])
def test_a_page_keeps_to_its_size(boards: int, variants: int, megabytes: float) -> None:
    made = grid(boards, variants)
    html = page.render(made.results, made.samples)
    assert len(html.encode()) <= megabytes * 1e6
    nodes = Nodes()
    nodes.feed(html)
    assert nodes.count < 40_000


def test_over_eight_hundred_cells_the_matrix_shows_one_metric() -> None:
    html = page.render(grid(40, 24, charted=1).results, {})
    assert 'class="heat big many"' in html
    assert 'name="metric"' not in html
    assert "intervals and the other metrics are in results.json" in html
    assert 'id="summary"' not in html


def test_at_most_eight_boards_get_charts_and_the_rest_is_named() -> None:
    made = grid(12, 6, charted=12)
    html = page.render(made.results, made.samples)
    assert len(re.findall(r'class="bp c\d+"', html)) == 8
    assert len(re.findall(r'class="bp d\d+"', html)) == 8
    assert "4 more boards: each on a page of its own, linked from its row of the matrix." in html


def test_over_twelve_boards_rows_are_grouped_by_model() -> None:
    html = page.render(grid(30, 6).results, {})
    assert html.count('scope="rowgroup"') == 7
    assert "18 more boards" in html


def test_of_many_cells_a_row_of_medians_stands_for_the_boards_of_a_model_and_each_is_one_of_theirs() -> None:
    made = grid(40, 24, charted=1)
    html = page.render(made.results, {})
    assert html.count('class="group model"') == 7
    assert html.count('class="member"') == 40
    (section,) = [one for one in page.sections(View(made.results, {})) if one.id == "matrix"]
    for group in section.body.groups:
        for place, tile in enumerate(group.middle):
            shown = [line.tiles[place] for line in group.lines]
            assert tile in shown
            speeds = sorted(float(one.layers[0].main.rstrip("\u00d7")) for one in shown)
            assert float(tile.layers[0].main.rstrip("\u00d7")) == pytest.approx(np.median(speeds), rel=0.1)
    assert 'class="group model"' not in page.render(grid(30, 6).results, {}), "rows with room for intervals have none"


def test_boards_with_a_failed_gate_are_drawn_first_then_those_that_changed_since_the_past() -> None:
    made = grid(12, 3)
    names = [board.name for board in made.results.boards]
    hit = GateCell(board=names[11], variant="fp16", value=9.0, verdict="failed")
    gate = Gate(kind="limit", metric="latency_p50", bound="5ms", verdict="failed", worst=hit, cells=[hit])
    worse = VersusPast(ratio=1.2, low=1.1, high=1.3, verdict="regressed", past_p50_ms=Value(value=4.0))
    cells = [
        cell.model_copy(update={"versus_past": worse}) if (cell.board, cell.variant) == (names[9], "fp16") else cell
        for cell in made.results.cells
    ]
    results = made.results.model_copy(update={"gates": [gate], "cells": cells})
    assert page.drawn(results) == [names[11], names[9], *names[:6]]
