"""The clocks of the CPUs: what each cpufreq policy offers, what holds now, what this account may write."""

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from farm_agents.sysfs import CPU, Sysfs, cpu_list, integer

POLICIES = CPU + "/cpufreq"
KNOBS = ("scaling_governor", "scaling_min_freq", "scaling_max_freq")
MOST_KHZ = 20_000_000
NO_POLICY = "no cpufreq policy holds the measured CPUs"


@dataclass(frozen=True)
class Policy:
    """CPUs that share one clock. None or an empty list: the kernel does not tell.

    `lowest_khz`, `highest_khz`: of the hardware; `min_khz`, `max_khz`: the limits that hold now, `cur_khz`: the last
    request. `counted`: the kernel counts the time at each clock. `closed`: knobs this account may not write.
    """

    name: str
    cpus: Tuple[int, ...]
    driver: Optional[str]
    governor: Optional[str]
    governors: Tuple[str, ...]
    frequencies_khz: Tuple[int, ...]
    boost_khz: Tuple[int, ...]
    lowest_khz: Optional[int]
    highest_khz: Optional[int]
    min_khz: Optional[int]
    max_khz: Optional[int]
    cur_khz: Optional[int]
    counted: bool
    closed: Tuple[str, ...]


def read(tree: Sysfs) -> Tuple[Policy, ...]:
    """Every policy; none on a board whose clocks nobody may set."""
    return tuple(_policy(tree, name, cpus) for name, cpus in policies(tree).items())


def of(tree: Sysfs, cpus: Sequence[int]) -> List[Policy]:
    """Those that hold one of these CPUs."""
    return [policy for policy in read(tree) if set(policy.cpus) & set(cpus)]


def _policy(tree: Sysfs, name: str, cpus: Sequence[int]) -> Policy:
    folder = "{}/{}/".format(POLICIES, name)
    return Policy(
        name=name,
        cpus=tuple(cpus),
        driver=tree.word(folder + "scaling_driver"),
        governor=tree.word(folder + "scaling_governor"),
        governors=tuple(tree.words(folder + "scaling_available_governors")),
        frequencies_khz=_steps(tree, folder + "scaling_available_frequencies"),
        boost_khz=_steps(tree, folder + "scaling_boost_frequencies"),
        lowest_khz=khz(tree, name, "cpuinfo_min_freq"),
        highest_khz=khz(tree, name, "cpuinfo_max_freq"),
        min_khz=khz(tree, name, "scaling_min_freq"),
        max_khz=khz(tree, name, "scaling_max_freq"),
        cur_khz=khz(tree, name, "scaling_cur_freq"),
        counted=bool(tree.text(folder + "stats/time_in_state")),
        closed=tuple(knob for knob in KNOBS if knob in tree.entries(folder) and not tree.writable(folder + knob)),
    )


def _steps(tree: Sysfs, file: str) -> Tuple[int, ...]:
    """In kHz; the kernel does not promise their order."""
    found = [_plausible(integer(word)) for word in tree.words(file)]
    return tuple(sorted({step for step in found if step is not None}))


def khz(tree: Sysfs, policy: str, file: str) -> Optional[int]:
    """A clock that a policy tells in one of its files."""
    return _plausible(tree.number("{}/{}/{}".format(POLICIES, policy, file)))


def _plausible(value: Optional[int]) -> Optional[int]:
    return value if value is not None and 0 < value <= MOST_KHZ else None


def policies(tree: Sysfs) -> Dict[str, List[int]]:
    """CPUs of each policy."""
    found = {}
    for policy in tree.names(POLICIES, "policy"):
        text = tree.text("{}/{}/related_cpus".format(POLICIES, policy))
        try:
            found[policy] = cpu_list(text or "")
        except ValueError:
            found[policy] = []
    return found


def policies_of(tree: Sysfs, cpus: Sequence[int]) -> List[str]:
    return [policy for policy, members in policies(tree).items() if set(members) & set(cpus)]


def governor(tree: Sysfs, cpus: Sequence[int]) -> Optional[str]:
    """Governors of the policies that hold these CPUs, joined where they differ."""
    found = {tree.word("{}/{}/scaling_governor".format(POLICIES, policy)) for policy in policies_of(tree, cpus)}
    return "+".join(sorted(word for word in found if word)) or None


def freq_khz(tree: Sysfs, cpus: Sequence[int], name: str = "scaling_cur_freq") -> Optional[int]:
    """Lowest requested clock (or another one by its file) among the policies of these CPUs.

    scaling_cur_freq is a request on Arm.
    """
    found = [khz(tree, policy, name) for policy in policies_of(tree, cpus)]
    return min((value for value in found if value is not None), default=None)


def transitions(tree: Sysfs, wanted: Sequence[str]) -> Optional[int]:
    """How often the clocks of these policies were changed; None where one of them does not count."""
    found = [tree.number("{}/{}/stats/total_trans".format(POLICIES, policy)) for policy in wanted]
    known = [count for count in found if count is not None]
    return sum(known) if known and len(known) == len(found) else None
