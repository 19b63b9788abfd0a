"""What may spoil a measurement on this board: clocks, heat, supply, other load, the runtime; nothing is ever written."""

import glob
import json
import os
import platform
import re
import sys
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from farm_agents import board, firmware, lock, place, probe, procfs, sites, sysfs
from farm_agents.place import Place
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

LOAD_S = 1.0
SHOWN = 3
KNOBS = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
# What a charger promised, not what flows.
PROMISES = re.compile(r"(tcpm|ucsi)[_-]source[_-]psy|qcom_battmgr")


def look(request: Json) -> Json:
    """`request`: base, sysroot, runtime (a name or null), try_out (the command of a child that tries the runtime)."""
    tree, where = Sysfs(request["sysroot"]), place.place(request["base"])
    allowed = board.usable_cpus(tree)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "load": load(allowed),
        "holder": holder(where),
        "clocks": clocks(tree, allowed),
        "heat": heat(tree),
        "supply": supply(tree),
        "power": power(tree),
        **runtime(where, request["runtime"], request["try_out"]),
    }


def runtime(where: Place, name: Optional[str], try_out: Sequence[str]) -> Json:
    """Imports it and runs one inference in a process of its own: a wheel for another processor dies of a signal."""
    try:
        site = sites.choose(where, name)
    except sites.NoSite as error:
        return {"runtime": {"error": str(error), "code": None}, "site": None}
    return {"runtime": probe.ask([*try_out, *site.words]), "site": site.document}


def clocks(tree: Sysfs, allowed: Sequence[int]) -> Json:
    """`closed`: knobs that this account may not write."""
    found = [policy for policy, cpus in sysfs.policies(tree).items() if set(cpus) & set(allowed)]
    folders = [sysfs.POLICIES + "/" + policy + "/" for policy in found]
    knobs = [tree.path(folder + knob) for folder in folders for knob in KNOBS]
    return {
        "governor": sysfs.governor(tree, allowed),
        "driver": _first(tree.text(folder + "scaling_driver") for folder in folders),
        "min_khz": min(_numbers(tree, folders, "scaling_min_freq"), default=None),
        "max_khz": max(_numbers(tree, folders, "scaling_max_freq"), default=None),
        "most_khz": max(_numbers(tree, folders, "cpuinfo_max_freq"), default=None),
        "policies": len(found),
        "closed": [knob for knob in knobs if os.path.exists(knob) and not os.access(knob, os.W_OK)],
    }


def heat(tree: Sysfs) -> Json:
    """`trips`: [type, m°C] of the processor's zones. `cooling`: [type, state] of what slows the processor down."""
    return {
        "temp_mc": sysfs.temp_mc(tree),
        "trips": [trip for zone in tree.names(sysfs.ZONES, "thermal_zone") for trip in _trips(tree, zone)],
        "cooling": sysfs.coolers(tree),
        "throttled": firmware.throttled_bits(tree),
    }


def supply(tree: Sysfs) -> Json:
    """`low`: the sensor of the supply voltage raises its alarm; null where there is none."""
    alarms = [tree.number(path + "/in0_lcrit_alarm") for path, name in _hwmon(tree) if name == "rpi_volt"]
    counters = [tree.number(path) for path in glob.glob(tree.path("sys/class/hwmon/hwmon*/oc*_event_cnt"))]
    events = [count for count in counters if count is not None]
    return {"low": _first(bool(alarm) for alarm in alarms if alarm is not None), "over_current": sum(events)}


def power(tree: Sysfs) -> List[Json]:
    """Every source of power: {"source", "readable", "path"}."""
    found = [(name, meter) for path, name in _hwmon(tree) for meter in _meters(path) if not PROMISES.match(name)]
    found += [
        ("ina3221x", path)
        for path in glob.glob(tree.path("sys/bus/i2c/drivers/ina3221x/*/iio:device*/in_power0_input"))
    ]
    found += [("rapl", path) for path in glob.glob(tree.path("sys/class/powercap/intel-rapl:?/energy_uj"))]
    if "Raspberry Pi 5" in (board.model(tree) or ""):
        found.append(("pmic", tree.path("dev/vcio")))
    return [{"source": name, "path": path, "readable": os.access(path, os.R_OK)} for name, path in found]


