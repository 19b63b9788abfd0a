"""What a person waits for: help, the first job, the run that goes on after its worker died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bench.desks import DEMO, leave, new_desk, starts
from bench.figures import middle, worst
from bench.peak import peak_until_end
from bench.rows import Row, at_most, measured
from farm_orchestrator.reconcile import TICK_S
from farm_orchestrator.store.leases import TTL_S
from run_support import DIGITS, QUICK, Desk, wait_for, worker

WORKER_START_S = 1.2
DEADLINE_S = 60.0
HELPS = 4  # calls a round: it is short
MEMORIES = 3  # the peak hardly varies


def first_job(folder: Path, rounds: int) -> list[Row]:
    times = [_first_job_s(new_desk(folder / str(number))) for number in range(rounds)]
    how = "from the start of the command to the agent's first start line"
    return [measured("`farm run` to the first job, embedded", middle(times, "s"), "s", at_most(2.5), versus=how)]


def help_text(folder: Path, rounds: int) -> list[Row]:
    del folder
    times = [_help_cpu_s() for _ in range(rounds * HELPS)]
    how = "user and system time of the process"
    return [measured("`farm --help`, CPU time", middle(times, "s", 3), "s", at_most(0.1), versus=how)]


def memory(folder: Path, rounds: int) -> list[Row]:
    """Of the largest process: the command, or one that it started and saw end."""
    peaks = [_peak_mb(new_desk(folder / str(number))) for number in range(min(rounds, MEMORIES))]
    how = "two variants on this machine; the command itself or its worker"
    return [measured("`farm run`, peak memory of the largest process", worst(peaks, "MB", 1), "MB", versus=how)]


def recovery(folder: Path, rounds: int) -> list[Row]:
    times = [_recovery_s(new_desk(folder / str(number))) for number in range(rounds)]
    how = f"lease {TTL_S:g} s, tick {TICK_S:g} s, start of a worker {WORKER_START_S:g} s; the slowest counts"
    bound = at_most(TTL_S + TICK_S + WORKER_START_S)
    name = "recovery from kill -9 of the worker, to the first start under the new fence"
    return [measured(name, worst(times, "s"), "s", bound, versus=how)]


def _first_job_s(desk: Desk) -> float:
    begin_ns = time.monotonic_ns()
    command = desk.start(*DEMO)
    try:
        first = wait_for(lambda: starts(desk), "the first launch", DEADLINE_S)[0]
    finally:
        leave(desk, command)
    return float(first["t_ns"] - begin_ns) / 1e9


def _help_cpu_s() -> float:
    """Of the console script as it is installed."""
    program = Path(sys.executable).parent / "farm"
    child = subprocess.Popen([program, "--help"], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"farm --help ended with {child.returncode}")
    return used.ru_utime + used.ru_stime


def _peak_mb(desk: Desk) -> float:
    program = Path(sys.executable).parent / "farm"
    models = (DIGITS / "fp32.onnx", DIGITS / "int8.onnx")
    with (desk.folder / "said").open("wb") as said:
        child = subprocess.Popen(
            [program, "run", *models, *QUICK], cwd=desk.folder, env=desk.env, stdout=said, stderr=said
        )
        peak = peak_until_end(child)
    if child.returncode != 0:
        raise RuntimeError(f"farm run ended with {child.returncode}")
    return peak / 1e6


def _recovery_s(desk: Desk) -> float:
    command = desk.start(*DEMO)
    try:
        before = wait_for(lambda: starts(desk)[3:], "some launches", DEADLINE_S)[-1]["fence"]
        pid = worker(desk)
        if pid is None:
            raise RuntimeError("launches are running, but no worker was found")
        killed_ns = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        later = wait_for(lambda: [x for x in starts(desk) if x["fence"] > before], "a new fence", DEADLINE_S)
    finally:
        leave(desk, command)
    return float(later[0]["t_ns"] - killed_ns) / 1e9
