"""What the board's tree is taken to say, on trees of real boards' shapes."""

import os
from pathlib import Path

import pytest

from agents_support import tree
from farm_agents import beside, board, cores, cpufreq, memory, procfs, survey, sysfs, thermal
from farm_agents.sysfs import Sysfs

CPU = "sys/devices/system/cpu"


def policy(number: int, cpus: str, maximum: int, current: int = 0, governor: str = "schedutil") -> dict[str, str]:
    folder = f"{CPU}/cpufreq/policy{number}"
    return {
        f"{folder}/related_cpus": f"{cpus}\n",
        f"{folder}/cpuinfo_max_freq": f"{maximum}\n",
        f"{folder}/scaling_cur_freq": f"{current or maximum}\n",
        f"{folder}/scaling_governor": f"{governor}\n",
    }


def zone(number: int, kind: str, temp: str) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{number}"
    return {f"{folder}/type": f"{kind}\n", f"{folder}/temp": temp}


def capacity(*values: int) -> dict[str, str]:
    return {f"{CPU}/cpu{cpu}/cpu_capacity": f"{value}\n" for cpu, value in enumerate(values)}


def big(found: Sysfs, cpus: int) -> list[int]:
    allowed = list(range(cpus))
    return cores.resolve("big", allowed, cores.capacities(found, allowed))


def test_big_is_both_clusters_of_large_cores(tmp_path: Path) -> None:
    assert big(tree(tmp_path, **capacity(530, 530, 530, 530, 1024, 1024, 1007, 1007)), 8) == [4, 5, 6, 7]


def test_big_comes_from_the_clocks_where_no_capacity_is_told(tmp_path: Path) -> None:
    found = tree(tmp_path, **policy(0, "0 1", 1_800_000), **policy(2, "2 3 4 5", 2_400_000))
    assert big(found, 6) == [2, 3, 4, 5]


def test_big_is_all_where_capacity_is_uniform_or_unknown(tmp_path: Path) -> None:
    assert big(tree(tmp_path / "uniform", **capacity(1024, 1024)), 2) == [0, 1]
    assert big(tree(tmp_path / "unknown"), 3) == [0, 1, 2]


def test_favoured_cores_of_a_desktop_are_no_class_of_their_own(tmp_path: Path) -> None:
    policies = {
        k: v for cpu in range(4) for k, v in policy(cpu, str(cpu), 5_100_000 if cpu == 2 else 4_900_000).items()
    }
    assert big(tree(tmp_path, **policies), 4) == [0, 1, 2, 3]


def test_big_counts_only_cpus_that_may_be_used(tmp_path: Path) -> None:
    found = tree(tmp_path, **capacity(530, 530, 1024, 1024))
    assert cores.resolve("big", [0, 1, 2], cores.capacities(found, [0, 1, 2])) == [2]


@pytest.mark.parametrize(("text", "cpus"), [("0-2,6", [0, 1, 2, 6]), ("3", [3]), ("0 1 2\n", [0, 1, 2]), ("", [])])
def test_cpu_lists_are_read_as_the_kernel_writes_them(text: str, cpus: list[int]) -> None:
    assert sysfs.cpu_list(text) == cpus


@pytest.mark.parametrize("text", ["0-9", "", "two", "1-", "-1", "0x1", "0-99999999999"])
def test_a_list_that_the_board_cannot_serve_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"this process may use|invalid literal"):
        cores.resolve(text, [0, 1], {})


def test_clock_and_governor_are_those_of_the_measured_cpus(tmp_path: Path) -> None:
    found = tree(
        tmp_path, **policy(0, "0 1", 1_800_000, 600_000), **policy(4, "4 5", 2_400_000, 2_208_000, "performance")
    )
    assert (cpufreq.freq_khz(found, [4, 5]), cpufreq.governor(found, [4, 5])) == (2_208_000, "performance")
    assert (cpufreq.freq_khz(found, [0, 4]), cpufreq.governor(found, [0, 4])) == (600_000, "performance+schedutil")


def test_the_temperature_is_the_hottest_zone_of_the_processor(tmp_path: Path) -> None:
    found = tree(
        tmp_path,
        **zone(0, "cpu-thermal", "48100\n"),
        **zone(1, "bigcore0-thermal", "52000\n"),
        **zone(2, "gpu-thermal", "90000\n"),
        **zone(10, "soc-thermal", "-256000\n"),
    )
    assert thermal.temp_mc(found) == 52_000


