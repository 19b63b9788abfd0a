"""What the board says of itself beside a slot: its limits, heat, cooling and supply, each null with its reason."""

from pathlib import Path
from typing import Any

import pytest

from agents_support import tree
from farm_agents import beside, devfreq, firmware, sysfs, thermal
from farm_agents.sources import sources
from farm_agents.sysfs import Sysfs

POLICIES = "sys/devices/system/cpu/cpufreq"
THERMAL = "sys/class/thermal"
PI_FIRMWARE = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


def policy(number: int, cpus: str, governor: str = "schedutil", low: int = 600_000, high: int = 1_800_000) -> Any:
    folder = f"{POLICIES}/policy{number}"
    return {
        f"{folder}/related_cpus": f"{cpus}\n",
        f"{folder}/scaling_governor": f"{governor}\n",
        f"{folder}/scaling_min_freq": f"{low}\n",
        f"{folder}/scaling_max_freq": f"{high}\n",
        f"{folder}/scaling_cur_freq": f"{high}\n",
    }


def cooler(number: int, kind: str, state: int) -> dict[str, str]:
    folder = f"{THERMAL}/cooling_device{number}"
    return {f"{folder}/type": f"{kind}\n", f"{folder}/cur_state": f"{state}\n"}


def looked(found: Sysfs, cpus: list[int]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    beside.look(facts, found, cpus, "start")
    beside.look(facts, found, cpus, "end")
    return facts


def test_a_board_that_says_everything_is_taken_at_its_word(tmp_path: Path) -> None:
    zone = {f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n", f"{THERMAL}/thermal_zone0/temp": "51000\n"}
    devfreq = {"sys/class/devfreq/dmc/cur_freq": "528000000\n", "sys/class/devfreq/npu/cur_freq": "1000000000\n"}
    facts = looked(tree(tmp_path, **policy(0, "0 1"), **zone, **devfreq, **cooler(0, "cpufreq-cpu0", 2),
                        **{PI_FIRMWARE: "50005\n"}), [0])  # fmt: skip
    for when in ("start", "end"):
        assert facts[f"governor_{when}"] == "schedutil"
        assert (facts[f"freq_min_khz_{when}"], facts[f"freq_max_khz_{when}"]) == (600_000, 1_800_000)
        assert facts[f"freq_khz_{when}"] == 1_800_000
        assert facts[f"temp_mc_{when}"] == 51_000
        assert facts[f"throttled_bits_{when}"] == 0x50005
        assert facts[f"devfreq_hz_{when}"] == {"dmc": 528_000_000, "npu": 1_000_000_000}
    assert facts["governor"] == "schedutil"
    assert facts["cooling_state_max"] == 2
    assert [name for name in facts if name.endswith("_reason")] == []


def test_a_board_that_says_nothing_is_null_with_a_reason_each_and_never_zero(tmp_path: Path) -> None:
    facts = looked(Sysfs(str(tmp_path)), [0])
    names = {name for name in facts if not name.endswith("_reason")}
    both = ("governor", "freq_khz", "freq_min_khz", "freq_max_khz", "temp_mc", "throttled_bits", "devfreq_hz")
    assert names == {"governor", "cooling_state_max", *(f"{name}_{when}" for name in both for when in ("start", "end"))}
    assert {name: facts[name] for name in names} == dict.fromkeys(names)
    assert all(facts[f"{name}_reason"] for name in names)


def test_start_and_end_are_told_apart(tmp_path: Path) -> None:
    facts: dict[str, Any] = {}
    beside.look(facts, tree(tmp_path, **policy(0, "0"), **cooler(0, "Processor", 3)), [0], "start")
    changed = tree(tmp_path, **policy(0, "0", "powersave", high=1_200_000), **cooler(0, "Processor", 1))
    beside.look(facts, changed, [0], "end")
    assert (facts["governor_start"], facts["governor_end"], facts["governor"]) == (
        "schedutil",
        "powersave",
        "powersave",
    )
    assert (facts["freq_max_khz_start"], facts["freq_max_khz_end"]) == (1_800_000, 1_200_000)
    assert facts["cooling_state_max"] == 3


def test_cooling_that_is_seen_at_one_end_only_is_no_longer_unknown(tmp_path: Path) -> None:
    facts: dict[str, Any] = {}
    beside.look(facts, Sysfs(str(tmp_path)), [0], "start")
    assert facts["cooling_state_max_reason"]
    beside.look(facts, tree(tmp_path, **cooler(0, "cpufreq-cpu0", 0)), [0], "end")
    assert facts["cooling_state_max"] == 0
    assert "cooling_state_max_reason" not in facts


def test_the_cooling_of_a_slot_is_not_that_of_the_slot_before(tmp_path: Path) -> None:
    facts = looked(tree(tmp_path, **cooler(0, "cpufreq-cpu0", 4)), [0])
    cool = tree(tmp_path, **cooler(0, "cpufreq-cpu0", 0))
    for when in ("start", "end"):
        beside.look(facts, cool, [0], when)
    assert facts["cooling_state_max"] == 0


def test_only_the_policies_of_the_measured_cpus_count_and_the_lowest_limit_is_told(tmp_path: Path) -> None:
    found = tree(tmp_path, **policy(0, "0 1", "powersave", high=408_000), **policy(4, "4", high=2_304_000),
                 **policy(6, "6", high=2_256_000))  # fmt: skip
    facts = looked(found, [4, 6])
    assert (facts["governor_end"], facts["freq_max_khz_end"]) == ("schedutil", 2_256_000)


@pytest.mark.parametrize(
    ("kind", "throttles"),
    [("cpufreq-cpu4", True), ("thermal-cpufreq-0", True), ("Processor", True), ("cpu-throttle-alert", True),
     ("cpu-idle", True), ("pwm-fan", False), ("Fan", False), ("thermal-devfreq-0", False), ("TCC Offset", False)],
)  # fmt: skip
def test_a_fan_is_no_throttling(tmp_path: Path, kind: str, *, throttles: bool) -> None:
    assert thermal.cooling_state(tree(tmp_path, **cooler(0, kind, 2))) == (2 if throttles else None)


def test_the_strongest_cooling_counts(tmp_path: Path) -> None:
    found = tree(tmp_path, **cooler(0, "cpufreq-cpu0", 1), **cooler(1, "cpufreq-cpu4", 3), **cooler(2, "pwm-fan", 4))
    assert thermal.cooling_state(found) == 3


@pytest.mark.parametrize(("said", "bits"), [("0\n", 0), ("50005", 0x50005), ("0x80008\n", 0x80008), ("broken", None)])
def test_the_bits_of_a_raspberry_pi_are_hexadecimal_with_or_without_a_prefix(
    tmp_path: Path, said: str, bits: int | None
) -> None:
    assert firmware.throttled_bits(tree(tmp_path, **{PI_FIRMWARE: said})) == bits


@pytest.mark.parametrize(("model", "bits"), [("Raspberry Pi 5 Model B\0", 0x20002), ("Radxa ROCK 5B\0", None)])
def test_a_pi_without_the_file_is_asked_through_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, bits: int | None
) -> None:
    program = tmp_path / "bin/vcgencmd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n[ $# = 1 ] && echo throttled=0x20002\n")  # a second word would clear the bits
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    found = tree(tmp_path / "board", **{"sys/firmware/devicetree/base/model": model})
    assert firmware.throttled_bits(found) == bits


