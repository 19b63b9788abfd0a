"""How large a page may get, and what it leaves out to stay there."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from farm_reports import page
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
    assert "4 more boards: in the matrix and in results.json." in html


def test_over_twelve_boards_rows_are_grouped_by_model() -> None:
    html = page.render(grid(30, 6).results, {})
    assert html.count('scope="rowgroup"') == 7
    assert "18 more boards" in html
