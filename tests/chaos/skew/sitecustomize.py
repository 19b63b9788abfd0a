"""The wall clock of one host as a test sets it, while it runs: seconds off, in the file that CHAOS_CLOCK names.

libfaketime moves the monotonic clock with it, or breaks `time.sleep`: no clock of a machine does either.
"""

import os
import time
from pathlib import Path

CLOCK = Path(os.environ["CHAOS_CLOCK"])
REAL, REAL_NS = time.time, time.time_ns


def off_s() -> float:
    return float(CLOCK.read_text() or 0)


def shifted() -> float:
    return REAL() + off_s()


def shifted_ns() -> int:
    return REAL_NS() + round(off_s() * 1e9)


time.time, time.time_ns = shifted, shifted_ns
