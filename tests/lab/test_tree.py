"""The simulated /sys is what the agent takes for a board's."""

from pathlib import Path

import pytest

from farm_agents import beside, cores, cpufreq, thermal
from farm_agents.sysfs import Sysfs
from farm_lab import tree


def make(root: Path, name: str, cpus: int) -> None:
    tree.replay(root, tree.generic(name, cpus), name)


@pytest.fixture
def board(tmp_path: Path) -> Sysfs:
    make(tmp_path, "vb007", 4)
    return Sysfs(str(tmp_path))


def test_the_agent_finds_one_policy_of_all_cpus_at_full_clock(board: Sysfs) -> None:
    assert cpufreq.policies(board) == {"policy0": [0, 1, 2, 3]}
    assert cpufreq.freq_khz(board, [0]) == 2_400_000
    assert cpufreq.governor(board, [3]) == "schedutil"
    assert cores.capacities(board, [0, 1]) == {0: 2_400_000, 1: 2_400_000}


def test_the_agent_finds_the_zone_and_its_temperature(board: Sysfs) -> None:
    assert [(zone.kind, zone.temp_mc) for zone in thermal.zones(board)] == [("cpu-thermal", 40_000)]
    assert thermal.temp_mc(board) == 40_000


def test_every_reading_of_the_agent_has_a_value(board: Sysfs) -> None:
    readings = beside.readings(board, 1)
    assert len(readings) == 2
    assert all(reading["error"] is None for reading in readings)


def test_the_files_the_runtime_needs_for_feature_detection_exist(board: Sysfs) -> None:
    for name in ("online", "possible", "present"):
        assert board.text(f"sys/devices/system/cpu/{name}") == "0-3"
    assert (board.text("proc/cpuinfo") or "").count("CPU part\t: 0xd08") == 4


def test_power_is_voltage_times_current(board: Sysfs) -> None:
    values = [board.number(f"sys/class/hwmon/hwmon0/{name}_input") or 0 for name in ("power1", "in1", "curr1")]
    assert values[0] == values[1] * values[2] == tree.POWER_UW


def test_identity_is_the_boards_own_and_ends_as_the_device_tree_ends(tmp_path: Path) -> None:
    for name in ("vb001", "vb002"):
        make(tmp_path / name, name, 1)
    model, machine = "sys/firmware/devicetree/base/model", "etc/machine-id"
    assert (tmp_path / "vb001" / model).read_bytes().endswith(b"vb001\0")
    assert (tmp_path / "vb001" / machine).read_text() != (tmp_path / "vb002" / machine).read_text()
    assert len((tmp_path / "vb001" / machine).read_text().strip()) == 32


def test_one_cpu_is_a_range_of_one(tmp_path: Path) -> None:
    make(tmp_path, "vb001", 1)
    assert Sysfs(str(tmp_path)).text("sys/devices/system/cpu/online") == "0"


def test_making_a_tree_again_restores_it(tmp_path: Path) -> None:
    make(tmp_path, "vb001", 2)
    (tmp_path / "sys/devices/virtual/thermal/thermal_zone0/temp").write_text("broken")
    make(tmp_path, "vb001", 2)
    assert thermal.temp_mc(Sysfs(str(tmp_path))) == 40_000
