"""Memory of this process by VmHWM, in intervals split by clear_refs; `ru_` peaks are inherited over exec and useless."""

import os
import re
from typing import Dict, Optional, Tuple

from farm_agents.fact import told
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

KB_LINE = re.compile(r"^(\w+):\s+([0-9]{1,15}) kB$", re.MULTILINE)
STATUS = "/proc/self/status"
ROLLUP = "/proc/self/smaps_rollup"
NO_PROC = "this system has no /proc/self/status"
NO_ROLLUP = "this kernel does not tell it in /proc/self/smaps_rollup"
NO_NVMAP = "/proc/meminfo does not tell NvMapMemUsed"
UNIQUE = ("Private_Clean", "Private_Dirty", "Private_Hugetlb")


def reset_peak() -> Optional[str]:
    """Starts a new VmHWM interval; the reason where the kernel does not offer it."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError as error:
        return "clear_refs: {}".format(error.strerror)
    return None


def peak_bytes() -> Optional[int]:
    return _field(STATUS, "VmHWM")


def resident_bytes(pid: str = "self") -> Optional[int]:
    return _field("/proc/{}/status".format(pid), "VmRSS")


def _field(path: str, name: str) -> Optional[int]:
    return _fields(path).get(name)


def _fields(path: str) -> Dict[str, int]:
    """The fields of kB lines (status, meminfo, smaps_rollup) in bytes; none where the file cannot be read."""
    return {name: int(size) * 1024 for name, size in KB_LINE.findall(Sysfs().text(os.path.abspath(path)) or "")}


def meminfo_bytes(sysfs: Sysfs, name: str) -> Optional[int]:
    """MemTotal or MemAvailable of the board; a simulated tree may carry its own, else the machine's."""
    own = sysfs.path("proc/meminfo")
    return _field(own if os.path.exists(own) else "/proc/meminfo", name)


def free_bytes(sysfs: Sysfs, limit: Optional[int]) -> Optional[int]:
    """What this process may still take: of the board, and below the limit of its launch."""
    free, taken = meminfo_bytes(sysfs, "MemAvailable"), resident_bytes()
    if limit is None or taken is None:
        return free
    left = max(0, limit - taken)
    return left if free is None else min(free, left)


def too_large(sysfs: Sysfs, model_bytes: int) -> Optional[str]:
    """Why a model must not be loaded: loading took 2.6 times the file where it was measured."""
    available = meminfo_bytes(sysfs, "MemAvailable")
    if available is None or available >= 3 * model_bytes:
        return None
    return "the model has {} bytes, loading takes up to 3 times that, {} are available".format(model_bytes, available)


def page_size() -> Tuple[Optional[int], Optional[str]]:
    try:
        return os.sysconf("SC_PAGE_SIZE"), None
    except (AttributeError, ValueError, OSError) as error:
        return None, str(error)


def peak_facts(name: str, reset_failed: Optional[str]) -> Json:
    """VmHWM since the last reset as a fact; None with the reason where either half is missing."""
    value = peak_bytes()
    if reset_failed is not None or value is None:
        return {name: None, name + "_reason": NO_PROC if value is None else reset_failed}
    return {name: value}


def steady_facts() -> Json:
    """What the process holds between two inferences. Never in a slot: the kernel walks the whole address space."""
    rollup = _fields(ROLLUP)
    unique = [rollup[name] for name in UNIQUE if name in rollup]
    return {
        **told("rss_run", resident_bytes(), NO_PROC),
        **told("pss", rollup.get("Pss"), NO_ROLLUP),
        **told("uss", sum(unique) if unique else None, NO_ROLLUP),
        **told("swap_pss", rollup.get("SwapPss"), NO_ROLLUP),
    }


def nvmap_facts(sysfs: Sysfs, before: Optional[int]) -> Json:
    """What was taken for the GPU of a Jetson, by whomever, since `before` was read: its memory is the board's."""
    now = nvmap_bytes(sysfs)
    return told("nvmap", None if before is None or now is None else now - before, NO_NVMAP)


def nvmap_bytes(sysfs: Sysfs) -> Optional[int]:
    return meminfo_bytes(sysfs, "NvMapMemUsed")
