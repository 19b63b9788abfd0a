"""A load that comes and goes: on each CPU a process that spins and rests by turns of seconds."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

LEAST_S, MOST_S = 0.5, 4.0


@contextmanager
def restless() -> Iterator[None]:
    """For as long as the context lasts."""
    spinning = [subprocess.Popen([sys.executable, "-I", __file__, str(cpu)]) for cpu in sorted(os.sched_getaffinity(0))]
    try:
        yield
    finally:
        for each in spinning:
            each.kill()
        for each in spinning:
            each.wait()


def spin_and_rest(cpu: int) -> None:
    """Never returns, but when whoever started it is gone."""
    os.sched_setaffinity(0, [cpu])
    chance, parent = random.Random(cpu), os.getppid()
    while os.getppid() == parent:
        until = time.monotonic() + chance.uniform(LEAST_S, MOST_S)
        while time.monotonic() < until:
            pass
        time.sleep(chance.uniform(LEAST_S, MOST_S))


if __name__ == "__main__":
    spin_and_rest(int(sys.argv[1]))
