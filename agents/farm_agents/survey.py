"""All that a board's tree tells of its clocks, heat, power and supply, and the reason for each thing that is missing."""

import re
from dataclasses import asdict, dataclass
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from farm_agents import (
    beside,
    cgroup,
    cpufreq,
    cycles,
    devfreq,
    edges,
    family,
    firmware,
    hwmon,
    pin,
    power_mode,
    rails,
    thermal,
)
from farm_agents.cpufreq import Policy
from farm_agents.devfreq import Devfreq
from farm_agents.hwmon import Chip
from farm_agents.power_mode import Idle, PowerMode
from farm_agents.rails import Rail
from farm_agents.sysfs import CPU, Sysfs
from farm_agents.thermal import Cooler, Zone
from farm_agents.wire import Json

SUPPLIES = "sys/class/power_supply"
MMIO = re.compile(r"intel-rapl-mmio:")
NO_RAIL = "no sensor of the board's power"
NO_WHOLE = "no rail is known to be the whole of the board or its processor"
NO_THROTTLE = "nothing on this board counts or tells throttling"
NO_POLICY = "no cpufreq policy: the clocks cannot be set here"


@dataclass(frozen=True)
class Supply:
    """What feeds the board, as the kernel names it."""

    name: str
    kind: Optional[str]
    online: Optional[bool]
    voltage_uv: Optional[int]
    current_ua: Optional[int]
    refused: Optional[str]


@dataclass(frozen=True)
class Refusal:
    """Something that looks like a measurement, and why it is none."""

    path: str
    why: str


@dataclass(frozen=True)
class Hardware:
    """`cpu_zones`: those the processor's temperature comes from; `counters`: files that count throttling;
    `throttled_bits`: of a Raspberry Pi's firmware; `power`: keys of the rails whose sum is the board's.
    """

    family: str
    compatible: Tuple[str, ...]
    policies: Tuple[Policy, ...]
    devfreq: Tuple[Devfreq, ...]
    zones: Tuple[Zone, ...]
    cpu_zones: Tuple[str, ...]
    temp_mc: Optional[int]
    coolers: Tuple[Cooler, ...]
    counters: Tuple[str, ...]
    throttled_bits: Optional[int]
    chips: Tuple[Chip, ...]
    rails: Tuple[Rail, ...]
    power: Tuple[str, ...]
    supplies: Tuple[Supply, ...]
    idle: Idle
    nvpmodel: Optional[PowerMode]
    refused: Tuple[Refusal, ...]

    def to_json(self) -> Json:
        return asdict(self)


def look(root: str, allowed: Sequence[int]) -> Json:
    """{"hardware", "capabilities"} of the tree below `root`."""
    tree = Sysfs(root)
    found = survey(tree)
    return {"hardware": found.to_json(), "capabilities": capabilities(tree, found, allowed)}


def survey(tree: Sysfs) -> Hardware:
    """Never raises, whatever the tree says; nothing is written."""
    known, zones, chips = family.of(tree), thermal.read(tree), hwmon.read(tree)
    power, supplies = rails.read(tree, known, chips), _supplies(tree)
    return Hardware(
        family=known.name,
        compatible=family.compatible(tree),
        policies=cpufreq.read(tree),
        devfreq=devfreq.read(tree),
        zones=zones,
        cpu_zones=tuple(zone.name for zone in thermal.of_cpu(tree, zones)),
        temp_mc=thermal.temp_mc(tree),
        coolers=thermal.coolers(tree),
        counters=(*_counters(tree), *hwmon.over_current(tree)),
        throttled_bits=firmware.throttled_bits(tree),
        chips=chips,
        rails=power,
        power=tuple(rail.key for rail in rails.whole(power)),
        supplies=supplies,
        idle=power_mode.idle(tree),
        nvpmodel=power_mode.power_mode(tree),
        refused=tuple(_refused(tree, zones, chips, supplies)),
    )


def _counters(tree: Sysfs) -> List[str]:
    """Of Intel's processors; each CPU has them, the first that has tells their names."""
    found = (edges.counters(tree, cpu) for cpu in tree.names(CPU, "cpu"))
    return ["{}/cpu*/thermal_throttle/{}".format(CPU, name) for name in next(filter(None, found), [])]


