"""What is read around a slot, on the trees of real boards and on files that vanish, are closed or say nonsense."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hardware_golden as boards
from farm_agents import edges
from farm_agents.family import Family
from sampler_support import tree

THERMAL = "sys/class/thermal"
COOLER = f"{THERMAL}/cooling_device0"
POLICY = "sys/devices/system/cpu/cpufreq/policy0"
COUNTED = {
    f"{COOLER}/type": "cpufreq-cpu0", f"{COOLER}/cur_state": "1", f"{COOLER}/max_state": "3",
    f"{COOLER}/stats/time_in_state_ms": "state0\t900\nstate1\t70\nstate2\t5", f"{COOLER}/stats/total_trans": "4",
    f"{POLICY}/related_cpus": "0 1", f"{POLICY}/scaling_max_freq": "1800000",
    f"{POLICY}/stats/time_in_state": "600000 10\n1800000 4333",
    "sys/devices/system/cpu/online": "0-1",
}  # fmt: skip


def names(found: edges.Edges) -> dict[str, str]:
    return {mark.name: mark.kind for mark in found.marks}


def read(found: edges.Edges) -> dict[str, Any]:
    return {**found.read()["values"]}


def test_everything_that_a_board_counts_is_read_under_the_names_of_the_sampler(tmp_path: Path) -> None:
    found = edges.find(tree(tmp_path, COUNTED), [0])
    assert read(found) == {
        "cooling.cpufreq-cpu0": 1, "cooling.cpufreq-cpu0.ms": 75, "cooling.cpufreq-cpu0.total_trans": 4,
        "policy0.max": 1_800_000, "policy0": {"600000": 10, "1800000": 4333}, "online": [0, 1],
    }  # fmt: skip
    assert found.read()["unread"] == {}


def test_only_the_policies_of_the_measured_cpus_are_read(tmp_path: Path) -> None:
    assert not {"policy0", "policy0.max"} & set(names(edges.find(tree(tmp_path, COUNTED), [5])))


@pytest.mark.parametrize(
    ("file", "text", "name", "why"),
    [
        (f"{COOLER}/cur_state", "", "cooling.cpufreq-cpu0", "empty"),
        (f"{COOLER}/cur_state", "-1", "cooling.cpufreq-cpu0", "nonsense"),
        (f"{COOLER}/stats/time_in_state_ms", "state0 x", "cooling.cpufreq-cpu0.ms", "nonsense"),
        (f"{POLICY}/stats/time_in_state", "1800000", "policy0", "nonsense"),
        (f"{POLICY}/stats/time_in_state", "1800000 -3", "policy0", "nonsense"),
        (f"{POLICY}/scaling_max_freq", "<unsupported>", "policy0.max", "nonsense"),
        ("sys/devices/system/cpu/online", "a-b", "online", "nonsense"),
        ("sys/devices/system/cpu/online", "", "online", "empty"),
    ],
)
def test_nonsense_is_no_value_and_the_rest_is_read(tmp_path: Path, file: str, text: str, name: str, why: str) -> None:
    found = edges.find(tree(tmp_path, COUNTED), [0])
    (tmp_path / file).write_text(text)
    told = found.read()
    assert told["unread"] == {name: why}
    assert name not in told["values"]
    assert len(told["values"]) == 5


def test_a_file_that_vanishes_between_the_edges_is_named_by_its_error(tmp_path: Path) -> None:
    found = edges.find(tree(tmp_path, COUNTED), [0])
    (tmp_path / POLICY / "stats/time_in_state").unlink()
    (tmp_path / COOLER / "cur_state").unlink()
    (tmp_path / COOLER / "cur_state").symlink_to("cur_state")
    assert found.read()["unread"] == {"policy0": "ENOENT", "cooling.cpufreq-cpu0": "EACCES"}


def test_an_intel_board_counts_for_each_measured_cpu(tmp_path: Path) -> None:
    found = names(edges.find(boards.laid(tmp_path, "n100"), [1, 2]))
    counted = {f"cpu{cpu}.{what}_{why}_count" for cpu in (1, 2)
               for what in ("core", "package") for why in ("throttle", "power_limit")}  # fmt: skip
    assert {name for name, kind in found.items() if kind == edges.COUNTER and name.startswith("cpu")} == counted


def test_an_orin_counts_over_currents_and_raises_alerts(tmp_path: Path) -> None:
    found = names(edges.find(boards.laid(tmp_path, "orin-nano"), [0]))
    assert {name.partition(".")[2] for name in found if name.startswith("hwmon")} == {
        "oc1_event_cnt", "oc2_event_cnt", "oc3_event_cnt"
    }  # fmt: skip
    assert {f"cooling.{kind}-alert" for kind in ("cpu-throttle", "gpu-throttle", "hot-surface")} <= set(found)


def test_a_raspberry_pi_has_an_alarm_and_a_firmware_that_sets_its_clock(tmp_path: Path) -> None:
    found = edges.find(boards.laid(tmp_path, "pi4"), [0])
    assert names(found)["rpi_volt"] == edges.ALARM
    assert read(found)["rpi_volt"] == 0
    assert edges.fact(found, found.read(), found.read())["firmware"] is True


def test_a_rock_s_coolers_and_trips_are_told(tmp_path: Path) -> None:
    found = edges.find(boards.laid(tmp_path, "rock5b"), [4, 5, 6, 7])
    fact = edges.fact(found, found.read(), found.read())
    assert {f"cooling.thermal-cpufreq-{n}" for n in range(3)} <= set(fact["kinds"])
    assert {"policy4", "policy6"} <= set(fact["kinds"])
    assert "policy0" not in fact["kinds"]
    assert fact["passive_mc"]["zone.soc-thermal"] == 75_000
    assert (fact["firmware"], fact["before"]["unread"]) == (False, {})


def test_a_board_without_any_source_has_only_its_cpus(tmp_path: Path) -> None:
    assert set(names(edges.find(boards.laid(tmp_path, "bb-ai64"), [0]))) <= {"online"}


def test_what_a_family_forbids_beside_a_measurement_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Family, "may_read", lambda _, name: "stats" not in name)
    assert set(names(edges.find(tree(tmp_path, COUNTED), [0]))) == {"cooling.cpufreq-cpu0", "policy0.max", "online"}


def test_coolers_of_one_kind_are_told_apart_as_the_sampler_does(tmp_path: Path) -> None:
    more = {f"{THERMAL}/cooling_device{n}/{file}": text for n in (1, 2)
            for file, text in (("type", "Processor"), ("cur_state", str(n)))}  # fmt: skip
    found = read(edges.find(tree(tmp_path, {**COUNTED, **more}), [0]))
    assert (found["cooling.Processor@cooling_device1"], found["cooling.Processor@cooling_device2"]) == (1, 2)


@given(st.text(max_size=80))
@pytest.mark.parametrize("parse", [edges._count, edges._slowed_ms, edges._residency, edges._cpus])
def test_any_text_is_a_value_or_nonsense(parse: Callable[[str], object], text: str) -> None:
    with suppress(ValueError):
        assert parse(text) is not None


def test_times_whose_sum_no_database_holds_are_nonsense() -> None:
    row = "state{}\t{}"
    assert edges._slowed_ms("\n".join(row.format(k, 10**14) for k in range(256))) == 255 * 10**14
    with pytest.raises(ValueError, match="state"):
        edges._slowed_ms("\n".join(row.format(k, 10**17) for k in range(256)))
