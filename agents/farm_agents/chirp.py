"""A load that a meter outside the board cannot miss: every measured CPU idle and busy in turns, at times that are told."""

import os
import signal
import subprocess
import sys
import time
from typing import Callable, List

TIMES = 3
LONGEST_S = 60.0  # a spinner that nobody ends any more ends by itself
SPIN = "import os, time\nos.write(1, b'.')\nend = time.monotonic() + {}\nwhile time.monotonic() < end: pass"

Sleep = Callable[[float], None]


def sing(cpus: int, each_s: float, sleep: Sleep = time.sleep) -> "List[List[int]]":
    """Idle and busy for `each_s`, three times, and idle once more: [[begin, end]] of each burn in ns of CLOCK_MONOTONIC.

    The processes wait stopped, so that a burn begins when it is told.
    """
    spinners: "List[subprocess.Popen[bytes]]" = []
    try:
        for _ in range(max(1, cpus)):
            spinners.append(_spin())
        for spinner in spinners:
            _stop(spinner)
        burns = [_burn(spinners, each_s, sleep) for _ in range(TIMES)]
        sleep(each_s)
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.communicate()
    return burns


def _spin() -> "subprocess.Popen[bytes]":
    """On the CPUs of the runner, which are the measured ones."""
    command = [sys.executable, "-I", "-S", "-c", SPIN.format(LONGEST_S)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def _stop(spinner: "subprocess.Popen[bytes]") -> None:
    """Once its interpreter has started: that is no part of a burn."""
    if spinner.stdout is not None:
        spinner.stdout.read(1)
    os.kill(spinner.pid, signal.SIGSTOP)


def _burn(spinners: "List[subprocess.Popen[bytes]]", each_s: float, sleep: Sleep) -> List[int]:
    sleep(each_s)
    begin_ns = time.monotonic_ns()
    _all(spinners, signal.SIGCONT)
    sleep(each_s)
    _all(spinners, signal.SIGSTOP)
    return [begin_ns, time.monotonic_ns()]


def _all(spinners: "List[subprocess.Popen[bytes]]", word: int) -> None:
    for spinner in spinners:
        os.kill(spinner.pid, word)
