"""The machine that the figures are from, in one line."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def describe() -> str:
    kernel = platform.release().split("-", 1)[0]
    return (
        f"{len(_allowed())} x {_processor()}, {platform.system()} {kernel}, "
        f"Python {platform.python_version()}, onnxruntime {version('onnxruntime')}"
    )


def last_cpu() -> int:
    """The CPU on which single-threaded arms are pinned: interrupts mostly live on the first."""
    return _allowed()[-1]


def _allowed() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _processor() -> str:
    text = CPUINFO.read_text(encoding="utf-8") if CPUINFO.exists() else ""
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()
