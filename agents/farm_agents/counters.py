"""Counters of this process around a slot: CPU time, run-queue wait, switches, faults."""

import os
import resource
import time
from dataclasses import dataclass
from typing import Optional

from farm_agents.wire import Json

NO_SCHEDSTAT = "this kernel has no /proc/self/task/*/schedstat"


@dataclass(frozen=True)
class Counters:
    """One reading. `run_queue_ns`: time all threads of the process waited for a CPU, None where it is not counted."""

    wall_ns: int
    cpu_ns: int
    run_queue_ns: Optional[int]
    nvcsw: int
    nivcsw: int
    minflt: int
    majflt: int


def before() -> Counters:
    """Files first, clocks last: what the reading costs stays outside the slot."""
    waited = run_queue_ns()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = time.process_time_ns()
    return _counters(time.perf_counter_ns(), cpu, waited, usage)


def after() -> Counters:
    """Clocks first, files last."""
    wall = time.perf_counter_ns()
    cpu = time.process_time_ns()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return _counters(wall, cpu, run_queue_ns(), usage)


def _counters(wall: int, cpu: int, waited: Optional[int], usage: "resource.struct_rusage") -> Counters:
    return Counters(wall, cpu, waited, usage.ru_nvcsw, usage.ru_nivcsw, usage.ru_minflt, usage.ru_majflt)


def run_queue_ns() -> Optional[int]:
    try:
        tasks = os.listdir("/proc/self/task")
        return sum(_waited_ns(task) for task in tasks)
    except (OSError, ValueError, IndexError):
        return None


def _waited_ns(task: str) -> int:
    with open("/proc/self/task/{}/schedstat".format(task), "rb") as file:
        return int(file.read().split()[1])


def facts(start: Counters, end: Counters) -> Json:
    """What passed between two readings, under the names of a launch's facts."""
    wall = end.wall_ns - start.wall_ns
    cpu = end.cpu_ns - start.cpu_ns
    found = {
        "wall_ns": wall,
        "cpu_ns": cpu,
        "cpu_per_wall": cpu / wall if wall > 0 else None,
        "run_queue_ns": None,
        "nvcsw": end.nvcsw - start.nvcsw,
        "nivcsw": end.nivcsw - start.nivcsw,
        "minflt": end.minflt - start.minflt,
        "majflt": end.majflt - start.majflt,
    }
    if start.run_queue_ns is None or end.run_queue_ns is None:
        return {**found, "run_queue_ns_reason": NO_SCHEDSTAT}
    return {**found, "run_queue_ns": end.run_queue_ns - start.run_queue_ns}
