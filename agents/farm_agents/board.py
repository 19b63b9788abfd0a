"""What this board is: the facts and capabilities of the agent's hello."""

import hashlib
import os
import struct
import sys
from typing import Dict, List, Optional, Sequence, Tuple

from farm_agents import cores, cpufreq, memory, procfs, thermal
from farm_agents.sysfs import CPU, Sysfs, cpu_list
from farm_agents.wire import Json

MODEL_FILES = ("proc/device-tree/model", "sys/firmware/devicetree/base/model")
DMI = "sys/class/dmi/id/"
BOOT_ID = "proc/sys/kernel/random/boot_id"
MACHINES = {0x03: "x86", 0x28: "arm", 0x3E: "x86_64", 0xB7: "aarch64", 0xF3: "riscv"}


def allowed_cpus() -> List[int]:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def usable_cpus(tree: Sysfs) -> List[int]:
    """CPUs that this process may use and the tree has: a board that is simulated may have fewer than the machine."""
    allowed = allowed_cpus()
    try:
        there = cpu_list(tree.text(CPU + "/online") or "")
    except ValueError:
        return allowed
    return [cpu for cpu in allowed if cpu in there] or allowed


def facts(tree: Sysfs, allowed: Sequence[int]) -> Json:
    """Free facts for the report; what the board does not say is null."""
    system = os.uname()
    strength = cores.capacities(tree, allowed)
    return {
        "machine": machine(tree),
        "model": model(tree),
        "arch": system.machine,
        "elf": elf_machine(sys.executable),
        "kernel": "{} {}".format(system.sysname, system.release),
        "cpus": list(allowed),
        "capacities": [strength[cpu] for cpu in allowed],
        "big": cores.resolve("big", allowed, strength),
        "cpu_flags": cpu_flags(tree),
        "mem_total_bytes": memory.meminfo_bytes(tree, "MemTotal"),
        "mem_available_bytes": memory.meminfo_bytes(tree, "MemAvailable"),
        "swaps": procfs.swaps(tree),
        "page_size": memory.page_size()[0],
        "governor": cpufreq.governor(tree, allowed),
        "policies": sorted(cpufreq.policies(tree)),
        "zones": [zone.kind for zone in thermal.zones(tree)],
    }


def machine(tree: Sysfs) -> Optional[str]:
    """Tells one installation from another, without its id, which is nobody else's business."""
    text = tree.text("etc/machine-id") or Sysfs().text("etc/machine-id")
    return hashlib.sha256(b"benchfarm " + text.encode()).hexdigest()[:16] if text else None


def model(tree: Sysfs) -> Optional[str]:
    """The device tree's words, else those of the firmware."""
    for name in MODEL_FILES:
        text = tree.text(name)
        if text:
            return text
    words = [tree.text(DMI + name) for name in ("sys_vendor", "product_name")]
    return " ".join(word for word in words if word) or None


def boot_id(tree: Sysfs) -> Optional[str]:
    """Changes with every boot; a simulated tree may carry its own."""
    return tree.text(BOOT_ID) or Sysfs().text(BOOT_ID)


def cpu_flags(tree: Sysfs) -> Optional[str]:
    text = tree.text("proc/cpuinfo") or Sysfs().text("proc/cpuinfo") or ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return value.strip()
    return None


def elf_machine(path: str) -> Optional[str]:
    """Class and machine of an executable: what runs, whatever an emulated /proc/cpuinfo claims."""
    try:
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        return None
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    machine = struct.unpack("<H" if head[5] == 1 else ">H", head[18:20])[0]
    return "{}-bit {}".format(64 if head[4] == 2 else 32, MACHINES.get(machine, hex(machine)))


def capabilities() -> Json:
    """What the system offers the agent, whatever its hardware: name -> {"ok", "reason"}."""
    found: Dict[str, Tuple[bool, str]] = {
        "affinity": (hasattr(os, "sched_setaffinity"), "this system cannot bind a process to CPUs"),
        "memory_peak": (memory.peak_bytes() is not None, memory.NO_PROC),
        "run_queue": (os.path.exists("/proc/self/schedstat"), "this kernel has no schedstat"),
        "dies_with_supervisor": (sys.platform == "linux", "only Linux ends a child with its parent"),
    }
    return {name: {"ok": ok, "reason": None if ok else reason} for name, (ok, reason) in found.items()}
