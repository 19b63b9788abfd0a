"""Plans that are made and plans that are refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import PRESETS, Limits
from farm_orchestrator.plan import plan_document, points
from farm_reports.stats.signed_rank import cut
from plan_support import make

RELATIVE = Limits({"latency_p50": "+5%"}, ship=("*",))


def test_a_demo_of_absolute_limits_reaches_a_verdict_in_eight_blocks() -> None:
    limits = Limits({"latency_p50": "20ms", "accuracy": "-1pt", "size": "1MB"}, ship=("int8",))
    plan = make(("fp32", "int8", "struct50"), limits=limits, max_blocks=8)
    assert (plan.gated, plan.parts[0].planned_blocks, plan.parts[0].max_blocks) == (0, 8, 8)


def test_relative_limits_of_ship_variants_count_once_a_board_and_point() -> None:
    limits = Limits({"latency_p50": "+5%", "peak_memory": "0.9x", "size": "0.5x", "latency_p99": "9ms"}, ship=("i*",))
    plan = make(("fp32", "int8", "int4", "x"), limits=limits, boards=("a", "b", "c"), threads=(1, 2))
    assert plan.gated == 2 * 2 * 3 * 2


def test_the_baseline_is_no_comparison_with_itself() -> None:
    assert make(("fp32", "int8"), limits=RELATIVE).gated == 1


@given(st.integers(1, 60))
def test_planned_blocks_are_the_fewest_that_can_decide_every_gate(boards: int) -> None:
    names = [f"b{i}" for i in range(boards)]
    part = make(("fp32", "int8"), limits=RELATIVE, boards=names, preset="standard").parts[0]
    level = 0.01 / (2 * boards)  # a gate that is left open is judged once more
    assert cut(part.planned_blocks, level) >= 1
    assert part.planned_blocks == 8 or cut(part.planned_blocks - 1, level) == 0


@pytest.mark.parametrize(("gated", "blocks"), [(1, 8), (5, 9), (20, 11), (100, 14)])
def test_blocks_of_the_table(gated: int, blocks: int) -> None:
    boards = [f"b{i}" for i in range(gated)]
    assert make(limits=RELATIVE, boards=boards, preset="standard", max_blocks=40).parts[0].planned_blocks == blocks


def test_a_plan_that_cannot_decide_its_gates_is_refused_and_says_what_would() -> None:
    boards = [f"b{i}" for i in range(60)]
    with pytest.raises(UsageError) as error:
        make(limits=RELATIVE, boards=boards)
    assert "60 gated comparisons need 13 blocks, and preset quick allows 12" in str(error.value)
    assert "--preset ci (up to 20 blocks)" in str(error.value)
    assert "at most 40 instead of 60 gated comparisons" in str(error.value)
    assert make(limits=RELATIVE, boards=boards, preset="ci", max_blocks=20).parts[0].planned_blocks == 13
    assert make(limits=RELATIVE, boards=boards, preset="ci").parts[0].planned_blocks == 14, "each may be judged twice"
    assert make(limits=RELATIVE, boards=boards[:40]).parts[0].planned_blocks == 12


def test_a_cap_below_the_planned_blocks_is_refused_and_names_the_right_cap() -> None:
    with pytest.raises(UsageError, match=r"--max-blocks 7 allows 7(.|\n)*--max-blocks 8$"):
        make(max_blocks=7)
    assert make(max_blocks=8).parts[0].max_blocks == 8


def test_a_cap_never_lifts_the_presets_own() -> None:
    assert make(max_blocks=1000).parts[0].max_blocks == PRESETS["quick"].blocks_max


def test_absolute_figures_take_no_limits() -> None:
    with pytest.raises(UsageError, match="mlperf"):
        make(preset="mlperf", limits=Limits({"size": "1MB"}))
    assert make(preset="mlperf").parts[0].planned_blocks == 1
    assert make(preset="mlperf").smallest_effect is None


def test_a_limit_that_cannot_be_read_is_named_with_its_line() -> None:
    with pytest.raises(UsageError, match=r"variants.yaml:7: latency_p50: '5%' has no sign"):
        make(limits=Limits({"latency_p50": "5%"}, lines={"latency_p50": "variants.yaml:7"}))


def test_a_baseline_that_cannot_run_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'base' is not among .*\(fp32, int8\)"):
        make(baseline="base")


def test_the_plan_says_its_price_and_the_smallest_effect_it_will_see() -> None:
    quick, long = make(), make(preset="standard")
    assert 30 < quick.estimate_s < long.estimate_s
    assert quick.smallest_effect is not None
    assert 0.02 < quick.smallest_effect < 0.03


def test_cells_are_every_board_variant_and_point() -> None:
    plan = make(("fp32", "int8"), boards=("a", "b"), threads=(1, 4))
    assert len(plan.cells) == len(set(plan.cells)) == 8


def test_a_boards_own_settings_make_its_point_and_flags_override_its_threads() -> None:
    board = {"name": "b", "cpus": [0, 1, 3], "threads": 2, "provider": "XnnpackExecutionProvider"}
    (own,) = points(board)
    assert (own.cpus, own.threads, own.provider) == ("0,1,3", 2, "XnnpackExecutionProvider")
    assert [point.threads for point in points(board, (1, 4, 1), 30.0)] == [1, 4]
    assert points({"name": "b"})[0].threads is None
    assert type(own).from_key(own.key) == own


def test_the_document_holds_what_every_order_is_computed_from() -> None:
    plan = make(("fp32", "int8", "x"), boards=("a", "b"), limits=RELATIVE)
    document = plan_document(plan)
    assert document["schema"] == "farm.plan/1"
    assert len(document["blocks"]) == 2 * document["planned_blocks"] == 18
    assert all("fp32" in block["order"] for block in document["blocks"])
    assert document["gates"]["gated_comparisons"] == 4
    assert math.isclose(document["gates"]["level"], 0.0025)
    assert document["estimate_s"] > 0
