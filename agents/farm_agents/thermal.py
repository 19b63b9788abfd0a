"""Heat: the thermal zones that may be believed, which of them are the processor's, and what cools by slowing down."""

import re
from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

from farm_agents import family, hwmon
from farm_agents.family import Family
from farm_agents.sysfs import Sysfs, integer

FOLDER = "sys/class/thermal"
COLDEST_MC, HOTTEST_MC = -40_000, 150_000
COOLEST_TRIP_MC = 40_000  # a limit below is none: some say -274000
DEGREES = 200  # below it an old vendor kernel says °C
# Cooling that takes clock away from the processor; fans and chargers do not.
THROTTLERS = re.compile(r"cpufreq-cpu|thermal-cpufreq|cpu-idle|Processor\Z|[cg]pu-throttle-alert|hot-surface-alert")
DEVICES = re.compile(r"(thermal-)?devfreq-")
FANS = re.compile(r"fan", re.IGNORECASE)
TRIP = re.compile(r"trip_point_([0-9]{1,3})_type\Z")


@dataclass(frozen=True)
class Trip:
    kind: str
    temp_mc: int


@dataclass(frozen=True)
class Zone:
    """A thermal zone. `reason`: why it has no temperature; `guessed`: it says degrees and no millidegrees.

    `refused`: why its temperature is none of anything.
    """

    name: str
    kind: str
    temp_mc: Optional[int]
    reason: Optional[str]
    guessed: bool
    refused: Optional[str]
    trips: Tuple[Trip, ...] = ()


@dataclass(frozen=True)
class Cooler:
    """A cooling device; state 0: it does nothing. `slows`: cpu, device, or None for what only blows."""

    name: str
    kind: str
    state: Optional[int]
    max_state: Optional[int]
    slows: Optional[str]
    counted: bool


def read(tree: Sysfs) -> Tuple[Zone, ...]:
    """Every zone with its trips."""
    return tuple(replace(zone, trips=tuple(_trips(tree, zone.name))) for zone in zones(tree))


def zones(tree: Sysfs) -> List[Zone]:
    known = family.of(tree)
    return [_zone(tree, known, name) for name in tree.names(FOLDER, "thermal_zone")]


def _zone(tree: Sysfs, known: Family, name: str) -> Zone:
    folder = "{}/{}/".format(FOLDER, name)
    kind = tree.word(folder + "type") or name
    excluded = any(pattern.search(kind) for pattern in known.exclude_zones)
    temp_mc, reason, guessed = _temperature(tree, folder + "temp")
    return Zone(name, kind, temp_mc, reason, guessed, "no sensor of the board's heat" if excluded else None)


def _temperature(tree: Sysfs, file: str) -> Tuple[Optional[int], Optional[str], bool]:
    text, error = tree.read(file)
    value = integer(text)
    if error is not None:
        return None, error, False
    if value is None:
        return None, "no number", False
    temp_mc = plausible_mc(value)
    return temp_mc, None if temp_mc is not None else "no temperature: {}".format(value), temp_mc not in (value, None)


def plausible_mc(value: Optional[int]) -> Optional[int]:
    """In m°C; None where it is nonsense."""
    if value is None:
        return None
    said = value * 1000 if 0 < abs(value) < DEGREES else value
    return said if COLDEST_MC < said < HOTTEST_MC else None


def _trips(tree: Sysfs, zone: str) -> List[Trip]:
    folder = "{}/{}/".format(FOLDER, zone)
    numbers = sorted(int(found.group(1)) for found in map(TRIP.match, tree.entries(folder)) if found)
    told = [(tree.word("{}trip_point_{}_type".format(folder, number)),
             tree.number("{}trip_point_{}_temp".format(folder, number))) for number in numbers]  # fmt: skip
    return [Trip(kind, limit) for kind, limit in told
            if kind and limit is not None and COOLEST_TRIP_MC <= limit < HOTTEST_MC]  # fmt: skip


def temp_mc(tree: Sysfs) -> Optional[int]:
    """Of the processor: the hottest of its zones, else what its own sensor beside them says."""
    found = [zone.temp_mc for zone in of_cpu(tree, zones(tree)) if zone.temp_mc is not None]
    return max(found) if found else plausible_mc(hwmon.package_mc(tree))


def of_cpu(tree: Sysfs, found: Sequence[Zone]) -> List[Zone]:
    """The zones that fit the first of the family's patterns that an answering zone fits."""
    answering = [zone for zone in found if zone.refused is None and zone.temp_mc is not None]
    for pattern in family.of(tree).cpu_zones:
        fitting = [zone for zone in answering if pattern.search(zone.kind)]
        if fitting:
            return fitting
    return []


def trips(tree: Sysfs) -> List[Trip]:
    """Of every zone that may be the processor's, whether it answers now or not."""
    patterns = family.of(tree).cpu_zones
    wanted = [zone.name for zone in zones(tree)
              if zone.refused is None and any(pattern.search(zone.kind) for pattern in patterns)]  # fmt: skip
    return [trip for name in wanted for trip in _trips(tree, name)]


def coolers(tree: Sysfs) -> Tuple[Cooler, ...]:
    return tuple(_cooler(tree, name) for name in tree.names(FOLDER, "cooling_device"))


def _cooler(tree: Sysfs, name: str) -> Cooler:
    folder = "{}/{}/".format(FOLDER, name)
    kind = tree.word(folder + "type") or name
    return Cooler(name, kind, tree.number(folder + "cur_state"), tree.number(folder + "max_state"), _slowed(kind),
                  counted=bool(tree.text(folder + "stats/time_in_state_ms")))  # fmt: skip


def _slowed(kind: str) -> Optional[str]:
    if THROTTLERS.match(kind):
        return "cpu"
    return "device" if DEVICES.match(kind) and not FANS.search(kind) else None


def throttlers(tree: Sysfs) -> List[Tuple[str, int]]:
    """(type, state) of what slows the processor down; state 0: it does not."""
    folders = ["{}/{}/".format(FOLDER, name) for name in tree.names(FOLDER, "cooling_device")]
    kinds = [(folder, tree.word(folder + "type") or "") for folder in folders]
    found = [(kind, tree.number(folder + "cur_state")) for folder, kind in kinds if THROTTLERS.match(kind)]
    return [(kind, state) for kind, state in found if state is not None and state >= 0]


def cooling_state(tree: Sysfs) -> Optional[int]:
    return max((state for _, state in throttlers(tree)), default=None)
