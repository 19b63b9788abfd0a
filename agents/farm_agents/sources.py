"""What the sampler reads beside a launch: file, unit and lane of each source, and why there is none of a kind."""

import os
import re
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from farm_agents import cpufreq, devfreq, family, fans, firmware, hwmon, rails, thermal
from farm_agents.rails import Rail
from farm_agents.sampler import SLOW_TICKS as SLOW
from farm_agents.sysfs import Sysfs, apart
from farm_agents.wire import Json

FAST, TWICE = 1, 5  # ticks of the fast lane from one reading to the next; TWICE a second
PRESSURE = "proc/pressure"
REQUEST = "scaling_cur_freq"
X86 = re.compile(r"intel_|acpi-cpufreq|amd-pstate|pcc-cpufreq|powernow-k8")  # drivers
QUIET_KERNEL = (5, 18)  # from which on the clock of an x86 CPU is told without interrupting it
NO_REQUEST = "this kernel interrupts an x86 CPU, for 10 ms and more, to tell its clock; from 5.18 on it does not"
SAMPLED = {"clock_in_slot": "clocks", "limit_in_slot": "limits", "pressure": "pressure", "fan": "fan"}  # for `hello`
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


def sources(tree: Sysfs, cpus: Sequence[int], release: Optional[str] = None) -> Sources:
    """`cpus`: those that are measured; `release`: of the kernel, this one's where none is given.

    Nothing here is written, nothing is read that interrupts a CPU.
    """
    kernel = os.uname().release if release is None else release
    requests, limits = _clocks(tree, cpus, "cur", REQUEST), _clocks(tree, cpus, "max", "scaling_max_freq")
    loud = [source for source in requests if _interrupts(tree, source, kernel)]
    kinds: List[Tuple[str, List[Source], str]] = [
        ("clocks", [each for each in requests if each not in loud], NO_REQUEST if loud else cpufreq.NO_POLICY),
        ("limits", limits, cpufreq.NO_POLICY),
        ("throttle", _coolers(tree), "no cooling device slows this processor down"),
        ("temperature", _zones(tree), "there is no thermal zone"),
        ("power", _rails(tree), "no file of this board tells power, current or energy"),
        ("devfreq", _devices(tree), "nothing but the CPUs has a clock of its own here"),
        ("pressure", _pressure(tree), "this kernel has no /proc/pressure"),
        ("firmware", _firmware(tree), firmware.NO_FIRMWARE),
        ("fan", _fans(tree), fans.NO_FAN),
    ]
    found = [source for _, some, _ in kinds for source in some]
    return Sources(_distinct(_harmless(tree, found)), {kind: why for kind, some, why in kinds if not some})


def _clocks(tree: Sysfs, cpus: Sequence[int], short: str, file: str) -> List[Source]:
    """What was asked for, or the limit, which sinks where the kernel throttles."""
    return [
        Source("{}.{}".format(policy, short), tree.path("{}/{}/{}".format(cpufreq.POLICIES, policy, file)), "kHz", FAST)
        for policy in cpufreq.policies_of(tree, cpus)
    ]


def _interrupts(tree: Sysfs, source: Source, release: str) -> bool:
    """Whether reading it takes time from the CPU that it is about."""
    driver = tree.word(os.path.relpath(os.path.dirname(source.path), tree.root) + "/scaling_driver") or ""
    return X86.match(driver) is not None and _version(release) < QUIET_KERNEL


def _version(release: str) -> Tuple[int, ...]:
    """(5, 15) of 5.15.0-91-generic; a release without numbers is taken for an old one."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return tuple(map(int, found.groups())) if found else ()


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


def _fans(tree: Sysfs) -> List[Source]:
    return [Source("fan.{}.{}".format(fan.key, fan.unit), tree.path(fan.file), fan.unit) for fan in fans.read(tree)]


def capabilities(tree: Sysfs, cpus: Sequence[int]) -> Json:
    """Name -> {"ok", "reason"} of what only the sampler reads; the survey tells of the rest."""
    missing = sources(tree, cpus).missing
    reasons = {name: missing.get(kind) for name, kind in SAMPLED.items()}
    return {name: {"ok": reason is None, "reason": reason} for name, reason in reasons.items()}


def _harmless(tree: Sysfs, found: Sequence[Source]) -> List[Source]:
    """What its family says must never be read beside a measurement is left out."""
    known = family.of(tree)
    return [source for source in found if known.may_read(os.path.relpath(source.path, tree.root))]


def _distinct(found: Sequence[Source]) -> List[Source]:
    names = apart([(source.name, os.path.basename(os.path.dirname(source.path))) for source in found])
    return [replace(source, name=name) for source, name in zip(found, names)]
