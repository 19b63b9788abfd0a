"""Which part of a distribution moved, as far as there are iterations to tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_reports.explained import DOTS
from farm_reports.stats.shift import moved, quantile_changes, reach, twenty

Floats = npt.NDArray[np.float64]


def iterations(count: int = 20_000, tail: float = 0.3) -> Floats:
    """Latencies in ns with a tail, in a drawn order."""
    rng = np.random.default_rng(5)
    slow = (rng.random(count) < 0.05) * rng.exponential(tail, count)
    return np.asarray(2e6 * np.exp(rng.normal(0, 0.02, count) + slow))


def word(mine: Floats, other: Floats, most: float = 0.99) -> str | None:
    return moved(quantile_changes(mine, other, most))


def stretched(values: Floats, from_: float, by: float) -> Floats:
    """What lies beyond a quantile takes longer."""
    return np.where(values > np.quantile(values, from_), values * by, values)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda values: values * 1.11, "whole"),
        (lambda values: values / 2.4, "whole"),
        (lambda values: values * 1.001, "none"),
        (lambda values: stretched(values, 0.95, 1.4), "tail"),
        (lambda values: stretched(values * 1.05, 0.95, 1.4), "more_tail"),
        (lambda values: values + 2e5 * (values < np.quantile(values, 0.9)), "body"),
        (lambda values: stretched(values, 0.3, 1.2), "uneven"),
        (lambda values: stretched(stretched(values, 0.2, 1.1) / 1.1, 0.95, 1.4), "uneven"),
    ],
)
def test_the_word_names_what_moved(change: object, expected: str) -> None:
    base = iterations()
    assert word(change(base), base) == expected  # type: ignore[operator]  # one of the changes above


def test_a_tail_that_is_a_little_longer_is_not_called_one() -> None:
    base = iterations()
    assert word(stretched(base, 0.95, 1.03), base) == "uneven"


def test_the_figures_are_those_of_the_pooled_iterations() -> None:
    base = iterations()
    changes = {each.p: each for each in quantile_changes(base * 1.1, base, 0.99)}
    assert list(changes) == [0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
    assert changes[0.99].change == pytest.approx(0.1)
    assert changes[0.5].reference_ms == pytest.approx(np.median(base) / 1e6, rel=1e-3)
    assert [each.p for each in quantile_changes(base, base, 0.9)] == [0.25, 0.5, 0.75, 0.9]


@pytest.mark.parametrize(
    ("count", "expected", "reason"),
    [(20_000, 0.999, None), (19_999, 0.99, "n_eff 19999 < 20000"), (399, 0.9, "n_eff 399 < 400"),
     (199, 0.5, "n_eff 199 < 200"), (3, 0.0, "n_eff 3 < 40"), (1, 0.0, "n_eff 1 < 40"), (0, 0.0, "n_eff 0 < 40")],
)  # fmt: skip
def test_a_quantile_needs_twenty_independent_iterations_beyond_it(
    count: int, expected: float, reason: str | None
) -> None:
    alternating = np.where(np.arange(count) % 2, 2.0, 1.0)  # what lies near each other is not alike
    assert reach(alternating) == (expected, reason)


def test_iterations_that_hang_together_count_for_fewer() -> None:
    rng = np.random.default_rng(1)
    assert reach(rng.random(3000))[0] == 0.99
    assert reach(rng.random(100).repeat(30))[0] < 0.95


def test_what_the_cell_tells_itself_is_never_taken_back() -> None:
    assert reach(np.arange(300.0), 0.99)[0] == 0.99


def test_too_few_quantiles_have_no_word() -> None:
    base = iterations(100)
    assert moved([]) is None
    assert word(base * 2, base, 0.5) is None


def test_a_clock_that_stood_still_gives_no_change() -> None:
    assert quantile_changes(np.zeros(500), iterations(500), 0.9) == []


@settings(max_examples=40)
@given(
    st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=60), st.lists(st.floats(1e-3, 1e12), min_size=1, max_size=60)
)
def test_any_iterations_have_a_word_or_none(mine: list[float], other: list[float]) -> None:
    arrays = np.array(mine), np.array(other)
    assert word(*arrays) in {"whole", "tail", "more_tail", "body", "uneven", "none", None}
    assert len(twenty(arrays[0])) == DOTS
    assert twenty(arrays[0]).min() >= arrays[0].min()
