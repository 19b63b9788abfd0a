"""Energy in the results: per inference from launches, its limits, and the sensor it was measured with."""

from __future__ import annotations

from typing import Any

import pytest

from farm_reports import judge
from farm_reports.tables import LaunchRecord
from tables_support import TIMES, cell, launch, tables

SHUNT = {"scope": "module_input", "source": "VDD_IN (ina3221)", "sensor_class": "B", "lsb_w": 0.04, "interval_ms": 100.0,
         "idle_w": 3.9}  # fmt: skip
MJ = {"fp32": 20.0, "int8": 8.0}


def facts(mj: float, n: int = 125, **changes: Any) -> dict[str, Any]:
    """Of a launch whose inferences took so much."""
    uj = round(mj * n * 1e3)
    return {"energy_uj": uj, "energy_low_uj": round(uj * 0.9), "energy_high_uj": round(uj * 1.1),
            "energy_net_uj": uj // 2, "energy": SHUNT, **changes}  # fmt: skip


def measured(blocks: int = 8, noise: float = 0.001, **changes: Any) -> list[LaunchRecord]:
    spots = [(block, name) for block in range(blocks) for name in MJ]
    return [
        launch(
            number, "rpi5", name, block + 10, TIMES[name],
            facts=facts(MJ[name] * (1 + noise * ((block * 7 + number) % 5 - 2)), **changes),
        )
        for number, (block, name) in enumerate(spots, 1)
    ]  # fmt: skip


def run(records: list[LaunchRecord], **changes: Any) -> Any:
    return judge.results(tables(records, names=("fp32", "int8"), **changes))


def test_an_inference_takes_the_median_over_launches_with_its_interval() -> None:
    found = cell(run(measured()), "int8")
    assert found.energy_mj.value == pytest.approx(8.0, rel=0.002)
    low, middle, high = found.energy_mj.low, found.energy_mj.value, found.energy_mj.high
    assert None not in (low, middle, high)
    assert (low or 0) <= (middle or 0) <= (high or 0)
    assert found.energy_net_mj.value == pytest.approx(4.0, rel=0.002)
    assert found.energy is not None
    assert found.energy.model_dump() == SHUNT
    assert found.energy_reason is None


def test_only_launches_with_an_idle_window_have_a_net_energy() -> None:
    records = measured(energy_net_uj=None, energy_net_uj_reason="its launch had no idle window")
    assert cell(run(records), "int8").energy_net_mj.reason == "its launch had no idle window"
    records[1].facts["energy_net_uj"], records[3].facts["energy_net_uj"] = 500_000, 510_000
    found = cell(run(records), "int8").energy_net_mj
    assert found.value == pytest.approx(4.04)
    assert found.reason == "range of 2 launches"


def test_a_single_launch_has_the_interval_of_its_parts() -> None:
    found = cell(run(measured(blocks=1, noise=0.0), compare=False), "int8").energy_mj
    assert (found.value, found.low, found.high) == pytest.approx((8.0, 7.2, 8.8))
    assert found.reason == "one launch: the interval is that of its parts"


def test_why_there_is_no_energy_is_what_most_launches_say() -> None:
    short = "below the sensor's resolution: a slot of 26 s would do"
    found = cell(run(measured(energy_uj=None, energy_uj_reason=short, energy=None)), "fp32")
    assert (found.energy_mj.value, found.energy_mj.reason, found.energy_reason) == (None, short, short)
    assert (found.energy_net_mj.value, found.energy) == (None, None)


def test_a_launch_of_another_scope_is_not_added_to_the_others() -> None:
    records = measured(blocks=9, noise=0.0)
    for record in records[1:6:2]:
        record.facts.update(facts(80.0, energy={**SHUNT, "scope": "wall_ac", "sensor_class": "C"}))
    found = cell(run(records), "int8")
    assert found.energy is not None
    assert found.energy.scope == "module_input"
    assert found.energy_mj.value == pytest.approx(8.0)
    assert found.energy_mj.high == pytest.approx(8.0)  # six launches; the three at the plug took ten times as much


def test_an_interval_that_differs_from_launch_to_launch_is_no_other_sensor() -> None:
    records = measured(noise=0.0)
    for record in records:
        record.facts["energy"] = {**SHUNT, "interval_ms": 100.0 + record.id / 1000, "idle_w": 3.9 + record.id / 1000}
    found = run(records, limits={"energy": "0.5x"}, ship=("int8",))
    assert cell(found, "int8").energy_mj.low is not None
    assert cell(found, "int8").energy_mj.reason is None
    energy = cell(found, "int8").energy
    assert energy is not None
    assert (energy.interval_ms, energy.idle_w) == pytest.approx((100.009, 3.909))
    assert cell(found, "int8").fit.verdict == "yes"


@pytest.mark.parametrize(
    ("limit", "fits"),
    [("9mJ", ["int8"]), ("21mJ", ["fp32", "int8"]), ("0.5x", ["int8"]), ("-70%", []), ("+5%", ["fp32", "int8"])],
)
def test_a_limit_on_energy_is_judged_like_the_others(limit: str, fits: list[str]) -> None:
    results = run(measured(), limits={"energy": limit}, ship=("int8",))
    assert [one.variant for one in results.cells if one.fit.verdict == "yes"] == fits
    assert results.verdict == ("passed" if "int8" in fits else "failed")


def test_two_scopes_are_never_compared() -> None:
    records = measured()
    for record in records[1::2]:
        record.facts["energy"] = {**SHUNT, "scope": "wall_ac", "sensor_class": "C"}
    results = run(records, limits={"energy": "+5%"}, ship=("int8",))
    assert cell(results, "int8").fit.verdict == "not_measured"
    assert "0 valid pairs, 8 are needed" in cell(results, "int8").fit.by[0].text


@pytest.mark.parametrize("limit", ["40mJ", "+5%"])
def test_a_limit_on_energy_that_no_sensor_told_is_not_measured(limit: str) -> None:
    reason = "gap of 0.9 s in VDD_IN"
    records = measured(energy_uj=None, energy_uj_reason=reason, energy=None)
    results = run(records, limits={"energy": limit}, ship=("int8",))
    assert {one.fit.verdict for one in results.cells} == {"not_measured"}
    assert results.verdict == "invalid"
    assert reason in results.sentence


@pytest.mark.parametrize("spoilt", [7, "VDD_IN", [], {}, {**SHUNT, "scope": "room"}, {**SHUNT, "source": 5},
                                    {**SHUNT, "sensor_class": "D"}])  # fmt: skip
def test_nonsense_of_an_agent_is_no_energy(spoilt: object) -> None:
    found = cell(run(measured(energy=spoilt)), "int8")
    assert (found.energy_mj.value, found.energy, found.energy_mj.reason) == (None, None, "no power sensor")


@pytest.mark.parametrize("spoilt", ["9", float("nan"), -5, True, None])
def test_an_energy_that_is_no_amount_is_left_out(spoilt: object) -> None:
    records = measured(noise=0.0)
    records[1].facts["energy_uj"] = spoilt
    assert cell(run(records), "int8").energy_mj.value == pytest.approx(8.0)
