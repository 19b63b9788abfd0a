"""Programs on this board that set clocks by themselves, by the names of their processes."""

from typing import Tuple

from farm_agents.sysfs import Sysfs

# As the kernel cuts them, at 15 characters. Those that set clocks once, at the start, are seen only while they do.
NAMES = {
    "thermald": "thermald",
    "tuned": "tuned",
    "tlp": "TLP",
    "power-profiles-": "power-profiles-daemon",
    "nvpower.sh": "nvpower",
    "cpufrequtils": "cpufrequtils",
    "cpufreqd": "cpufreqd",
    "auto-cpufreq": "auto-cpufreq",
}


def running(tree: Sysfs) -> Tuple[str, ...]:
    """Sorted; none where the tree has no processes."""
    found = {tree.text("proc/{}/comm".format(pid)) or "" for pid in tree.names("proc", "")}
    return tuple(sorted(NAMES[name] for name in found & set(NAMES)))