def _supplies(tree: Sysfs) -> Tuple[Supply, ...]:
    return tuple(_supply(tree, name) for name in tree.entries(SUPPLIES) if devfreq.NAME.match(name))


def _supply(tree: Sysfs, name: str) -> Supply:
    folder = "{}/{}/".format(SUPPLIES, name)
    online = tree.number(folder + "online")
    return Supply(
        name=name,
        kind=tree.word(folder + "type"),
        online=None if online is None else online != 0,
        voltage_uv=tree.number(folder + "voltage_now"),
        current_ua=tree.number(folder + "current_now"),
        refused=hwmon.PROMISE if hwmon.PROMISES.match(name) else None,
    )


def _refused(
    tree: Sysfs, zones: Sequence[Zone], chips: Sequence[Chip], supplies: Sequence[Supply]
) -> Iterator[Refusal]:
    for zone in zones:
        if zone.refused:
            yield Refusal("{}/{}".format(thermal.FOLDER, zone.name), "{}: {}".format(zone.kind, zone.refused))
    for chip in chips:
        if chip.refused:
            yield Refusal(chip.folder, "{}: {}".format(chip.name, chip.refused))
        sums = ("curr4_input", "in7_input") if chip.name == "ina3221" else ()
        for name in sorted(set(sums) & set(tree.entries(chip.folder))):
            yield Refusal("{}/{}".format(chip.folder, name), "a sum over rails that lie inside each other")
    for supply in supplies:
        if supply.refused:
            yield Refusal("{}/{}".format(SUPPLIES, supply.name), supply.refused)
    for zone_name in filter(MMIO.match, tree.entries(rails.POWERCAP)):
        yield Refusal("{}/{}".format(rails.POWERCAP, zone_name), "the same package as intel-rapl, counted twice")


def capabilities(tree: Sysfs, found: Hardware, allowed: Sequence[int]) -> Json:
    """Name -> {"ok", "reason"}: each missing one says why."""
    reasons: Dict[str, Optional[str]] = {
        "clocks": _unless(cpufreq.freq_khz(tree, allowed) is not None, beside.NO_CLOCK),
        "governor": _unless(cpufreq.governor(tree, allowed) is not None, beside.NO_GOVERNOR),
        "devfreq": _unless(any(device.cur_hz is not None for device in found.devfreq), beside.NO_DEVFREQ),
        "temperature": _unless(found.temp_mc is not None, beside.NO_ZONE),
        "throttle": _unless(_tells_throttling(found), NO_THROTTLE),
        "power": None if found.power else _no_power(found),
        "firmware": _unless(found.throttled_bits is not None, firmware.NO_FIRMWARE),
        "pin": None if pin.installed(tree) else _closed(found, allowed),
        "perf": cycles.reason(Sysfs()),  # its cycles are counted, whatever tree stands for the board
        "memory_limit": cgroup.reason(tree),
    }
    return {name: {"ok": reason is None, "reason": reason} for name, reason in reasons.items()}


def _unless(there: bool, reason: str) -> Optional[str]:  # noqa: FBT001 - the condition is all there is
    return None if there else reason


def _tells_throttling(found: Hardware) -> bool:
    cooled = any(cooler.slows == "cpu" and cooler.state is not None for cooler in found.coolers)
    return cooled or bool(found.counters) or found.throttled_bits is not None


def _no_power(found: Hardware) -> str:
    """The first that could have told it, else what only looks as if."""
    shut = ["{}: {}".format(rail.label, rail.reason) for rail in found.rails if rail.total and rail.reason]
    if shut:
        return shut[0]
    if found.rails:
        return NO_WHOLE
    refused = ["{}: {}".format(chip.name, chip.refused) for chip in found.chips if chip.refused]
    return "; ".join([NO_RAIL, *refused])


def _closed(found: Hardware, allowed: Sequence[int]) -> Optional[str]:
    """Why this account cannot set the clocks of its CPUs itself."""
    policies = [policy for policy in found.policies if set(policy.cpus) & set(allowed)]
    closed = ["{} of {}".format(policy.closed[0], policy.name) for policy in policies if policy.closed]
    if not policies:
        return NO_POLICY
    return "this account may not write " + ", ".join(closed) if closed else None
