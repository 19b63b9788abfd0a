"""Files that stand for sensors, a sampler over them that ticks when it is told to, and small trees of a board."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farm_agents import sampled
from farm_agents.sampler import Sampler
from farm_agents.sysfs import Sysfs

PERIOD_NS = 100_000_000
BOARD = {
    "sys/devices/system/cpu/online": "0-3",
    "sys/devices/system/cpu/cpufreq/policy0/related_cpus": "0 1",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1500000",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1800000",
    "sys/devices/system/cpu/cpufreq/policy2/related_cpus": "2 3",
    "sys/devices/system/cpu/cpufreq/policy2/scaling_cur_freq": "2000000",
    "sys/devices/system/cpu/cpufreq/policy2/scaling_max_freq": "2400000",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "51000",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal",
    "sys/class/thermal/thermal_zone1/temp": "61000",
    "sys/class/thermal/cooling_device0/type": "Processor",
    "sys/class/thermal/cooling_device0/cur_state": "0",
    "sys/class/thermal/cooling_device1/type": "Processor",
    "sys/class/thermal/cooling_device1/cur_state": "0",
    "sys/class/thermal/cooling_device2/type": "pwm-fan",
    "sys/class/thermal/cooling_device2/cur_state": "3",
    "sys/class/hwmon/hwmon0/name": "ina226",
    "sys/class/hwmon/hwmon0/power1_input": "4500000",
    "sys/class/hwmon/hwmon1/name": "tcpm_source_psy_4_0022",
    "sys/class/hwmon/hwmon1/in0_input": "9000",
    "sys/class/hwmon/hwmon1/curr0_input": "3000",
    "sys/class/powercap/intel-rapl:0/name": "package-0",
    "sys/class/powercap/intel-rapl:0/energy_uj": "123456789",
    "sys/class/devfreq/dmc/cur_freq": "528000000",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005",
    "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=95654990",
}


def tree(root: Path, files: Mapping[str, str] = BOARD) -> Sysfs:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return Sysfs(str(root))


def source(path: Path, ticks: int = 1, parser: str = "number", unit: str = "mA") -> dict[str, Any]:
    return {"name": path.name, "path": str(path), "unit": unit, "ticks": ticks, "parser": parser}


def order(*sources: dict[str, Any], period_ns: int = PERIOD_NS, most: int = 1000) -> dict[str, Any]:
    return {"launch": "1.1", "sources": list(sources), "period_ns": period_ns, "most": most}


def rows(sampler: Sampler) -> list[dict[str, Any]]:
    """What was sampled, as it would be told."""
    return [row for chunk in sampled.chunks("1.1", sampler.ring, sampler.described) for row in chunk["readings"]]


def said(sampler: Sampler) -> list[Any]:
    """The value of each reading, or what is wrong with it."""
    return [row["error"] if row["value"] is None else row["value"] for row in rows(sampler)]