def holder(where: Place) -> Optional[int]:
    """The pid of an agent that has this base now. Only looks: a lock that was tried would be a lock taken."""
    try:
        with open(where.lock, encoding="ascii") as file:
            body = json.loads(file.read(4096))
        pid = int(body["pid"])
        return pid if lock.started(pid) == body["start"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load(allowed: Sequence[int], window_s: float = LOAD_S) -> Json:
    """Shares of one CPU over the window: `busy`, `stolen` of the busiest CPU, `top` [name, share] of the processes."""
    names_before, before = _processes(), procfs.ticks(Sysfs())
    time.sleep(window_s)
    after, names_after = procfs.ticks(Sysfs()), _processes()
    busy, stolen = [], []
    for cpu in allowed:
        old, new = before.get(cpu), after.get(cpu)
        total = sum(new) - sum(old) if old and new else 0
        if old and new and total > 0:
            busy.append((procfs.busy(new) - procfs.busy(old)) / total)
            stolen.append((new[procfs.STEAL] - old[procfs.STEAL]) / total)
    return {"busy": max(busy, default=None), "stolen": max(stolen, default=None),
            "top": _top(names_before, names_after, window_s)}  # fmt: skip


def _top(before: Mapping[int, Tuple[str, int]], after: Mapping[int, Tuple[str, int]], window_s: float) -> List[Json]:
    ticks = window_s * os.sysconf("SC_CLK_TCK")
    used = [(now - before[pid][1], name) for pid, (name, now) in after.items() if pid in before and pid != os.getpid()]
    return [{"name": name, "share": spent / ticks} for spent, name in sorted(used, reverse=True)[:SHOWN] if spent > 0]


def _processes() -> Dict[int, Tuple[str, int]]:
    """Name and ticks of CPU of every process."""
    found = {}
    for pid in Sysfs().names("proc", ""):
        head, _, rest = (Sysfs().text("proc/" + pid + "/stat") or "").rpartition(")")
        words = rest.split()
        if len(words) > 12:
            found[int(pid)] = (head.partition("(")[2], int(words[11]) + int(words[12]))
    return found


def _trips(tree: Sysfs, zone: str) -> List[Tuple[str, int]]:
    folder = sysfs.ZONES + "/" + zone + "/"
    if not sysfs.CPU_ZONE.search(tree.text(folder + "type") or ""):
        return []
    found = []
    for path in glob.glob(tree.path(folder + "trip_point_*_type")):
        kind, limit = tree.text(path), tree.number(path[: -len("type")] + "temp")
        if kind and limit is not None and 40_000 <= limit < 150_000:
            found.append((kind, limit))
    return found


def _hwmon(tree: Sysfs) -> List[Tuple[str, str]]:
    folder = "sys/class/hwmon"
    found = [tree.path(folder + "/" + name) for name in tree.names(folder, "hwmon")]
    return [(path, tree.text(path + "/name") or "") for path in found]


def _meters(folder: str) -> List[str]:
    """One file per sensor: its power, or its current where it knows the voltage too."""
    watts = sorted(glob.glob(folder + "/power*_input"))
    amperes = sorted(glob.glob(folder + "/curr*_input")) if glob.glob(folder + "/in*_input") else []
    return (watts or amperes)[:1]


def _first(found: Iterable[Any]) -> Any:
    return next((one for one in found if one is not None), None)


def _numbers(tree: Sysfs, folders: Sequence[str], name: str) -> List[int]:
    found = [tree.number(folder + name) for folder in folders]
    return [number for number in found if number is not None]
