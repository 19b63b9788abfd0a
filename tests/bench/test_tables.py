"""The arithmetic and the tables of the bench; what it measures is measured by `make bench` alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench import figures, output
from bench.figures import Figure, exactly
from bench.rows import Bound, at_least, at_most, below, measured, not_measured


def test_arms_run_there_and_back_in_each_round_and_stay_paired() -> None:
    order: list[str] = []

    def take(name: str) -> float:
        order.append(name)
        return len(order)

    taken = figures.interleaved({"a": lambda: take("a"), "b": lambda: take("b")}, 2)
    assert "".join(order) == "abbaabba"
    assert taken["a"].tolist() == [1, 4, 5, 8]
    assert taken["b"].tolist() == [2, 3, 6, 7]


def test_a_ratio_is_found_under_noise_that_both_arms_share() -> None:
    shared = np.random.default_rng(1).lognormal(0, 0.5, 12)
    found = figures.ratio(1.3 * shared, shared)
    assert found.value == pytest.approx(1.3)
    assert found.low == pytest.approx(found.high)


def test_six_pairs_have_an_interval_and_five_have_none() -> None:
    values = np.asarray([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    six = figures.difference(values, np.zeros(6))
    assert (six.low, six.value, six.high) == (1.0, 3.5, 6.0)
    five = figures.difference(values[:5], np.zeros(5))
    assert not five.has_interval
    assert "too few" in five.note


@pytest.mark.parametrize(
    ("bound", "figure", "ok"),
    [
        (at_most(1.01), Figure(1.05, 1.0, 1.1), True),
        (at_most(1.01), Figure(1.05, 1.02, 1.1), False),
        (at_most(1.01), exactly(1.05), False),
        (at_least(1.3), Figure(1.2, 1.1, 1.35), True),
        (at_least(1.3), Figure(1.2, 1.1, 1.25), False),
        (below(5), exactly(5), False),
        (None, exactly(683), True),
    ],
)
def test_a_bound_holds_when_the_interval_reaches_it(bound: Bound | None, figure: Figure, *, ok: bool) -> None:
    assert measured("x", figure, "s", bound).ok is ok


def test_the_document_has_the_fields_that_are_promised() -> None:
    row = measured("push", Figure(1.4, 1.35, 1.5, "10 pairs"), "x", at_least(1.3), versus="scp")
    assert output.document(row, "a machine", "push") == {
        "bench": "push", "name": "push", "value": 1.4, "unit": "x", "versus": "scp", "bound": ">= 1.3 x", "ok": True,
        "machine": "a machine", "low": 1.35, "high": 1.5, "note": "10 pairs",
    }  # fmt: skip


def test_what_could_not_be_measured_is_null_and_says_why() -> None:
    row = not_measured("runner against LoadGen", "ModuleNotFoundError: mlperf_loadgen")
    document = json.loads(json.dumps(output.document(row, "a machine", "loadgen")))
    assert document["value"] is None
    assert document["ok"] is None
    assert "mlperf_loadgen" in document["note"]
    assert "not measured" in output.table([document], "a machine")


def test_the_table_shows_value_interval_bound_and_word() -> None:
    rows = [
        measured("ratio", Figure(1.051, 1.02, 1.1, "8 pairs"), "x", at_most(1.01), versus="C | ours"),
        measured("size", exactly(683.44), "MB"),
    ]
    documents = [output.document(row, "a machine", "some") for row in rows]
    lines = output.table(documents, "a machine").splitlines()
    assert lines[2] == "| ratio | 1.051 x [1.020, 1.100] | <= 1.01 x | **no** | C \\| ours; 8 pairs |"
    assert lines[3] == "| size | 683.4 MB |  |  |  |"


def test_rows_that_were_not_measured_again_keep_their_place() -> None:
    def rows(bench: str, *values: float) -> list[output.Json]:
        return [output.document(measured(bench, exactly(value), "s"), "a machine", bench) for value in values]

    before = [*rows("a", 1), *rows("b", 2, 3), *rows("c", 4), *rows("gone", 5)]
    merged = output.merged(before, rows("b", 6), ("a", "b", "c"))
    assert [(each["bench"], each["value"]) for each in merged] == [("a", 1), ("b", 6), ("c", 4)]


def test_only_the_marked_part_of_the_readme_is_replaced() -> None:
    readme = "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n"
    assert output.replaced(readme, "new \\1") == "before\n<!-- bench -->\nnew \\1\n<!-- /bench -->\nafter\n"
    with pytest.raises(ValueError, match="no <!-- bench -->"):
        output.replaced("nothing here", "new")
