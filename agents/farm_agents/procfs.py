"""What /proc says about other work on the board: pressure, busy CPUs, swapping."""

import os
import re
from typing import Dict, List, Optional, Sequence

from farm_agents.sysfs import Sysfs, integer

PRESSURE = "proc/pressure/cpu"
STAT = "proc/stat"
VMSTAT = "proc/vmstat"
SWAPS = "proc/swaps"
WAITED = re.compile(r"^some .*\btotal=([0-9]{1,18})\b", re.MULTILINE)
SWAPPED_IN = re.compile(r"^pswpin ([0-9]{1,18})\b", re.MULTILINE)
SWAPPED_OUT = re.compile(r"^pswpout ([0-9]{1,18})\b", re.MULTILINE)
OOM_KILLS = re.compile(r"^oom_kill ([0-9]{1,18})\b", re.MULTILINE)
CPU_LINE = re.compile(r"^cpu([0-9]{1,9})((?: +[0-9]{1,11}\b)+)", re.MULTILINE)
IDLE, IOWAIT, STEAL = 3, 4, 7
MOST_KB = 1 << 50


def text(tree: Sysfs, name: str) -> str:
    """The tree's own file; a simulated tree may leave it out, and its launches run on the machine after all."""
    own = tree.text(name)
    return (Sysfs().text(name) if own is None else own) or ""


def psi_cpu_some_us(tree: Sysfs) -> Optional[int]:
    """How long, since boot, something that could run waited for a CPU."""
    return _number(WAITED, text(tree, PRESSURE))


def swap_in_pages(tree: Sysfs) -> Optional[int]:
    return _number(SWAPPED_IN, text(tree, VMSTAT))


def swap_out_pages(tree: Sysfs) -> Optional[int]:
    return _number(SWAPPED_OUT, text(tree, VMSTAT))


def oom_kills(tree: Sysfs) -> Optional[int]:
    """How many processes the kernel ended, since boot, for want of memory."""
    return _number(OOM_KILLS, text(tree, VMSTAT))


def swaps(tree: Sysfs) -> Dict[str, int]:
    """Bytes of each device or file that pages are swapped to; a Jetson has six of compressed memory."""
    rows = [line.split() for line in text(tree, SWAPS).splitlines()[1:]]
    sizes_kb = {row[0]: integer(row[2]) for row in rows if len(row) > 2}
    return {name: size_kb * 1024 for name, size_kb in sizes_kb.items() if size_kb is not None and size_kb < MOST_KB}


def busy_ns(tree: Sysfs, cpus: Sequence[int]) -> Optional[int]:
    """How long, since boot, these CPUs worked, for whomever: what a hypervisor took from them counts too.

    The kernel counts in ticks, mostly of 10 ms. None where one of the CPUs is not told.
    """
    rows = ticks(tree)
    if not cpus or any(cpu not in rows for cpu in cpus):
        return None
    return sum(busy(rows[cpu]) for cpu in cpus) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def busy(row: Sequence[int]) -> int:
    return sum(row) - row[IDLE] - row[IOWAIT]


def ticks(tree: Sysfs) -> Dict[int, List[int]]:
    """By CPU: user nice system idle iowait irq softirq steal. What follows them is counted in user and nice already."""
    lines = CPU_LINE.findall(text(tree, STAT))
    found = {int(cpu): [int(word) for word in words.split()[: STEAL + 1]] for cpu, words in lines}
    return {cpu: row for cpu, row in found.items() if len(row) > STEAL}


def _number(pattern: "re.Pattern[str]", found: str) -> Optional[int]:
    match = pattern.search(found)
    return int(match.group(1)) if match else None
