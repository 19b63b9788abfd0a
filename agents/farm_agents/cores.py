"""The CPUs that a measurement takes: the strongest, all, or a list."""

from typing import Dict, List, Mapping, Optional, Sequence

from farm_agents import cpufreq
from farm_agents.sysfs import CPU, Sysfs, cpu_list

SAME_CLASS = 0.85  # clusters of one core type differ a little in clock (RK3588, QRB5165); little cores differ by half


def capacities(tree: Sysfs, cpus: Sequence[int]) -> Dict[int, Optional[int]]:
    """How strong each CPU is: cpu_capacity, else the highest clock of its policy in kHz, None where neither is said."""
    found = {cpu: tree.number("{}/cpu{}/cpu_capacity".format(CPU, cpu)) for cpu in cpus}
    if None not in found.values():
        return found
    highest: Dict[int, Optional[int]] = {}
    for policy, members in cpufreq.policies(tree).items():
        highest.update(dict.fromkeys(members, cpufreq.khz(tree, policy, "cpuinfo_max_freq")))
    return {cpu: highest.get(cpu) for cpu in cpus}


def resolve(text: str, allowed: Sequence[int], strength: Mapping[int, Optional[int]]) -> List[int]:
    """CPUs of `big`, `all` or a list, out of those this process may use. Raises ValueError saying what there is."""
    if text == "all":
        return sorted(allowed)
    if text == "big":
        return _strongest(allowed, strength)
    wanted = cpu_list(text)
    missing = [cpu for cpu in wanted if cpu not in allowed]
    if missing or not wanted:
        raise ValueError("cpus {!r}: this process may use {}".format(text, sorted(allowed)))
    return wanted


def _strongest(allowed: Sequence[int], strength: Mapping[int, Optional[int]]) -> List[int]:
    known = {cpu: strength.get(cpu) for cpu in allowed}
    if any(value is None for value in known.values()):
        return sorted(allowed)
    top = max(value or 0 for value in known.values())
    return sorted(cpu for cpu, value in known.items() if (value or 0) >= SAME_CLASS * top)
