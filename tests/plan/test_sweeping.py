"""A sweep of a board's clocks: which of them it goes through, in which order, and what it leaves of the gates."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Limits, Phase, Point
from farm_orchestrator.plan import Ladder, Plan, Steps, blocks, estimate_s, first_slots, stepped, sweeps
from farm_orchestrator.plan.sweeping import evenly
from plan_support import make

GENERIC = (600_000, 1_000_000, 1_500_000, 1_800_000, 2_400_000)
PI4 = tuple(range(600_000, 1_900_000, 100_000))
LAPTOP = Ladder((800_000, 1_500_000, 2_100_000), listed=False, most_khz=4_700_000)


def swept(pins: tuple[str, ...] = tuple(map(str, reversed(GENERIC))), **options: Any) -> Plan:
    return make(options.pop("names", ("fp32", "int8")), pin="sweep", pins={"b0": pins}, **options)


def rounds(plan: Plan) -> list[tuple[str, ...]]:
    """The clocks of the planned blocks, round by round."""
    part = plan.parts[0]
    order = dict.fromkeys(
        (slot.block, Point.from_key(slot.point).pin) for slot in first_slots(part) if slot.phase == Phase.MEASURE
    )
    pins, many = [pin for _, pin in order], len(part.points)
    return [tuple(pins[first : first + many]) for first in range(0, len(pins), many)]


@pytest.mark.parametrize("pin", ["sweep", "sweep:all", "sweep:600000", "sweep:600000,2400000"])
def test_these_ask_for_a_sweep(pin: str) -> None:
    assert sweeps(pin)


@pytest.mark.parametrize(
    "pin", [None, "max", "1800000", "sweep:", "sweep:fast", "sweep:600000,", "sweeps", "sweep:600"]
)
def test_and_these_do_not(pin: str | None) -> None:
    assert not sweeps(pin)


def test_few_clocks_are_taken_whole_and_the_highest_comes_first() -> None:
    found = stepped("sweep", {"b0": Ladder(GENERIC)})
    assert found == {"b0": Steps(("2400000", "1800000", "1500000", "1000000", "600000"))}


def test_of_many_six_are_spread_over_all_and_both_ends_are_among_them() -> None:
    assert evenly(PI4, 6) == [600_000, 800_000, 1_000_000, 1_300_000, 1_500_000, 1_800_000]
    crowded = [1, 2, 3, 4, 5, 6, 100]
    assert evenly(crowded, 6) == [1, 3, 4, 5, 6, 100]
    assert stepped("sweep:all", {"b0": Ladder(PI4)})["b0"].pins == tuple(map(str, reversed(PI4)))


def test_a_list_is_taken_as_it_stands_once_each() -> None:
    assert stepped("sweep:600000,1800000,600000", {"b0": Ladder(PI4)})["b0"].pins == ("1800000", "600000")


def test_a_clock_that_one_board_has_not_is_refused_with_those_that_it_has() -> None:
    with pytest.raises(UsageError) as refused:
        stepped("sweep:600000,1900000", {"b0": Ladder((600_000, 1_900_000)), "b1": Ladder(PI4[:3])})
    assert str(refused.value).startswith("--pin sweep: b1 cannot be held at 1900000 kHz")
    assert "name clocks that it has: 600000, 700000, 800000;" in str(refused.value)


def test_where_the_kernel_lists_no_clocks_any_in_between_may_be_named_and_even_turbo() -> None:
    assert stepped("sweep:1234000,4700000", {"b0": LAPTOP})["b0"] == Steps(("4700000", "1234000"))
    with pytest.raises(UsageError, match="b0 cannot be held at 4800000 kHz"):
        stepped("sweep:4800000", {"b0": LAPTOP})
    note = stepped("sweep", {"b0": LAPTOP})["b0"].note
    assert note == "its kernel lists no clocks, so these are evenly spaced; turbo up to 4700 MHz is left out"


def test_a_board_whose_clocks_nobody_can_hold_is_measured_once_and_says_why() -> None:
    assert stepped("sweep:600000", {"b0": Ladder(reason="no cpufreq policy")}) == {
        "b0": Steps(("stock",), reason="no cpufreq policy")
    }


def test_each_round_takes_every_clock_once_in_an_order_of_its_own() -> None:
    found = rounds(swept())
    assert len(found) == 8
    assert all(set(each) == set(map(str, GENERIC)) for each in found)
    assert len(set(found)) >= 7
    followed = Counter(pair for each in found for pair in pairwise(each))
    assert max(followed.values()) <= 5  # of 8: no clock is always measured in the heat of the same other
    assert found == rounds(swept())
    assert found != rounds(swept(seed=2))


def test_a_block_is_at_one_clock_with_every_variant_and_its_number_says_which() -> None:
    part = swept().parts[0]
    laid = blocks.layout(part)
    here = [slot for slot in first_slots(part) if slot.phase == Phase.MEASURE]
    for block in {slot.block for slot in here}:
        slots = [slot for slot in here if slot.block == block]
        assert sorted(slot.variant for slot in slots) == ["fp32", "int8"]
        index, ordinal = laid.place(block)
        assert {slot.point for slot in slots} == {laid.series[index].point}
        assert laid.number(index, ordinal) == block


def test_other_sweeps_keep_the_order_of_their_points() -> None:
    part = make(threads=(1, 2, 4)).parts[0]
    points = [slot.point for slot in first_slots(part) if slot.phase == Phase.MEASURE and slot.position == 0]
    assert points[:6] == [point.key for point in part.points] * 2


def test_what_is_no_comparison_runs_at_the_highest_clock() -> None:
    early = [slot for slot in first_slots(swept().parts[0]) if slot.phase < Phase.MEASURE]
    assert {Point.from_key(slot.point).pin for slot in early} == {"2400000"}


def test_thread_counts_are_swept_beside_the_clocks() -> None:
    part = swept(("2400000", "600000"), threads=(1, 2)).parts[0]
    assert [(point.pin, point.threads) for point in part.points] == [
        ("2400000", 1), ("2400000", 2), ("600000", 1), ("600000", 2),
    ]  # fmt: skip


def test_a_sweep_costs_as_much_as_its_points_and_gates_one_of_them() -> None:
    limits = Limits({"latency_p50": "+5%"}, ship=("int8",))
    one, five = make(limits=limits, preset="ci", pin="max"), swept(limits=limits, preset="ci")
    assert (one.gated, five.gated) == (2, 1)  # a gate of a sweep is not confirmed, so it is judged once
    assert 4.5 < estimate_s(five.parts[0]) / estimate_s(one.parts[0]) < 5.0
    assert one.parts[0].confirms
    assert not five.parts[0].confirms


def test_no_variant_leaves_a_sweep_early() -> None:
    names = [f"v{index}" for index in range(6)]
    assert make(names, preset="ci", pin="max").parts[0].screen_blocks
    assert not swept(names=names, preset="ci").parts[0].screen_blocks
