"""What may spoil a measurement on this board: clocks, heat, supply, other load, the runtime; nothing is ever written."""

import json
import os
import platform
import sys
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from farm_agents import (
    board,
    cgroup,
    cpufreq,
    family,
    firmware,
    hwmon,
    lock,
    pin,
    place,
    probe,
    procfs,
    rails,
    sites,
    thermal,
)
from farm_agents.place import Place
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

LOAD_S = 1.0
SHOWN = 3


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
        "memory_limit": {"reason": cgroup.reason(tree)},
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
    """`closed`: knobs that this account may not write, where nobody does it for it."""
    found = cpufreq.of(tree, allowed)
    return {
        "governor": cpufreq.governor(tree, allowed),
        "driver": _first(policy.driver for policy in found),
        "min_khz": min((policy.min_khz for policy in found if policy.min_khz), default=None),
        "max_khz": max((policy.max_khz for policy in found if policy.max_khz), default=None),
        "most_khz": max((policy.highest_khz for policy in found if policy.highest_khz), default=None),
        "policies": len(found),
        "closed": []
        if pin.installed(tree)
        else [
            tree.path("{}/{}/{}".format(cpufreq.POLICIES, policy.name, knob))
            for policy in found
            for knob in policy.closed
        ],
    }


def heat(tree: Sysfs) -> Json:
    """`trips`: [type, m°C] of the processor's zones. `cooling`: [type, state] of what slows the processor down."""
    return {
        "temp_mc": thermal.temp_mc(tree),
        "trips": [(trip.kind, trip.temp_mc) for trip in thermal.trips(tree)],
        "cooling": thermal.throttlers(tree),
        "throttled": firmware.throttled_bits(tree),
    }


def supply(tree: Sysfs) -> Json:
    """`low`: the sensor of the supply voltage raises its alarm; null where there is none."""
    events = [tree.number(path) for path in hwmon.over_current(tree)]
    return {"low": hwmon.low_supply(tree), "over_current": sum(count for count in events if count is not None)}


def power(tree: Sysfs) -> List[Json]:
    """Every source of power that is a file: {"source", "readable", "path"}."""
    found = rails.shown(rails.read(tree, family.of(tree), hwmon.read(tree))).values()
    files = [(rail.source, tree.path(next(iter(rail.files.values())))) for rail in found if "mailbox" not in rail.files]
    return [{"source": name, "path": path, "readable": os.access(path, os.R_OK)} for name, path in files]


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


def _first(found: Iterable[Any]) -> Any:
    return next((one for one in found if one is not None), None)
