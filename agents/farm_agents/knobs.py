"""Which clock a board is pinned to, and what has to be written for it: pure."""

import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

from farm_agents.cpufreq import POLICIES, Policy
from farm_agents.devfreq import DEVICES, Devfreq
from farm_agents.sysfs import integer
from farm_agents.wire import Json

STOCK = "stock"
MAX = "max"
KHZ = re.compile(r"[1-9][0-9]{4,7}")
MINMAX = "minmax"
USERSPACE = "userspace"
CAP_ONLY = "cap_only"
OBSERVE = "observe"
HOLDING = (MINMAX, USERSPACE)
MEMORY = "memory"
GOVERNOR = "performance"
TOLERANCE = 0.03  # share by which the clock that the kernel tells may miss the one that was set


class Unpinnable(Exception):
    """This board cannot be pinned to that clock; the text says why."""


@dataclass(frozen=True)
class Plan:
    """Writes in their order: (path, value). `loose`: limits that need only leave room for the clock."""

    strategy: str
    writes: Tuple[Tuple[str, str], ...]
    loose: Tuple[str, ...] = ()


def check(pin: str) -> str:
    """Raises ValueError at what no board can be pinned to."""
    if pin not in (STOCK, MAX) and not KHZ.fullmatch(pin):
        raise ValueError("pin {!r} is none of {}, {} and a clock in kHz".format(pin, MAX, STOCK))
    return pin


def plans(targets: Mapping[Policy, int]) -> List[Plan]:
    """The ways to pin policies to these clocks in kHz, the best first."""
    full = [write for policy, khz in targets.items() for write in _minmax(policy, khz)]
    caps = [(path(policy, "scaling_max_freq"), str(khz)) for policy, khz in targets.items()]
    speeds = [_userspace(targets)] if all(USERSPACE in policy.governors for policy in targets) else []
    return [Plan(MINMAX, tuple(full)), *speeds, Plan(CAP_ONLY, tuple(caps))]


def memory_plan(device: Devfreq) -> Plan:
    """The highest clock of a memory. Raises Unpinnable."""
    if not device.frequencies_hz:
        raise Unpinnable("{} does not list its clocks".format(device.name))
    most = device.frequencies_hz[-1]
    writes = [("max_freq", str(most)), ("min_freq", str(most))]
    if GOVERNOR in device.governors:
        writes.insert(0, ("governor", GOVERNOR))
    return Plan(MEMORY, tuple(("{}/{}/{}".format(DEVICES, device.name, name), value) for name, value in writes))


def target_khz(policy: Policy, pin: str, base_khz: Optional[int]) -> int:
    """`base_khz`: the highest clock without turbo, where that is told. Raises Unpinnable at one that there is not."""
    steps = policy.frequencies_khz
    most = steps[-1] if steps else base_khz or policy.highest_khz
    if most is None:
        raise Unpinnable("{} does not tell its clocks".format(policy.name))
    if pin == MAX:
        return most
    khz, high = int(pin), policy.highest_khz or most
    if steps and khz not in steps:
        raise Unpinnable("{} has no {} kHz: {}".format(policy.name, khz, " ".join(map(str, steps))))
    if not (policy.lowest_khz or 0) <= khz <= high:
        raise Unpinnable("{} goes from {} to {} kHz, not at {}".format(policy.name, policy.lowest_khz, high, khz))
    return khz


def targets_khz(bases: Mapping[Policy, Optional[int]], pin: str) -> Dict[Policy, int]:
    """The clock of each policy. One that has not this clock, where another has it, takes its own highest below it.

    Raises Unpinnable.
    """
    told = {policy: _told(policy, pin, base_khz) for policy, base_khz in bases.items()}
    refusals = [said for said in told.values() if isinstance(said, Unpinnable)]
    if refusals and (len(refusals) == len(told) or not KHZ.fullmatch(pin)):
        raise refusals[0]
    return {policy: said if isinstance(said, int) else _below(policy, int(pin)) for policy, said in told.items()}


def _told(policy: Policy, pin: str, base_khz: Optional[int]) -> Union[int, Unpinnable]:
    try:
        return target_khz(policy, pin, base_khz)
    except Unpinnable as refusal:
        return refusal


def _below(policy: Policy, khz: int) -> int:
    """Its highest clock that is not above this one, else its lowest. Raises Unpinnable where it does not tell them."""
    ends = [end for end in (policy.lowest_khz, policy.highest_khz) if end is not None]
    steps = policy.frequencies_khz or ends
    if not steps:
        raise Unpinnable("{} does not tell its clocks".format(policy.name))
    return max((step for step in steps if step <= khz), default=min(steps))


