"""Which clock a board is pinned to, and what has to be written for it: pure."""

import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from farm_agents.cpufreq import POLICIES, Policy
from farm_agents.wire import Json

STOCK = "stock"
MAX = "max"
KHZ = re.compile(r"[1-9][0-9]{4,7}")
MINMAX = "minmax"
CAP_ONLY = "cap_only"
OBSERVE = "observe"
GOVERNOR = "performance"
TOLERANCE = 0.03  # share by which the clock that the kernel tells may miss the one that was set


class Unpinnable(Exception):
    """This board cannot be pinned to that clock; the text says why."""


@dataclass(frozen=True)
class Plan:
    """Writes in their order: (path, value)."""

    strategy: str
    writes: Tuple[Tuple[str, str], ...]


def check(pin: str) -> str:
    """Raises ValueError at what no board can be pinned to."""
    if pin not in (STOCK, MAX) and not KHZ.fullmatch(pin):
        raise ValueError("pin {!r} is none of {}, {} and a clock in kHz".format(pin, MAX, STOCK))
    return pin


def plans(targets: Mapping[Policy, int]) -> List[Plan]:
    """The ways to pin policies to these clocks in kHz, the best first."""
    full = [write for policy, khz in targets.items() for write in _minmax(policy, khz)]
    caps = [(path(policy, "scaling_max_freq"), str(khz)) for policy, khz in targets.items()]
    return [Plan(MINMAX, tuple(full)), Plan(CAP_ONLY, tuple(caps))]


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


def _minmax(policy: Policy, khz: int) -> List[Tuple[str, str]]:
    """Old kernels refuse a lower limit above the upper one, even for a moment."""
    writes = [("scaling_max_freq", str(khz)), ("scaling_min_freq", str(khz))]
    if policy.max_khz is not None and khz < policy.max_khz:
        writes.reverse()
    if GOVERNOR in policy.governors:
        writes.insert(0, ("scaling_governor", GOVERNOR))
    return [(path(policy, name), value) for name, value in writes]


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
        if row.get("error"):
            return "{} {}".format(row["error"], _short(path))
        if row.get("readback") != value:
            return "{} reads back {} where {} was written".format(_short(path), row.get("readback"), value)
    return None


def changed(rows: Sequence[Json]) -> List[Json]:
    """What something else set while it was held, from farm-tune's answer to `release`."""
    return [{"path": row["path"], "seen": row["seen"]} for row in rows if "seen" in row]


def strayed(targets: Mapping[Policy, int], told_khz: Optional[int]) -> Optional[str]:
    """Where the kernel tells another clock than the lowest that was set; policies without steps tell an estimate."""
    if told_khz is None or not all(policy.frequencies_khz for policy in targets):
        return None
    khz = min(targets.values())
    if abs(told_khz - khz) <= TOLERANCE * khz:
        return None
    return "the kernel tells {} kHz where {} were set".format(told_khz, khz)


def words(rows: Sequence[Json]) -> str:
    """`scaling_max_freq of policy0 is 1000000`, of changed knobs."""
    return ", ".join("{} is {}".format(_short(row["path"]), row["seen"]) for row in rows)


def _short(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return "{} of {}".format(name, folder.rpartition("/")[2])
