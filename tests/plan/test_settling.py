"""The temperatures at which a launch may begin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farm_orchestrator.model import Json, Kind, LaunchRow, Phase, Slot, State
from farm_orchestrator.plan import settling
from farm_reports.tables import Calibration
from plan_support import DIGEST, row

POINT = "CPUExecutionProvider/default/big/1/stock/burst/tight"
UNKNOWN = Calibration()
CALIBRATED = Calibration(20, 0.001, 0.0015, 0.004, "quiet", None, idle_mc=43_000.0)
BLIND = Calibration(20, 0.001, 0.0015, 0.004, "quiet", None)


def block(*facts: Json, state: str = State.DONE) -> list[LaunchRow]:
    slots = [Slot("b0", Phase.MEASURE, 9, 0, at, f"v{at:02}", DIGEST, POINT, Kind.MEASURE) for at in range(len(facts))]
    return [row(slot, at, state, facts=each) for at, (slot, each) in enumerate(zip(slots, facts, strict=True))]


def band(rows: list[LaunchRow], known: Calibration = UNKNOWN) -> tuple[int | None, int | None]:
    found = settling.start(rows, known)
    return found["low_mc"], found["high_mc"]


def test_the_first_launch_of_a_block_waits_for_the_rate_alone() -> None:
    assert band([]) == (None, None)
    assert band(block({})) == (None, None)
    assert band(block({"settle_temp_mc": 45_000}, state=State.FAILED)) == (None, None)
    assert band(block({"settle_temp_mc": 45_000}, state=State.RUNNING)) == (None, None)


def test_the_later_ones_begin_within_five_degrees_of_it() -> None:
    assert band(block({"settle_temp_mc": 45_000}, {"settle_temp_mc": 49_000})) == (40_000, 50_000)
    assert band(block({"temp_mc_launch": 45_200, "settle_temp_mc": None})) == (40_200, 50_200)


def test_a_calibrated_board_begins_near_idle_and_its_later_launches_within_two_degrees() -> None:
    assert band([], CALIBRATED) == (None, 48_000)
    assert band(block({"settle_temp_mc": 44_000}), CALIBRATED) == (42_000, 46_000)
    assert band(block({"settle_temp_mc": 47_500}), CALIBRATED) == (45_500, 48_000)


def test_nobody_waits_for_the_rest_of_a_block_whose_first_launch_began_too_hot() -> None:
    assert band(block({"settle_temp_mc": 55_000}), CALIBRATED) == (53_000, 57_000)


def test_a_calibrated_board_whose_rest_nobody_saw_is_held_to_the_first_launch_of_the_block() -> None:
    assert band([], BLIND) == (None, None)
    assert band(block({"settle_temp_mc": 45_000}), BLIND) == (40_000, 50_000)


@pytest.mark.parametrize(("known", "cooling"), [(UNKNOWN, False), (BLIND, True), (CALIBRATED, True)])
def test_only_a_calibrated_board_must_not_be_held_back_by_its_cooling(known: Calibration, *, cooling: bool) -> None:
    assert settling.start([], known)["cooling"] is cooling
    assert settling.anywhere(known) == {
        "low_mc": None, "high_mc": None, "cooling": cooling, "eff_khz": None, "canary_ns": None,
    }  # fmt: skip


def test_a_job_is_told_the_clock_that_a_calibrated_board_had_at_its_pin() -> None:
    held = replace(CALIBRATED, pin="max", eff_khz=1_795_000.0, canary_ns=51_000.0)
    assert settling.anywhere(held)["canary_ns"] == settling.start([], held)["canary_ns"] == 51_000.0
    assert settling.anywhere(replace(held, pin="stock"))["canary_ns"] is None
    assert settling.anywhere(held)["eff_khz"] == settling.start([], held)["eff_khz"] == 1_795_000.0
    assert settling.anywhere(replace(held, pin="stock"))["eff_khz"] is None
    assert settling.anywhere(replace(held, floor=None))["eff_khz"] is None


@pytest.mark.parametrize("spoilt", ["hot", None, float("nan"), True, [], {"a": 1}])
def test_whatever_a_board_tells_is_no_reason_to_stop(spoilt: object) -> None:
    facts = {"settle_temp_mc": spoilt, "settle_broken": spoilt, "settle_s": spoilt}
    assert band(block(facts)) == (None, None)
