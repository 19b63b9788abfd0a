"""Memory of this process by VmHWM, in intervals split by clear_refs; `ru_` peaks are inherited over exec and useless."""

import os
from typing import Optional, Tuple

from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

STATUS = "/proc/self/status"
NO_PROC = "this system has no /proc/self/status"


def reset_peak() -> Optional[str]:
    """Starts a new VmHWM interval; the reason where the kernel does not offer it."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError as error:
        return "clear_refs: {}".format(error.strerror)
    return None


def peak_bytes() -> Optional[int]:
    return _field(STATUS, "VmHWM:")


def resident_bytes(pid: str = "self") -> Optional[int]:
    return _field("/proc/{}/status".format(pid), "VmRSS:")


def _field(path: str, name: str) -> Optional[int]:
    """A field of kB lines (status, meminfo) in bytes."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(name):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def meminfo_bytes(sysfs: Sysfs, name: str) -> Optional[int]:
    """MemTotal or MemAvailable of the board; a simulated tree may carry its own, else the machine's."""
    own = sysfs.path("proc/meminfo")
    return _field(own if os.path.exists(own) else "/proc/meminfo", name + ":")


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
