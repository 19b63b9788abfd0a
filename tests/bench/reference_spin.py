"""A loop of plain Python that calls nothing: `python -I reference_spin.py JSON`; what moves it is the machine."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any

TURNS = 20  # about half a microsecond: short beside whatever interrupts it


def main(asked: dict[str, Any]) -> None:
    os.sched_setaffinity(0, [asked["cpu"]])
    _timed(asked["warmup_s"])
    sys.stdout.write(json.dumps({"p50_ns": statistics.median(_timed(asked["slot_s"]))}) + "\n")


def _timed(seconds: float) -> list[int]:
    now, latency_ns = time.perf_counter_ns, []
    end = now() + int(seconds * 1e9)
    b = 0
    while b < end:
        a = now()
        for _ in range(TURNS):
            pass
        b = now()
        latency_ns.append(b - a)
    return latency_ns


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