def test_a_sensor_that_does_not_answer_is_a_reading_with_an_error(tmp_path: Path) -> None:
    found = tree(tmp_path, **zone(0, "cpu-thermal", ""), **policy(0, "0", 1_800_000))
    said = {reading["source"]: (reading["value"], reading["error"]) for reading in beside.readings(found, 7)}
    assert said == {"policy0.cur": (1_800_000, None), "zone.cpu-thermal": (None, "unreadable")}


def test_degrees_of_old_kernels_are_made_millidegrees(tmp_path: Path) -> None:
    assert thermal.temp_mc(tree(tmp_path, **zone(0, "cpu", "48"))) == 48_000


def test_nothing_is_ever_written_to_the_tree(tmp_path: Path) -> None:
    found = tree(tmp_path, **policy(0, "0", 1_800_000), **zone(0, "cpu-thermal", "40000"), **capacity(1024))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()}
    board.facts(found, [0])
    survey.look(found.root, [0])
    beside.readings(found, 1)
    assert before == {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()
    }


def test_the_model_is_the_device_trees_else_the_firmwares(tmp_path: Path) -> None:
    dmi = {"sys/class/dmi/id/sys_vendor": "Acme\n", "sys/class/dmi/id/product_name": "N100\n"}
    assert board.model(tree(tmp_path / "x86", **dmi)) == "Acme N100"
    arm = {"sys/firmware/devicetree/base/model": "Raspberry Pi 5 Model B Rev 1.0\0"}
    assert board.model(tree(tmp_path / "arm", **dmi, **arm)) == "Raspberry Pi 5 Model B Rev 1.0"
    assert board.model(tree(tmp_path / "none")) is None


def test_boot_id_and_memory_come_from_the_tree_where_it_has_them(tmp_path: Path) -> None:
    own = tree(tmp_path, **{"proc/sys/kernel/random/boot_id": "abc\n", "proc/meminfo": "MemAvailable:   1000 kB\n"})
    assert board.boot_id(own) == "abc"
    assert memory.meminfo_bytes(own, "MemAvailable") == 1_024_000
    assert memory.too_large(own, 341_333) is None
    assert "1024000 are available" in str(memory.too_large(own, 341_334))
    assert board.boot_id(Sysfs(str(tmp_path / "nothing"))) == board.boot_id(Sysfs())


def test_the_architecture_is_read_from_the_interpreters_own_header(tmp_path: Path) -> None:
    arm = tmp_path / "python"
    arm.write_bytes(b"\x7fELF\x02\x01" + b"\0" * 12 + b"\xb7\x00")
    assert board.elf_machine(str(arm)) == "64-bit aarch64"
    assert board.elf_machine(str(tmp_path / "absent")) is None


def test_a_fifo_and_an_endless_file_in_place_of_a_sensor_hold_nobody_up(tmp_path: Path) -> None:
    found = tree(tmp_path, **zone(0, "cpu-thermal", "41000\n"))
    sensor = tmp_path / "sys/class/thermal/thermal_zone0/temp"
    sensor.unlink()
    os.mkfifo(sensor)
    assert thermal.temp_mc(found) is None
    sensor.unlink()
    sensor.symlink_to("/dev/zero")
    assert thermal.temp_mc(found) is None


def test_numbers_that_no_kernel_writes_are_none(tmp_path: Path) -> None:
    many = "9" * 5000
    swaps = f"Filename Type Size Used\n/dev/a partition {many} 0\n/dev/b partition ² 0\n/dev/c partition 8 0\n/dev/d partition {10**17} 0\n"
    stat = f"cpu0 {many} 0 0 0 0 0 0 0\ncpu1 1 1 1 1 1 1 1 1\n"
    files = {
        "proc/meminfo": f"MemTotal: {many} kB\n",
        "proc/vmstat": f"pswpin {many}\n",
        "proc/swaps": swaps,
        "proc/stat": stat,
    }
    found = tree(tmp_path, **files)
    assert memory.meminfo_bytes(found, "MemTotal") is None
    assert procfs.swap_in_pages(found) is None
    assert procfs.swaps(found) == {"/dev/c": 8192}
    assert list(procfs.ticks(found)) == [1]
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "fifo").replace(tmp_path / "proc/meminfo")
    assert memory.meminfo_bytes(found, "MemTotal") is None
