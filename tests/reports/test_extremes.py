"""Figures, scales and ticks for any number there is: the largest, the smallest, and those that are none."""

from __future__ import annotations

import math
import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from farm_reports import figures
from farm_reports.charts import svg
from farm_reports.parts import Value
from farm_reports.results import Results
from reports_screens import demo

ANY = st.floats(allow_nan=False, allow_infinity=False)
ABOVE_ZERO = st.floats(min_value=sys.float_info.min * sys.float_info.epsilon, allow_infinity=False)
ORDINARY = st.floats(1e-9, 1e12)
WRITTEN = re.compile(r"-?[\d,]+(\.\d+)?(e[+-]\d+)?(·10[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)?")


def read(text: str) -> float:
    """The number that a reader takes from it."""
    mantissa, _, power = text.replace(",", "").partition("·10")
    exponent = power.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    return float(f"{mantissa}e{exponent}" if exponent else mantissa)


@given(ANY)
def test_a_figure_is_short_and_never_a_word(value: float) -> None:
    text = figures.number(value)
    assert WRITTEN.fullmatch(text)
    assert len(text) <= 16


@given(ORDINARY)
def test_a_figure_says_what_it_is_to_three_places(value: float) -> None:
    assert read(figures.number(value)) == pytest.approx(value, rel=0.051 if value < 1 or value >= 1e6 else 0.006)


@given(ANY)
def test_a_change_has_its_sign_and_no_second_one(value: float) -> None:
    text = figures.signed(value)
    assert re.fullmatch(rf"[+{figures.MINUS}]?\d+\.\d", text)
    assert text[0] in {"+", figures.MINUS} or float(text) == 0


@given(ABOVE_ZERO)
def test_sizes_energies_and_times_carry_their_unit(value: float) -> None:
    for text in (figures.memory(value), figures.energy(value), figures.duration(value)):
        assert re.search(r"\u00a0(B|kB|MB|GB|mJ|s|min)$", text)
        assert not re.search(r"nan|inf", text)


@given(low=ABOVE_ZERO, high=ABOVE_ZERO)
def test_the_ends_of_a_range_differ_or_are_one_figure(low: float, high: float) -> None:
    ends = figures.ends(min(low, high), max(low, high)).split(figures.DASH)
    assert len(ends) == len(set(ends))


@given(low=ABOVE_ZERO, high=ABOVE_ZERO, value=ABOVE_ZERO)
def test_every_place_on_a_logarithmic_scale_is_finite(low: float, high: float, value: float) -> None:
    scale = svg.Log(min(low, high), max(low, high), 10, 300)
    assert math.isfinite(scale.at(value))
    assert svg.coordinate(scale.at(low))


@given(low=ABOVE_ZERO, high=ABOVE_ZERO, count=st.integers(2, 9))
def test_a_logarithmic_axis_of_any_length_has_few_ticks_with_short_names(low: float, high: float, count: int) -> None:
    ticks = svg.log_ticks(min(low, high), max(low, high), count)
    assert len(ticks) <= 12
    assert all(math.isfinite(tick) and tick > 0 for tick in ticks)
    assert all(len(svg.tick_label(tick)) <= 12 for tick in ticks)


@example(low=sys.float_info.max, high=-1e292, count=2)
@given(low=ANY, high=ANY, count=st.integers(2, 9))
def test_an_even_axis_of_any_length_has_few_ticks(low: float, high: float, count: int) -> None:
    ticks = svg.linear_ticks(min(low, high), max(low, high), count)
    assert len(ticks) <= count + 2
    assert all(math.isfinite(tick) for tick in ticks)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_no_value_and_no_coordinate(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Value(value=value)
    document = demo().results.document()
    document["cells"][0]["latency_ms"]["p50"]["value"] = value
    with pytest.raises(ValidationError, match="finite"):
        Results.model_validate(document)
    with pytest.raises(ValueError, match="coordinate"):
        svg.coordinate(value)


@given(st.floats())
def test_a_path_through_any_points_holds_whole_numbers_only(value: float) -> None:
    path = svg.trace([(0.0, 1.0), (value, value), (2.0, 3.0)])
    assert re.fullmatch(r"[Mlz\d\s-]+", path)
