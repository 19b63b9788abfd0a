"""What the board's /sys and /proc say about clocks, heat and CPUs; nothing is ever written."""

import os
import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Set, Tuple

from farm_agents.wire import Json

CPU = "sys/devices/system/cpu"
POLICIES = CPU + "/cpufreq"
ZONES = "sys/class/thermal"
DEVFREQ = "sys/class/devfreq"
SAME_CLASS = 0.85  # clusters of one core type differ a little in clock (RK3588, QRB5165); little cores differ by half
CPU_ZONE = re.compile(r"cpu|soc|package|bigcore|littlecore|x86_pkg|tj", re.IGNORECASE)
# Cooling that takes clock away from the processor; fans and chargers do not.
THROTTLERS = re.compile(r"cpufreq-cpu|thermal-cpufreq|cpu-idle|Processor\Z|[cg]pu-throttle-alert|hot-surface-alert")
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}


@dataclass(frozen=True)
class Sysfs:
    """All paths lie under `root`, so that a recorded or simulated tree can stand in for the board's."""

    root: str = "/"

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def text(self, name: str) -> Optional[str]:
        """The stripped text of a file, None where it cannot be read (a sensor that is switched off fails to read)."""
        try:
            with open(self.path(name), "rb") as file:
                return file.read(65536).replace(b"\0", b"").decode("utf-8", "replace").strip()
        except OSError:
            return None

    def number(self, name: str) -> Optional[int]:
        try:
            return int(self.text(name) or "")
        except ValueError:
            return None

    def entries(self, folder: str) -> List[str]:
        """Names in a folder, sorted; none where it cannot be read."""
        try:
            return sorted(os.listdir(self.path(folder)))
        except OSError:
            return []

    def names(self, folder: str, prefix: str) -> List[str]:
        """Entries such as policy0, policy4 in the order of their numbers."""
        found = [entry for entry in self.entries(folder) if re.match(prefix + r"\d+\Z", entry)]
        return sorted(found, key=lambda entry: int(entry[len(prefix) :]))


def cpu_list(text: str) -> List[int]:
    """[0, 1, 2, 6] of 0-2,6. Raises ValueError."""
    found: Set[int] = set()
    for piece in text.replace(" ", ",").split(","):
        first, dash, last = piece.partition("-")
        if piece:
            found.update(range(int(first), min(int(last if dash else first), 4096) + 1))
    return sorted(found)


def policies(sysfs: Sysfs) -> Dict[str, List[int]]:
    """CPUs of each cpufreq policy."""
    found = {}
    for policy in sysfs.names(POLICIES, "policy"):
        text = sysfs.text("{}/{}/related_cpus".format(POLICIES, policy))
        try:
            found[policy] = cpu_list(text or "")
        except ValueError:
            found[policy] = []
    return found


def capacities(sysfs: Sysfs, cpus: Sequence[int]) -> Dict[int, Optional[int]]:
    """How strong each CPU is: cpu_capacity, else the highest clock of its policy in kHz, None where neither is said."""
    found = {cpu: sysfs.number("{}/cpu{}/cpu_capacity".format(CPU, cpu)) for cpu in cpus}
    if None not in found.values():
        return found
    highest: Dict[int, Optional[int]] = {}
    for policy, members in policies(sysfs).items():
        highest.update(dict.fromkeys(members, sysfs.number("{}/{}/cpuinfo_max_freq".format(POLICIES, policy))))
    return {cpu: highest.get(cpu) for cpu in cpus}


def resolve(text: str, allowed: Sequence[int], strength: Mapping[int, Optional[int]]) -> List[int]:
    """CPUs of `big`, `all` or a list, out of those this process may use. Raises ValueError saying what there is."""
    if text == "all":
        return sorted(allowed)
    if text == "big":
        return _strongest(allowed, strength)
    wanted = cpu_list(text)
    missing = [cpu for cpu in wanted if cpu not in allowed]
    if missing or not wanted:
        raise ValueError("cpus {!r}: this process may use {}".format(text, sorted(allowed)))
    return wanted


def _strongest(allowed: Sequence[int], strength: Mapping[int, Optional[int]]) -> List[int]:
    known = {cpu: strength.get(cpu) for cpu in allowed}
    if any(value is None for value in known.values()):
        return sorted(allowed)
    top = max(value or 0 for value in known.values())
    return sorted(cpu for cpu, value in known.items() if (value or 0) >= SAME_CLASS * top)


