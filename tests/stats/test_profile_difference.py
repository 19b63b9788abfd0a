"""Two profiles against each other: node by node, replaced operators, glue, shares, and what leads."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_reports.explained import OperatorChange, OperatorDifference
from farm_reports.profiled import GLUE, Operator, Profile
from farm_reports.stats.profile_difference import MOST, difference
from why_support import dynamic, operator, plain, profile, quantised

AMOUNTS = st.one_of(st.just(0.0), st.floats(1e-9, 1e6))


def of(*operators: Operator, **rest: object) -> Profile:
    """A profile whose times are those of the operators as given."""
    made = Profile(board="b", variant="v", point_key="k", iterations=50, operators=list(operators))
    return made.model_copy(update=rest)


def row(found: OperatorDifference, op: str) -> OperatorChange:
    return next(each for each in [*found.rows, *found.nodes] if each.op == op)


def test_the_same_operator_at_the_same_node_is_one_row() -> None:
    found = difference(of(operator("Conv", 3.0, "/a")), of(operator("Conv", 2.0, "/a")))
    assert found.rows == [
        OperatorChange(anchor="/a", op="Conv", was="Conv", nodes=1, ms=3.0, reference_ms=2.0, change_ms=1.0, share=1.0)
    ]
    assert (found.by, found.glue, found.others, found.leading) == ("node", None, None, found.rows[0])


def test_an_operator_that_was_replaced_stands_against_the_one_that_did_its_work() -> None:
    mine = of(operator("Mul", 0.2, "/a"), operator("ConvInteger", 0.5, "/a"), operator("Relu", 0.1, "/a"))
    found = difference(mine, of(operator("Conv", 2.0, "/a"), operator("Relu", 0.3, "/a")))
    assert [(each.was, each.op, round(each.change_ms, 9)) for each in found.rows] == [
        ("Relu", "Relu", -0.2),
        ("Conv", "ConvInteger + Mul", -1.3),
    ]


def test_what_is_new_or_gone_alone_has_no_other_side() -> None:
    found = difference(
        of(operator("Conv", 1.0, "/a"), operator("Cast", 0.4, "/a")),
        of(operator("Conv", 1.0, "/a"), operator("Mul", 0.1, "/b")),
    )
    assert row(found, "Cast").was is None
    gone = next(each for each in [*found.rows, *([found.others] if found.others else [])] if each.op is None)
    assert (gone.was, gone.ms, gone.reference_ms) == ("Mul", 0.0, 0.1)


def test_the_glue_is_one_row_with_its_largest_kinds_named_and_never_a_node() -> None:
    found = difference(of(*quantised(glue=2.0)), of(*quantised()))
    assert found.glue is not None
    assert found.glue.op == GLUE
    assert found.glue.change_ms == pytest.approx(2.3)
    assert [each.op for each in found.glue_ops] == ["Transpose", "QuantizeLinear", "DequantizeLinear"]
    assert found.leading == found.glue
    assert GLUE not in {each.op for each in [*found.rows, *found.nodes]}


def test_a_change_in_many_nodes_is_told_by_kind_with_the_nodes_beside_it() -> None:
    found = difference(of(*quantised(0.05)), of(*quantised()))
    assert (found.by, found.leading) == ("kind", row(found, "DequantizeLinear"))
    assert found.leading is not None
    assert (found.leading.nodes, found.leading.anchor) == (11, None)
    assert found.leading.share == pytest.approx(1.0)
    assert {each.anchor for each in found.nodes} <= {each.anchor for each in plain()}


def test_a_change_in_one_node_is_told_by_node_and_leads() -> None:
    slow = [each.model_copy(update={"ms": each.ms + 5}) if each.anchor == "/head/fc/Gemm" else each for each in plain()]
    found = difference(of(*slow), of(*plain()))
    assert found.by == "node"
    assert found.leading is not None
    assert found.leading.anchor == "/head/fc/Gemm"
    assert found.leading.share == pytest.approx(1.0)


def test_where_nothing_explains_a_quarter_nothing_leads() -> None:
    """Nine kinds share a change evenly."""
    mine, other = ([operator(f"Op{i}", 1.0 + more, f"/n{i}") for i in range(9)] for more in (0.1, 0.0))
    assert difference(of(*mine), of(*other)).leading is None


def test_equal_profiles_differ_in_nothing_and_have_no_shares() -> None:
    found = difference(of(*plain()), of(*plain()))
    assert (found.change_ms, found.leading) == (0.0, None)
    assert {each.change_ms for each in found.rows} == {0.0}
    assert {each.share for each in found.rows} == {None}


def test_an_operator_is_tiny_where_it_is_on_both_sides() -> None:
    short = operator("Softmax", 0.001, "/s", tiny=True)
    assert difference(of(short), of(short)).rows[0].tiny
    assert not difference(of(operator("Softmax", 2.0, "/s")), of(short)).rows[0].tiny


def test_nodes_of_two_different_graphs_are_never_matched() -> None:
    mine = of(operator("Conv", 2.0, "/a"), operator("Gemm", 1.0, "/b"), original="small")
    other = of(operator("Conv", 5.0, "/a"), operator("Conv", 5.0, "/c"), original="fp32")
    found = difference(mine, other)
    assert (found.by, found.nodes) == ("kind", [])
    assert {(each.op, each.was, each.change_ms) for each in found.rows} == {("Conv", "Conv", -8.0), ("Gemm", None, 1.0)}


def test_three_hundred_operators_become_a_few_rows_and_the_others_hold_the_rest() -> None:
    mine = [operator(f"Op{i % 50}", 1.0 + i / 1000, f"/n{i}") for i in range(300)]
    found = difference(of(*mine, operator("Cast", 3.0)), of(*(operator(each.op, 1.0, each.anchor) for each in mine)))
    assert len(found.rows) + len(found.nodes) + 1 <= MOST
    assert found.others is not None
    assert found.unlisted == 50 - len(found.rows)


def test_what_to_know_of_the_profiles_is_told_once() -> None:
    found = difference(of(*plain(), slowdown=1.28, note="cut"), of(*plain(), slowdown=None, note="cut"))
    assert found.profiled.cost == pytest.approx(0.28)
    assert found.reference_profiled.cost is None
    assert found.notes == ["cut"]


@pytest.mark.parametrize(("mine", "other"), [(dynamic, plain), (quantised, plain), (plain, dynamic)])
def test_the_rows_of_a_whole_model_add_up_to_its_change(mine: object, other: object) -> None:
    one, two = profile("a", 4.4, mine()), profile("b", 2.2, other())  # type: ignore[operator]  # made by their names
    added_up(difference(one, two), 2.2)


@given(
    mine=st.lists(st.tuples(st.sampled_from("ABC"), AMOUNTS, st.sampled_from(["/a", "/b", None])), max_size=30),
    other=st.lists(st.tuples(st.sampled_from("ABC"), AMOUNTS, st.sampled_from(["/a", "/b", None])), max_size=30),
)
def test_any_two_profiles_give_finite_rows_that_add_up(
    mine: list[tuple[str, float, str | None]], other: list[tuple[str, float, str | None]]
) -> None:
    profiles = [of(*(operator(*each) for each in side)) for side in (mine, other)]
    total = math.fsum(each[1] for each in mine) - math.fsum(each[1] for each in other)
    added_up(difference(*profiles), total)


def added_up(found: OperatorDifference, total: float) -> None:
    shown = [*found.rows, *(each for each in (found.glue, found.others) if each is not None)]
    size = max(found.ms, found.reference_ms)
    assert math.fsum(each.change_ms for each in shown) == pytest.approx(total, abs=1e-9 * size, rel=1e-9)
    assert found.change_ms == pytest.approx(total, abs=1e-9 * size, rel=1e-9)
    assert all(math.isfinite(each.share or 0.0) for each in [*shown, *found.nodes])


def test_nodes_are_counted_in_the_original_graph() -> None:
    """Each of four convolutions became three operators."""
    names = [f"/n{index}" for index in range(4)]
    mine = [operator(op, 1.0, name) for name in names for op in ("ConvInteger", "Cast", "Mul")]
    found = difference(of(*mine), of(*(operator("Conv", 0.5, name) for name in names)))
    assert [(each.op, each.was, each.nodes) for each in found.rows] == [("ConvInteger + Cast + Mul", "Conv", 4)]
