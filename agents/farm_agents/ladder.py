"""The clocks that the measured CPUs can be held at, one after the other."""

from typing import List, Optional, Sequence, Set

from farm_agents import cores, cpufreq
from farm_agents.cpufreq import Policy
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

SPACED = 6  # clocks where the kernel lists none, both ends among them
GRAIN_KHZ = 100_000  # in which processors without a list count


def look(root: str, cpus: str, allowed: Sequence[int]) -> Json:
    """{"khz", "listed", "most_khz", "reason"} of the CPUs that `cpus` means: `big`, `all` or a list.

    Turbo is no operating point: it is left out. Where several policies are measured their clocks are put together: at
    each of them a policy runs at its own highest one that is not above it. `listed`: by the kernel, else they are spaced
    evenly, and any other clock up to `most_khz` may be asked for.
    """
    tree = Sysfs(root)
    try:
        measured = cores.resolve(cpus, allowed, cores.capacities(tree, allowed))
    except ValueError as error:
        return _none(str(error))
    policies = cpufreq.of(tree, measured)
    if not policies:
        return _none(cpufreq.NO_POLICY)
    if all(policy.frequencies_khz for policy in policies):
        return {"khz": _listed(policies), "listed": True, "most_khz": None, "reason": None}
    silent = [policy.name for policy in policies if not policy.frequencies_khz and None in _ends(tree, policy)]
    if silent:
        return _none("{} does not tell its clocks".format(silent[0]))
    most_khz = max(policy.highest_khz or 0 for policy in policies)
    return {"khz": _spaced(tree, policies), "listed": False, "most_khz": most_khz, "reason": None}


def _none(reason: str) -> Json:
    return {"khz": [], "listed": False, "most_khz": None, "reason": reason}


def _listed(policies: Sequence[Policy]) -> List[int]:
    found: Set[int] = set()
    for policy in policies:
        found |= set(policy.frequencies_khz) - set(policy.boost_khz) or set(policy.frequencies_khz)
    return sorted(found)


def _ends(tree: Sysfs, policy: Policy) -> List[Optional[int]]:
    """The lowest and the highest clock without turbo, where that is told."""
    if policy.frequencies_khz:
        return [policy.frequencies_khz[0], policy.frequencies_khz[-1]]
    return [policy.lowest_khz, cpufreq.khz(tree, policy.name, "base_frequency") or policy.highest_khz]


def _spaced(tree: Sysfs, policies: Sequence[Policy]) -> List[int]:
    ends = [end for policy in policies for end in _ends(tree, policy) if end is not None]
    low, high = min(ends), max(ends)
    inner = [low + (high - low) * step / (SPACED - 1) for step in range(1, SPACED - 1)]
    round_khz = [round(khz / GRAIN_KHZ) * GRAIN_KHZ for khz in inner]
    return sorted({low, high, *(khz for khz in round_khz if low < khz < high)})
