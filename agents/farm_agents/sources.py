"""What the sampler reads beside a launch: file, unit and lane of each source, and why there is none of a kind."""

import os
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Dict, List, Sequence, Tuple

from farm_agents import cpufreq, devfreq, family, firmware, hwmon, rails, thermal
from farm_agents.rails import Rail
from farm_agents.sampler import SLOW_TICKS as SLOW
from farm_agents.sysfs import Sysfs

FAST, TWICE = 1, 5  # ticks of the fast lane from one reading to the next; TWICE a second
PRESSURE = "proc/pressure"
# By quantity of a rail: the end of the source's name, its unit, its lane. A voltage hardly moves, a counter cannot be missed.
QUANTITIES = {
    "power_uw": ("power", "uW", FAST),
    "power_mw": ("power", "mW", FAST),
    "curr_ma": ("curr", "mA", FAST),
    "volt_mv": ("volt", "mV", SLOW),
    "energy_uj": ("energy", "uJ", SLOW),
}


@dataclass(frozen=True)
class Source:
    """One file that is read every so many ticks; `parser` is one of `sampled.PARSERS`."""

    name: str
    path: str
    unit: str
    ticks: int = SLOW
    parser: str = "number"


@dataclass(frozen=True)
class Sources:
    """`missing`: why there is none of a kind."""

    found: Sequence[Source]
    missing: Dict[str, str]


def sources(tree: Sysfs, cpus: Sequence[int]) -> Sources:
    """`cpus`: those that are measured. Nothing here is written, nothing is read that interrupts a CPU."""
    kinds: List[Tuple[str, List[Source], str]] = [
        ("clocks", _clocks(tree, cpus), "no cpufreq policy holds the measured CPUs"),
        ("throttle", _coolers(tree), "no cooling device slows this processor down"),
        ("temperature", _zones(tree), "there is no thermal zone"),
        ("power", _rails(tree), "no file of this board tells power, current or energy"),
        ("devfreq", _devices(tree), "nothing but the CPUs has a clock of its own here"),
        ("pressure", _pressure(tree), "this kernel has no /proc/pressure"),
        ("firmware", _firmware(tree), firmware.NO_FIRMWARE),
    ]
    found = [source for _, some, _ in kinds for source in some]
    return Sources(_distinct(_harmless(tree, found)), {kind: why for kind, some, why in kinds if not some})


def _clocks(tree: Sysfs, cpus: Sequence[int]) -> List[Source]:
    """What was asked for, and the limit, which sinks where the kernel throttles."""
    files = (("cur", "scaling_cur_freq"), ("max", "scaling_max_freq"))
    return [
        Source("{}.{}".format(policy, short), tree.path("{}/{}/{}".format(cpufreq.POLICIES, policy, file)), "kHz", FAST)
        for policy in cpufreq.policies_of(tree, cpus)
        for short, file in files
    ]


def _coolers(tree: Sysfs) -> List[Source]:
    return [
        Source(
            "cooling." + cooler.kind, tree.path("{}/{}/cur_state".format(thermal.FOLDER, cooler.name)), "state", FAST
        )
        for cooler in thermal.coolers(tree)
        if cooler.slows == "cpu"
    ]


def _zones(tree: Sysfs) -> List[Source]:
    """The hottest of the processor's now is watched more closely than the others."""
    found = thermal.zones(tree)
    hot = [(zone.temp_mc, zone.name) for zone in thermal.of_cpu(tree, found) if zone.temp_mc is not None]
    hottest = max(hot, default=(0, ""))[1]
    return [
        Source("zone." + zone.kind, tree.path("{}/{}/temp".format(thermal.FOLDER, zone.name)), "mC",
               FAST if zone.name == hottest else SLOW)
        for zone in found
    ]  # fmt: skip


def _rails(tree: Sysfs) -> List[Source]:
    """Those that can be read; what a charger promised is none of them."""
    found = rails.read(tree, family.of(tree), hwmon.read(tree))
    return [source for rail in found if rail.reason is None for source in _of_rail(tree, rail)]


def _of_rail(tree: Sysfs, rail: Rail) -> List[Source]:
    """A rail that only its firmware's mailbox tells has no file for the sampler."""
    known = [(QUANTITIES[quantity], file) for quantity, file in rail.files.items() if quantity in QUANTITIES]
    return [
        Source("rail.{}.{}".format(rail.key, short), tree.path(file), unit, ticks)
        for (short, unit, ticks), file in known
    ]


def _devices(tree: Sysfs) -> List[Source]:
    return [
        Source("devfreq." + name, tree.path("{}/{}/cur_freq".format(devfreq.DEVICES, name)), "Hz")
        for name in devfreq.clocks_hz(tree)
    ]


def _pressure(tree: Sysfs) -> List[Source]:
    """The tree's own, else the machine's: a simulated board runs on it after all."""
    places = {
        name: [root.path("{}/{}".format(PRESSURE, name)) for root in (tree, Sysfs())]
        for name in ("cpu", "io", "memory")
    }
    there = {name: next(filter(os.path.exists, paths), None) for name, paths in places.items()}
    return [Source("psi." + name, path, "us", parser="waited") for name, path in there.items() if path]


def _firmware(tree: Sysfs) -> List[Source]:
    found = tree.matching(firmware.THROTTLED)[:1]
    return [Source("throttled_bits", tree.path(path), "bits", TWICE, "bits") for path in found]


def _harmless(tree: Sysfs, found: Sequence[Source]) -> List[Source]:
    """What its family says must never be read beside a measurement is left out."""
    never = family.of(tree).forbidden
    names = [os.path.relpath(source.path, tree.root) for source in found]
    return [source for source, name in zip(found, names) if not any(fnmatch(name, glob) for glob in never)]


def _distinct(found: Sequence[Source]) -> List[Source]:
    """Names that several have, such as four coolers called Processor, get the name of their folder."""
    often = Counter(source.name for source in found)
    return [
        source
        if often[source.name] == 1
        else replace(source, name="{}@{}".format(source.name, os.path.basename(os.path.dirname(source.path))))
        for source in found
    ]
