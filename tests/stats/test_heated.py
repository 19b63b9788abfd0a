"""How hot a board got and for how long it was held back: the cell that says most of it, and what nobody could see."""

from __future__ import annotations

from typing import Any

import pytest

from clocks_support import KNOWN, PINNED, held
from farm_reports import judge
from farm_reports.heated import Heat
from farm_reports.judge.heated import hottest
from farm_reports.tables import BoardRecord, Json, LaunchRecord
from tables_support import launch, launches, tables

HOT = {"verdict": "confirmed", "evidence": [{"source": "cooling.cpufreq-cpu0", "kind": "state", "before": 0, "after": 2,
       "t_ns": 1, "text": "cooling.cpufreq-cpu0 took clock away, up to state 2"}]}  # fmt: skip
MAYBE = {"verdict": "suspected", "evidence": [{"source": "temp_mc", "kind": "temp", "before": 1, "after": 2, "t_ns": 1,
         "text": "temp_mc reached 79.0 °C, the kernel slows down at 80.0 °C"}]}  # fmt: skip
CALM: Json = {"verdict": "none", "evidence": []}


def told(throttle: Json, mc: float | None = 60_000, wall_ns: int = 500_000_000) -> Json:
    return {"throttle": throttle, "temp_mc_start": mc, "temp_mc_end": mc, "wall_ns": wall_ns}


def run(by_name: dict[str, list[Json]], **changes: Any) -> Heat:
    """The heat of one board whose launches say this, each variant its own."""
    made = []
    for record in launches():
        facts = by_name.get(record.variant, [told(CALM)] * 8)[record.block - 10]
        made.append(
            launch(
                record.id,
                "rpi5",
                record.variant,
                record.block,
                record.p50_ns or 0,
                facts=facts,
                state=facts.get("state", "done"),
            )
        )
    (found,) = judge.results(tables(made, **changes)).heat
    return found


def test_the_cell_that_was_held_back_longest_is_the_one_that_is_told() -> None:
    some = {"fp32": [told(HOT)] + [told(CALM)] * 7, "struct50": [told(HOT, 83_500)] * 3 + [told(CALM)] * 5}
    found = run(some)
    assert (found.variant, found.launches, found.held_back) == ("struct50", 8, 3)
    assert found.share.value == pytest.approx(3 / 8)
    assert found.hottest_c.value == 83.5
    assert found.evidence == "cooling.cpufreq-cpu0 took clock away, up to state 2"


def test_the_share_is_of_time_and_not_of_launches() -> None:
    found = run({"int8": [told(HOT, wall_ns=2_000_000_000)] * 4 + [told(CALM, wall_ns=500_000_000)] * 4})
    assert found.share.value == pytest.approx(8 / 10)


def test_where_a_launch_does_not_say_how_long_it_took_launches_are_counted() -> None:
    found = run({"int8": [told(HOT, wall_ns=2_000_000_000)] * 4 + [told(CALM, wall_ns=0)] * 4})
    assert found.share.value == 0.5


def test_a_suspicion_comes_before_the_winner_and_is_no_share() -> None:
    found = run({"int8": [told(MAYBE)] * 2 + [told(CALM)] * 6})
    assert (found.variant, found.held_back, found.suspected, found.share.value) == ("int8", 0, 2, 0.0)


def test_on_a_calm_board_it_is_the_one_to_ship() -> None:
    results = judge.results(tables([*launches()], limits={"latency_p50": "30ms"}))
    assert results.heat[0].variant == results.ship[0].variant


def test_a_launch_of_a_dropped_block_was_hot_all_the_same() -> None:
    rejected = {**told(HOT, 84_000), "state": "rejected"}
    found = run({"int8": [told(CALM)] * 6 + [rejected] * 2})
    assert (found.variant, found.launches, found.held_back, found.hottest_c.value) == ("int8", 8, 2, 84.0)


def test_a_board_that_tells_nothing_has_reasons_instead_of_figures() -> None:
    (found,) = judge.results(tables(launches())).heat
    assert (found.share.value, found.share.reason) == (
        None,
        "nothing on this board tells when its processor is held back",
    )
    assert (found.hottest_c.value, found.hottest_c.reason) == (None, "nobody saw the temperature")


@pytest.mark.parametrize("mc", [float("nan"), float("inf"), "hot", True, None, [1]])
def test_a_temperature_that_is_none_is_not_the_hottest(mc: object) -> None:
    record: LaunchRecord = launch(1, "rpi5", "fp32", 1, 4e6, facts={"temp_mc_end": mc, "temp_mc_end_reason": "no zone"})
    assert hottest([record]).value is None
    assert hottest([record]).reason == "no zone"


def test_a_board_below_its_calibrated_clock_counts_as_held_back() -> None:
    facts = {**held(), "eff_khz": 1_500_000.0, "temp_mc_end": 70_000}
    made = [
        launch(i, "rpi5", name, i // 3, 4e6, facts=facts, point=PINNED)
        for i, name in enumerate(("fp32", "int8", "struct50") * 8)
    ]
    boards = (BoardRecord("rpi5", {}, calibration=KNOWN),)
    (found,) = judge.results(tables(made, boards=boards, points=(PINNED,))).heat
    assert found.held_back == 8


def test_a_run_without_a_launch_has_no_heat_to_tell_of() -> None:
    assert judge.results(tables([])).heat == []
