"""What is read beside a launch on which board, where the sampler runs, and how often it may."""

from pathlib import Path

import pytest

from farm_agents import fans, sampling
from farm_agents.sampler import SLOW_TICKS as SLOW
from farm_agents.sources import FAST, NO_REQUEST, SAMPLED, TWICE, capabilities, sources
from farm_agents.sysfs import Sysfs
from sampler_support import BOARD, tree

POLICY = "sys/devices/system/cpu/cpufreq/policy"


def lanes(found: Sysfs, cpus: list[int]) -> dict[str, int]:
    return {source.name: source.ticks for source in sources(found, cpus).found}


def test_clocks_limits_coolers_power_and_the_hottest_zone_are_in_the_fast_lane(tmp_path: Path) -> None:
    found = lanes(tree(tmp_path), [2, 3])
    assert {name for name, ticks in found.items() if ticks == FAST} == {
        "policy2.cur", "policy2.max", "cooling.Processor@cooling_device0", "cooling.Processor@cooling_device1",
        "zone.cpu-thermal", *(name for name in found if name.startswith("rail.ina226")),
    }  # fmt: skip
    slow = {"zone.gpu-thermal", "devfreq.dmc", "psi.cpu"} | {name for name in found if name.startswith("rail.rapl")}
    assert len(slow) == 4
    assert slow <= {name for name, ticks in found.items() if ticks == SLOW}
    assert found["throttled_bits"] == TWICE


def test_what_a_charger_promised_and_what_only_blows_is_not_read(tmp_path: Path) -> None:
    found = sources(tree(tmp_path), [0]).found
    assert [source.path for source in found if "hwmon1" in source.path or "cooling_device2" in source.path] == []


def test_the_clock_that_interrupts_the_cpu_it_reads_is_never_read(tmp_path: Path) -> None:
    found = sources(tree(tmp_path, {**BOARD, POLICY + "0/cpuinfo_cur_freq": "1500000"}), [0, 1, 2, 3]).found
    assert [source.path for source in found if "cpuinfo" in source.path] == []


def test_of_one_chip_the_fourth_current_is_a_sum_and_of_another_a_rail(tmp_path: Path) -> None:
    chip = "sys/class/hwmon/hwmon7/"
    places = {chip + f"{kind}{number}_input": "1000" for kind in ("in", "curr") for number in (3, 4, 7)}
    for name, rails in (("ina3221", {"curr3"}), ("ltc2977", {"curr3", "curr4", "curr7"})):
        found = sources(tree(tmp_path / name, {**BOARD, **places, chip + "name": name}), [0]).found
        read = {source.name.split("/")[-1] for source in found if f"rail.{name}" in source.name}
        assert read == {f"{rail}.{what}" for rail in rails for what in ("curr", "volt")}


def test_every_kind_that_is_missing_has_its_reason(tmp_path: Path) -> None:
    found = sources(tree(tmp_path, {"sys/devices/system/cpu/online": "0"}), [0])
    kinds = {"clocks", "throttle", "temperature", "power", "devfreq", "firmware"}
    assert kinds <= found.missing.keys()
    assert all(found.missing.values())
    assert [source.name for source in found.found if not source.name.startswith("psi.")] == []


def test_no_two_sources_have_one_name(tmp_path: Path) -> None:
    twins = {f"sys/class/thermal/thermal_zone{number}/{name}": text for number in (2, 3)
             for name, text in (("type", "cpu-thermal"), ("temp", "40000"))}  # fmt: skip
    names = [source.name for source in sources(tree(tmp_path, {**BOARD, **twins}), [0]).found]
    assert len(names) == len(set(names))


FANS = {
    "sys/class/hwmon/hwmon2/name": "pwmfan",
    "sys/class/hwmon/hwmon2/fan1_input": "3120",
    "sys/class/hwmon/hwmon2/pwm1": "128",
    "sys/class/hwmon/hwmon2/pwm1_enable": "2",
    "sys/class/hwmon/hwmon3/name": "pwm_tach",
    "sys/class/hwmon/hwmon3/rpm": "1500",
}


