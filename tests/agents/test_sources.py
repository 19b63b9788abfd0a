"""What is read beside a launch on which board, where the sampler runs, and how often it may."""

from pathlib import Path

import pytest

from farm_agents import sampling
from farm_agents.sampler import SLOW_TICKS as SLOW
from farm_agents.sources import FAST, TWICE, sources
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
