"""Limits as they are written."""

from __future__ import annotations

import pytest

from farm_reports.bounds import EXAMPLES, parse


@pytest.mark.parametrize(
    ("metric", "text", "value", "relative"),
    [
        ("latency_p50", "30ms", 30.0, False),
        ("latency_p50", "1.5s", 1500.0, False),
        ("latency_p99", "800us", 0.8, False),
        ("latency_p50", "0.9x", -0.1, True),
        ("latency_p50", "+5%", 0.05, True),
        ("latency_p99", "-10%", -0.1, True),
        ("peak_memory", "180MB", 180e6, False),
        ("peak_memory", "1 GB", 1e9, False),
        ("size", "500kB", 500e3, False),
        ("size", "2MiB", 2097152.0, False),
        ("energy", "40mJ", 40.0, False),
        ("accuracy", "-0.3pt", -0.3, True),
        ("accuracy", "0.97", 0.97, False),
    ],
)
def test_a_limit_is_read_into_its_unit(metric: str, text: str, value: float, *, relative: bool) -> None:
    bound = parse(metric, text)
    assert bound.value == pytest.approx(value)
    assert (bound.metric, bound.text, bound.relative) == (metric, text, relative)


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("latency_p50", "30"),
        ("latency_p50", "30MB"),
        ("latency_p50", "5%"),
        ("latency_p50", "-30ms"),
        ("latency_p50", "0ms"),
        ("latency_p50", "-100%"),
        ("latency_p50", "fast"),
        ("latency_p50", "nan"),
        ("latency_p50", "1e400ms"),
        ("latency_p50", ""),
        ("size", "1"),
        ("energy", "40mW"),
        ("accuracy", "97"),
        ("accuracy", "0.3pt"),
        ("accuracy", "+5%"),
        ("accuracy", "0"),
    ],
)
def test_a_limit_that_cannot_be_read_is_answered_with_a_right_one(metric: str, text: str) -> None:
    with pytest.raises(ValueError, match="write for example") as error:
        parse(metric, text)
    assert EXAMPLES[metric] in str(error.value)
    assert f"'{text}'" in str(error.value)


@pytest.mark.parametrize("metric", EXAMPLES)
def test_every_example_is_right(metric: str) -> None:
    for text in EXAMPLES[metric].replace(" or ", ", ").split(", "):
        assert parse(metric, text).text == text


def test_an_unknown_metric_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="latency_p50, latency_p99, peak_memory, size, energy, accuracy"):
        parse("latency", "30ms")