def test_fans_are_in_the_slow_lane_and_their_switches_are_not_read(tmp_path: Path) -> None:
    found = sources(tree(tmp_path, {**BOARD, **FANS}), [0])
    assert {source.path.rpartition("/")[2]: (source.unit, source.ticks) for source in found.found if source.name[:4] == "fan."} == {
        "fan1_input": ("rpm", SLOW), "pwm1": ("pwm", SLOW), "rpm": ("rpm", SLOW),
    }  # fmt: skip
    assert "fan" not in found.missing
    assert sources(tree(tmp_path / "bare"), [0]).missing["fan"] == fans.NO_FAN


def on(driver: str) -> dict[str, str]:
    return {**BOARD, **{f"{POLICY}{number}/scaling_driver": driver for number in (0, 2)}}


@pytest.mark.parametrize("driver", ["intel_pstate", "intel_cpufreq", "acpi-cpufreq", "amd-pstate-epp"])
@pytest.mark.parametrize("release", ["5.17.15-arch1", "5.15.0-91-generic", "4.19.0", "unknown"])
def test_an_old_kernel_that_interrupts_an_x86_cpu_is_not_asked_for_its_clock(
    tmp_path: Path, driver: str, release: str
) -> None:
    found = sources(tree(tmp_path, on(driver)), [0, 2], release)
    assert found.missing["clocks"] == NO_REQUEST
    clocks = {source.name for source in found.found if source.name.startswith("policy")}
    assert clocks == {"policy0.max", "policy2.max"}, "the limit is a number in memory"


@pytest.mark.parametrize(
    ("driver", "release"),
    [("intel_pstate", "5.18.0"), ("acpi-cpufreq", "6.1.0-18-amd64"), ("cpufreq-dt", "4.9.337-tegra"), ("", "4.9.0")],
)
def test_any_other_clock_is_read(tmp_path: Path, driver: str, release: str) -> None:
    found = sources(tree(tmp_path, on(driver)), [0], release)
    assert {"policy0.cur", "policy0.max"} <= {source.name for source in found.found}
    assert "clocks" not in found.missing


def test_what_only_the_sampler_reads_is_told_with_its_reasons(tmp_path: Path) -> None:
    whole = capabilities(tree(tmp_path / "whole", {**BOARD, **FANS}), [0])
    assert whole == {key: {"ok": True, "reason": None} for key in SAMPLED}
    bare = capabilities(tree(tmp_path / "bare", {"sys/devices/system/cpu/online": "0"}), [0])
    assert {name for name, said in bare.items() if not said["ok"]} >= {"clock_in_slot", "limit_in_slot", "fan"}
    assert all(said["reason"] for said in bare.values() if not said["ok"])


@pytest.mark.parametrize(
    ("measured", "strength", "expected"),
    [
        ([2, 3], {0: 400, 1: 400, 2: 1024, 3: 1024}, 0),
        ([0], {0: 400, 1: 400, 2: 1024, 3: 1024}, 2),
        ([0, 2], {0: 400, 1: 400, 2: 1024, 3: 1024}, 1),
        ([3], dict.fromkeys(range(4)), 0),
        ([0, 1, 2, 3], dict.fromkeys(range(4)), None),
    ],
    ids=["the weakest", "of another clock", "of a shared clock if it must", "of equals the first", "none is free"],
)
def test_the_sampler_runs_where_it_disturbs_least(
    tmp_path: Path, measured: list[int], strength: dict[int, int | None], expected: int | None
) -> None:
    assert sampling.housekeeping(tree(tmp_path), [0, 1, 2, 3], measured, strength) == expected


def test_the_other_half_of_a_measured_core_is_taken_last(tmp_path: Path) -> None:
    siblings = {f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": f"{cpu % 2},{cpu % 2 + 2}"
                for cpu in range(4)}  # fmt: skip
    found = tree(tmp_path, {"sys/devices/system/cpu/online": "0-3", **siblings})
    assert sampling.housekeeping(found, [0, 1, 2, 3], [2], dict.fromkeys(range(4))) == 1


def test_the_rate_is_halved_until_a_long_launch_fits() -> None:
    ticks = [1] * 20
    assert sampling.period_ns(ticks, sampling.FAST_NS, 60.0) == sampling.FAST_NS
    assert sampling.period_ns(ticks, sampling.FAST_NS, 600.0) == 2 * sampling.FAST_NS
    assert 20 * 86_400e9 / sampling.period_ns(ticks, sampling.FAST_NS, 86_400.0) <= sampling.MOST