def governor(sysfs: Sysfs, cpus: Sequence[int]) -> Optional[str]:
    """Governors of the policies that hold these CPUs, joined where they differ."""
    found = {sysfs.text("{}/{}/scaling_governor".format(POLICIES, policy)) for policy in policies_of(sysfs, cpus)}
    return "+".join(sorted(word for word in found if word)) or None


def freq_khz(sysfs: Sysfs, cpus: Sequence[int], name: str = "scaling_cur_freq") -> Optional[int]:
    """Lowest requested clock (or another one by its file) among the policies of these CPUs.

    scaling_cur_freq is a request on Arm.
    """
    found = [sysfs.number("{}/{}/{}".format(POLICIES, policy, name)) for policy in policies_of(sysfs, cpus)]
    return min((value for value in found if value), default=None)


def policies_of(sysfs: Sysfs, cpus: Sequence[int]) -> List[str]:
    return [policy for policy, members in policies(sysfs).items() if set(members) & set(cpus)]


def transitions(sysfs: Sysfs, wanted: Sequence[str]) -> Optional[int]:
    """How often the clocks of these policies were changed; None where one of them does not count."""
    found = [sysfs.number("{}/{}/stats/total_trans".format(POLICIES, policy)) for policy in wanted]
    known = [count for count in found if count is not None]
    return sum(known) if known and len(known) == len(found) else None


def coolers(sysfs: Sysfs) -> List[Tuple[str, int]]:
    """(type, state) of what slows the processor down; state 0: it does not."""
    folders = [ZONES + "/" + name for name in sysfs.names(ZONES, "cooling_device")]
    found = [(sysfs.text(folder + "/type") or "", sysfs.number(folder + "/cur_state")) for folder in folders]
    return [(kind, state) for kind, state in found if state is not None and THROTTLERS.match(kind)]


def cooling_state(sysfs: Sysfs) -> Optional[int]:
    return max((state for _, state in coolers(sysfs)), default=None)


def devfreq_hz(sysfs: Sysfs) -> Dict[str, int]:
    """Clocks beside the CPUs' by name: memory, GPU, NPU."""
    found = {name: sysfs.number("{}/{}/cur_freq".format(DEVFREQ, name)) for name in sysfs.entries(DEVFREQ)}
    return {name: value for name, value in found.items() if value is not None}


def last_level_cache_bytes(sysfs: Sysfs, cpus: Sequence[int]) -> Optional[int]:
    """The largest cache that one of these CPUs reaches; None where it is not told."""
    folders = ["{}/cpu{}/cache".format(CPU, cpu) for cpu in cpus]
    return max((_cache_bytes(sysfs, folder + "/" + index) for folder in folders
                for index in sysfs.names(folder, "index")), default=0) or None  # fmt: skip


def _cache_bytes(sysfs: Sysfs, folder: str) -> int:
    size = re.match(r"(\d+)([KM]?)\Z", sysfs.text(folder + "/size") or "")
    return int(size.group(1)) * UNITS[size.group(2)] if size else 0


def zones(sysfs: Sysfs) -> List[Tuple[str, Optional[int]]]:
    """(type, temperature in m°C) of every thermal zone; None where the sensor does not answer or answers nonsense."""
    found = []
    for zone in sysfs.names(ZONES, "thermal_zone"):
        kind = sysfs.text("{}/{}/type".format(ZONES, zone)) or zone
        found.append((kind, _plausible_mc(sysfs.number("{}/{}/temp".format(ZONES, zone)))))
    return found


def _plausible_mc(value: Optional[int]) -> Optional[int]:
    if value is None or not -40_000 < value < 150_000:
        return None
    return value * 1000 if 0 < abs(value) < 200 else value  # old vendor kernels say °C


def temp_mc(sysfs: Sysfs) -> Optional[int]:
    """The hottest zone that belongs to the processor, in m°C."""
    found = [value for kind, value in zones(sysfs) if value is not None and CPU_ZONE.search(kind)]
    return max(found, default=None)


def readings(sysfs: Sysfs, t_ns: int) -> List[Json]:
    """Every clock and zone once, as the wire's `readings`."""
    found = []
    for policy in policies(sysfs):
        value = sysfs.number("{}/{}/scaling_cur_freq".format(POLICIES, policy))
        found.append(_reading(t_ns, policy + ".cur", value, "kHz"))
    for kind, temp in zones(sysfs):
        found.append(_reading(t_ns, "zone." + kind, temp, "mC"))
    return found


def _reading(t_ns: int, source: str, value: Optional[int], unit: str) -> Json:
    error = "unreadable" if value is None else None
    return {"t_ns": t_ns, "source": source, "value": value, "unit": unit, "error": error}
