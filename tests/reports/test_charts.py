"""Drawings against their golden text, and what must hold for any data: scales, ticks, finite geometry."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_reports.charts import forest, svg, violins
from reports_golden import FOLDER, drawings

POSITIVE = st.floats(1e-4, 1e6)
TEXT_SIZE = re.compile(r'font-size="([\d.]+)"')


@pytest.mark.parametrize("name", drawings())
def test_a_drawing_equals_its_golden_text(name: str) -> None:
    golden = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert drawings()[name] + "\n" == golden, "renew with: python tests/reports_golden.py"


def test_no_golden_text_is_left_without_its_drawing() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(drawings())


@pytest.mark.parametrize("name", drawings())
def test_a_drawing_is_xml_with_finite_geometry_and_readable_text(name: str) -> None:
    drawing = drawings()[name]
    root = ET.fromstring(drawing)  # noqa: S314 - our own text
    values = " ".join(value for element in root.iter() for value in element.attrib.values())
    assert not re.search(r"\b(nan|inf)\b", values, re.IGNORECASE)
    assert not [element for element in root.iter() if "style" in element.attrib]
    assert all(float(size) >= 10 for size in TEXT_SIZE.findall(drawing))


@pytest.mark.parametrize("name", drawings())
def test_every_colour_is_both_attribute_and_class(name: str) -> None:
    """So that it is right without the stylesheet and follows the theme with it."""
    for element in ET.fromstring(drawings()[name]).iter():  # noqa: S314 - our own text
        for paint, prefix in (("fill", "[ad]-"), ("stroke", "l-|halo")):
            if element.get(paint, "none") != "none":
                assert re.search(prefix, element.get("class", "")), ET.tostring(element)


def test_wide_charts_have_their_two_widths_and_the_narrow_one_is_hidden() -> None:
    for chart in ("violins", "tradeoff"):
        assert 'width="1050"' in drawings()[f"{chart}-wide"]
        assert 'width="330"' in drawings()[f"{chart}-narrow"]
        assert drawings()[f"{chart}-narrow"].startswith('<div class="only-n" hidden="hidden">')


def test_no_coordinate_is_written_that_is_not_finite() -> None:
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="coordinate"):
            svg.line(0, 0, value, 1, "ink")


def test_text_and_titles_are_escaped() -> None:
    assert "<b>" not in svg.text(0, 0, "<b>&")
    assert "<script>" not in svg.dot(0, 0, 1, "ink", title="</title><script>")
    assert '"x' not in svg.figure(1, 1, '"x', [])


@given(low=POSITIVE, ratio=st.floats(1.01, 1e6), count=st.integers(2, 9))
def test_log_ticks_lie_inside_rise_and_are_few(low: float, ratio: float, count: int) -> None:
    ticks = svg.log_ticks(low, low * ratio, count)
    assert 1 <= len(ticks) <= max(count, 7)
    assert ticks == sorted(set(ticks))
    assert all(low * 0.99 <= tick <= low * ratio * 1.01 for tick in ticks)


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), count=st.integers(2, 9))
def test_linear_ticks_step_by_one_two_two_and_a_half_or_five(low: float, span: float, count: int) -> None:
    ticks = svg.linear_ticks(low, low + span, count)
    assert len(ticks) <= count + 1
    steps = np.diff(ticks)
    if len(steps):
        leading = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
        assert min(abs(leading - part) for part in (1, 2, 2.5, 5, 10)) < 1e-3
        assert np.allclose(steps, steps[0], rtol=1e-6, atol=1e-9)


@given(low=POSITIVE, ratio=st.floats(1.001, 1e6), share=st.floats(0, 1))
def test_a_log_scale_keeps_order_and_ends(low: float, ratio: float, share: float) -> None:
    scale = svg.Log(low, low * ratio, 10, 300)
    assert scale.at(low) == pytest.approx(10)
    assert scale.at(low * ratio) == pytest.approx(300)
    assert 9.99 <= scale.at(low * ratio**share) <= 300.01


def test_a_scale_without_span_puts_all_in_the_middle() -> None:
    assert svg.Log(5, 5, 0, 100).at(5) == 50
    assert svg.Linear(5, 5, 0, 100).at(5) == 50


@settings(max_examples=40)
@given(median=POSITIVE, spread=st.floats(0, 2), size=st.integers(8, 400), seed=st.integers(0, 99))
def test_a_density_is_finite_and_peaks_at_one(median: float, spread: float, size: int, seed: int) -> None:
    values = median * np.exp(np.random.default_rng(seed).normal(0, spread, size))
    grid, heights = violins.density(values)
    assert np.isfinite(grid).all()
    assert np.isfinite(heights).all()
    assert heights.max() == pytest.approx(1)
    assert (np.diff(grid) > 0).all()


def test_two_modes_stay_two_hills() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([np.exp(rng.normal(0, 0.01, 500)), np.exp(rng.normal(0.2, 0.01, 500))])
    _, heights = violins.density(values)
    hills = ((heights[1:-1] > heights[:-2]) & (heights[1:-1] > heights[2:])).sum()
    assert hills == 2


def test_the_line_of_the_baseline_is_on_every_axis() -> None:
    far = [forest.Estimate(8.0, 7.8, 8.2, "faster", "far")]
    scale = forest.axis(far)
    assert 0 < scale.at(1) < forest.WIDTH
    assert ">1\u00d7</text>" in forest.axis_row(scale, "fp32")


def test_a_name_too_long_for_its_place_is_cut_with_a_sign() -> None:
    assert svg.short("n" * 64, 22) == "n" * 21 + "…"
    assert svg.short("int8-qdq") == "int8-qdq"
