"""What counts and tells throttling, read right before and right after a slot; nothing of it is read in between."""

import posixpath
import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from farm_agents import cpufreq, family, firmware, hwmon, thermal
from farm_agents.sysfs import CPU, Sysfs, apart, cpu_list, integer
from farm_agents.wire import Json

COUNTERS = re.compile(r"(core|package)_(throttle|power_limit)_count\Z")  # of Intel's processors, for each CPU
STATE = re.compile(r"state([0-9]{1,4})\s+([0-9]{1,15})\Z")
STATES_MOST = 256  # of a table of times, whose sum stays within 64 bits
COUNTER, STATE_NOW, LIMIT, ALARM, CPUS, RESIDENCY = "counter", "state", "limit", "alarm", "cpus", "residency"
NONSENSE = "nonsense"


@dataclass(frozen=True)
class Mark:
    """A file of one board. `kind`: what its value means, `parse`: raises ValueError at what is no value."""

    name: str
    path: str
    kind: str
    parse: Callable[[str], Any]


@dataclass(frozen=True)
class Edges:
    """What is read at either edge, found before it is needed."""

    tree: Sysfs
    marks: Tuple[Mark, ...]

    def read(self) -> Json:
        """{"t_ns", "values": {name: value}, "unread": {name: why there is none}}."""
        values: Json = {}
        unread: Dict[str, str] = {}
        t_ns = time.perf_counter_ns()
        for mark in self.marks:
            text, error = self.tree.read(mark.path)
            try:
                if error is not None:
                    unread[mark.name] = error
                else:
                    values[mark.name] = mark.parse(text or "")
            except ValueError:
                unread[mark.name] = NONSENSE if text else "empty"
        return {"t_ns": t_ns, "values": values, "unread": unread}


def find(tree: Sysfs, cpus: Sequence[int]) -> Edges:
    """`cpus`: those that are measured. What the board's family forbids beside a measurement is left out."""
    known = family.of(tree)
    every = (_counters(tree, cpus), _over_current(tree), _coolers(tree), _clocks(tree, cpus), _alarm(tree), _online())
    return Edges(tree, tuple(mark for marks in every for mark in marks if known.may_read(mark.path)))


def fact(edges: Edges, before: Json, after: Json) -> Json:
    """Both edges as a launch tells them, and what of the board their meaning depends on."""
    return {
        "kinds": {mark.name: mark.kind for mark in edges.marks},
        "before": before,
        "after": after,
        "passive_mc": passive_trips(edges.tree),
        "firmware": firmware.of_raspberry(edges.tree),
    }


def passive_trips(tree: Sysfs) -> Dict[str, Optional[int]]:
    """The processor's zones by the names of their readings: where the kernel begins to slow it down."""
    zones = thermal.read(tree)
    names = apart([("zone." + zone.kind, zone.name) for zone in zones])
    of_cpu = {zone.name for zone in thermal.of_cpu(tree, zones)}
    return {
        name: min((trip.temp_mc for trip in zone.trips if trip.kind == "passive"), default=None)
        for name, zone in zip(names, zones)
        if zone.name in of_cpu
    }


def counters(tree: Sysfs, cpu: str) -> List[str]:
    """Names of the files in which an Intel processor counts its throttling."""
    return [name for name in tree.entries(_throttle(cpu)) if COUNTERS.match(name)]


def _throttle(cpu: str) -> str:
    return "{}/{}/thermal_throttle".format(CPU, cpu)


def _counters(tree: Sysfs, cpus: Sequence[int]) -> Iterator[Mark]:
    for cpu in map("cpu{}".format, cpus):
        for name in counters(tree, cpu):
            yield Mark("{}.{}".format(cpu, name), "{}/{}".format(_throttle(cpu), name), COUNTER, _count)


def _over_current(tree: Sysfs) -> Iterator[Mark]:
    for path in hwmon.over_current(tree):
        folder, name = posixpath.split(path)
        yield Mark("{}.{}".format(posixpath.basename(folder), name), path, COUNTER, _count)


def _coolers(tree: Sysfs) -> Iterator[Mark]:
    found = [cooler for cooler in thermal.coolers(tree) if cooler.slows == "cpu"]
    names = apart([("cooling." + cooler.kind, cooler.name) for cooler in found])
    for name, cooler in zip(names, found):
        folder = "{}/{}/".format(thermal.FOLDER, cooler.name)
        yield Mark(name, folder + "cur_state", STATE_NOW, _count)
        if cooler.counted:
            yield Mark(name + ".ms", folder + "stats/time_in_state_ms", COUNTER, _slowed_ms)
            yield Mark(name + ".total_trans", folder + "stats/total_trans", COUNTER, _count)


def _clocks(tree: Sysfs, cpus: Sequence[int]) -> Iterator[Mark]:
    for policy in cpufreq.policies_of(tree, cpus):
        folder = "{}/{}/".format(cpufreq.POLICIES, policy)
        yield Mark(policy + ".max", folder + "scaling_max_freq", LIMIT, _count)
        if tree.text(folder + "stats/time_in_state"):
            yield Mark(policy, folder + "stats/time_in_state", RESIDENCY, _residency)


def _alarm(tree: Sysfs) -> Iterator[Mark]:
    for path in hwmon.supply_alarms(tree):
        yield Mark("rpi_volt", path, ALARM, _count)


def _online() -> Iterator[Mark]:
    """Some boards take whole cores away from what is too hot."""
    yield Mark("online", CPU + "/online", CPUS, _cpus)


def _count(text: str) -> int:
    value = integer(text)
    if value is None or value < 0:
        raise ValueError(text)
    return value


def _slowed_ms(text: str) -> int:
    """Of lines such as `state2  1500`: what was not spent in state 0."""
    lines = text.splitlines()
    found = [STATE.match(line.strip()) for line in lines[:STATES_MOST]]
    if not lines or None in found:
        raise ValueError(text)
    return sum(int(line.group(2)) for line in found if line is not None and int(line.group(1)))


def _residency(text: str) -> Dict[str, int]:
    """Of lines such as `1800000 4333`: ticks of 10 ms at each clock in kHz."""
    rows = [line.split() for line in text.splitlines()[:STATES_MOST]]
    if not rows or any(len(row) != 2 for row in rows):
        raise ValueError(text)
    return {str(_count(khz)): _count(ticks) for khz, ticks in rows}


def _cpus(text: str) -> List[int]:
    found = cpu_list(text)
    if not found:
        raise ValueError(text)
    return found