def _minmax(policy: Policy, khz: int) -> List[Tuple[str, str]]:
    governor = [(path(policy, "scaling_governor"), GOVERNOR)] if GOVERNOR in policy.governors else []
    return [*governor, *_limits(policy, khz)]


def _userspace(targets: Mapping[Policy, int]) -> Plan:
    """The clock itself is set; where the limits of this driver do not take it, they need only leave room for it."""
    writes, loose = [], []
    for policy, khz in targets.items():
        limits = _limits(policy, khz)
        writes += [(path(policy, "scaling_governor"), USERSPACE), *limits, (path(policy, "scaling_setspeed"), str(khz))]
        loose += [name for name, _ in limits]
    return Plan(USERSPACE, tuple(writes), tuple(loose))


def _limits(policy: Policy, khz: int) -> List[Tuple[str, str]]:
    """Old kernels refuse a lower limit above the upper one, even for a moment."""
    names = ["scaling_max_freq", "scaling_min_freq"]
    if policy.max_khz is not None and khz < policy.max_khz:
        names.reverse()
    return [(path(policy, name), str(khz)) for name in names]


def path(policy: Policy, name: str) -> str:
    return "{}/{}/{}".format(POLICIES, policy.name, name)


def closed(targets: Sequence[Policy]) -> Optional[str]:
    """`EACCES scaling_governor of policy0`, where not even an upper limit may be set by this account."""
    shut = [policy for policy in targets if "scaling_max_freq" in policy.closed]
    return "EACCES {} of {}".format(shut[0].closed[0], shut[0].name) if shut else None


def missed(plan: Plan, rows: Sequence[Json]) -> Optional[str]:
    """What did not take, from farm-tune's answer to the writes of a plan; None where all did."""
    found: Dict[str, Json] = {str(row["path"]): row for row in rows}
    for path, value in plan.writes:
        row = found.get(path, {})
        if path in plan.loose and _leaves_room(path, str(row.get("readback")), int(value)):
            continue
        if row.get("error"):
            return "{} {}".format(row["error"], _short(path))
        if row.get("readback") != value:
            return "{} reads back {} where {} was written".format(_short(path), row.get("readback"), value)
    return None


def _leaves_room(path: str, readback: str, khz: int) -> bool:
    told = integer(readback)
    return told is not None and (told <= khz if path.endswith("min_freq") else told >= khz)


def changed(rows: Sequence[Json]) -> List[Json]:
    """What something else set while it was held, from farm-tune's answer to `release`."""
    return [{"path": row["path"], "seen": row["seen"]} for row in rows if "seen" in row]


def lost(rows: Sequence[Json]) -> Optional[str]:
    """What could not even be read any more when it was to be given back: a policy may vanish in the middle."""
    gone = next((row for row in rows if row.get("error")), None)
    return None if gone is None else "{} {} when it was to be given back".format(gone["error"], _short(gone["path"]))


def strayed(targets: Mapping[Policy, int], told_khz: Optional[int]) -> Optional[str]:
    """Where the kernel tells another clock than the lowest that was set; policies without steps tell an estimate."""
    if told_khz is None or not all(policy.frequencies_khz for policy in targets):
        return None
    khz = min(targets.values())
    if abs(told_khz - khz) <= TOLERANCE * khz:
        return None
    return "the kernel tells {} kHz where {} were set".format(told_khz, khz)


def off(targets: Mapping[Policy, int], eff_khz: Optional[float], tolerance: float) -> Optional[str]:
    """Where the cycles that were counted are of another clock than any that was set."""
    if eff_khz is None or not targets:
        return None
    low, high = min(targets.values()) * (1 - tolerance), max(targets.values()) * (1 + tolerance)
    if low <= eff_khz <= high:
        return None
    clocks = " and ".join(str(khz) for khz in sorted(set(targets.values())))
    told = "the processor ran at {:.0f} kHz by its cycles where {} were set, more than {:.0%} off"
    return told.format(eff_khz, clocks, tolerance)


def off_canary(taken_ns: Optional[float], calibrated_ns: Optional[float], tolerance: float) -> Optional[str]:
    """Where a small calculation took longer or shorter than when this board was calibrated at this clock."""
    if not taken_ns or not calibrated_ns or abs(calibrated_ns / taken_ns - 1) <= tolerance:
        return None
    told = (
        "no cycles could be counted, and the clock's canary ran at {:.1%} of its calibrated speed, more than {:.0%} off"
    )
    return told.format(calibrated_ns / taken_ns, tolerance)


def words(rows: Sequence[Json]) -> str:
    """`scaling_max_freq of policy0 is 1000000`, of changed knobs."""
    return ", ".join("{} is {}".format(_short(row["path"]), row["seen"]) for row in rows)


def _short(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return "{} of {}".format(name, folder.rpartition("/")[2])
