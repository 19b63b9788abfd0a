"""What of a board's power settings is not touched but belongs to what it is: a Jetson's mode, the idle states of its CPUs."""

import re
from dataclasses import dataclass
from typing import Optional, Tuple

from farm_agents.sysfs import CPU, WORD_LIMIT, Sysfs

STATUS = "var/lib/nvpmodel/status"
MODES = "etc/nvpmodel.conf"
NOW = re.compile(r"\bpmode:([0-9]{1,4})\b")
MODE = re.compile(r"<\s*POWER_MODEL\s+ID=([0-9]{1,4})\s+NAME=([^\s>]+)\s*>")
LEFT_ALONE = "default"


@dataclass(frozen=True)
class PowerMode:
    """The mode that nvpmodel has set, which caps clocks and switches CPUs off, and stays over a restart."""

    id: int
    name: Optional[str]


@dataclass(frozen=True)
class Idle:
    """How the CPUs rest. `mode`: default, as they are left alone; `states`: by their names, none where they are not told."""

    mode: str
    states: Tuple[str, ...]


def power_mode(tree: Sysfs) -> Optional[PowerMode]:
    """None where no such program has left its state."""
    now = NOW.search(tree.text(STATUS) or "")
    if now is None:
        return None
    names = dict(MODE.findall(tree.text(MODES) or ""))
    name = names.get(str(int(now.group(1))), "")
    return PowerMode(int(now.group(1)), "".join(c for c in name if c.isprintable())[:WORD_LIMIT] or None)


def idle(tree: Sysfs) -> Idle:
    """Of the first CPU that tells them; all of a kind have the same."""
    for cpu in tree.names(CPU, "cpu"):
        folder = "{}/{}/cpuidle".format(CPU, cpu)
        found = [tree.word("{}/{}/name".format(folder, state)) for state in tree.names(folder, "state")]
        if found:
            return Idle(LEFT_ALONE, tuple(name or "?" for name in found))
    return Idle(LEFT_ALONE, ())