def test_a_devfreq_clock_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    found = tree(tmp_path, **{"sys/class/devfreq/dmc/cur_freq": "528000000\n", "sys/class/devfreq/gpu/cur_freq": ""})
    assert devfreq.clocks_hz(found) == {"dmc": 528_000_000}


@pytest.mark.parametrize(
    ("sizes", "size"), [(["48K", "32K", "1024K", "32768K"], 32 << 20), (["32K", "2M"], 2 << 20), (["?"], None)]
)
def test_the_last_cache_is_the_largest_that_a_measured_cpu_reaches(
    tmp_path: Path, sizes: list[str], size: int | None
) -> None:
    folder = "sys/devices/system/cpu/cpu{}/cache/index{}/size"
    own = {folder.format(1, index): f"{text}\n" for index, text in enumerate(sizes)}
    found = tree(tmp_path, **own, **{folder.format(0, 0): "512M\n"})
    assert sysfs.last_level_cache_bytes(found, [1, 2]) == size


def test_zones_of_one_kind_are_told_apart_as_the_sampler_does(tmp_path: Path) -> None:
    for number, temp in enumerate(("41000", "52000")):
        zone = tmp_path / f"sys/class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text("cpu-thermal")
        (zone / "temp").write_text(temp)
    told = {row["source"]: row["value"] for row in beside.readings(Sysfs(str(tmp_path)), 1)}
    assert told == {"zone.cpu-thermal@thermal_zone0": 41000, "zone.cpu-thermal@thermal_zone1": 52000}
    assert set(told) <= {source.name for source in sources(Sysfs(str(tmp_path)), [0]).found}
