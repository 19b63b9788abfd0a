"""The most memory that a process ever had, its own alone: what `getrusage` says of it begins with that of its parent."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

LOOK_S = 0.05


def peak_bytes(pid: int | str = "self") -> int:
    """Resident, of a living process. Raises OSError for one that is gone, LookupError for one that has ended."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    lines = [line for line in status if line.startswith("VmHWM")]
    if not lines:
        raise LookupError(f"process {pid} has ended")
    return int(lines[0].split()[1]) * 1024


def peak_until_end(process: subprocess.Popen[bytes]) -> int:
    """In bytes, as it was shortly before its end."""
    peak = 0
    while process.poll() is None:
        try:
            peak = peak_bytes(process.pid)
        except (OSError, LookupError):
            break
        time.sleep(LOOK_S)
    process.wait()
    return peak
