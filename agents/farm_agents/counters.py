"""Counters around a slot: of this process, and of the board beside it."""

import os
import resource
import time
from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Sequence

from farm_agents import cpufreq, procfs
from farm_agents.fact import told
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json

NO_SCHEDSTAT = "this kernel has no /proc/self/task/*/schedstat"
# Why a counter of the board is missing, under the names of a launch's facts.
BOARD = {
    "psi_cpu_some_us": "this kernel has no /proc/pressure/cpu",
    "foreign_cpu_ns": "/proc/stat does not tell the measured CPUs",
    "swap_in_pages": "/proc/vmstat does not count swapping",
    "swap_out_pages": "/proc/vmstat does not count swapping",
    "freq_transitions": "no cpufreq policy of the measured CPUs counts its transitions",
}


@dataclass(frozen=True)
class Counters:
    """One reading. `run_queue_ns`: time all threads of the process waited for a CPU, None where it is not counted.

    `board`: what the board counts, under the names of BOARD; at foreign_cpu_ns all that the measured CPUs worked.
    """

    wall_ns: int
    cpu_ns: int
    run_queue_ns: Optional[int]
    nvcsw: int
    nivcsw: int
    minflt: int
    majflt: int
    board: Mapping[str, Optional[int]]


@dataclass(frozen=True)
class Sources:
    """Where the board's counters lie, found before they are needed; `policies` are those of the measured CPUs."""

    tree: Sysfs
    cpus: Sequence[int]
    policies: Sequence[str]

    def before(self) -> Counters:
        """Files first, clocks last: what the reading costs stays outside the slot."""
        board, waited = self.board(), run_queue_ns()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu = time.process_time_ns()
        return _counters(time.perf_counter_ns(), cpu, waited, usage, board)

    def after(self) -> Counters:
        """Clocks first, files last."""
        wall = time.perf_counter_ns()
        cpu = time.process_time_ns()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return _counters(wall, cpu, run_queue_ns(), usage, self.board())

    def board(self) -> Dict[str, Optional[int]]:
        return {
            "psi_cpu_some_us": procfs.psi_cpu_some_us(self.tree),
            "foreign_cpu_ns": procfs.busy_ns(self.tree, self.cpus),
            "swap_in_pages": procfs.swap_in_pages(self.tree),
            "swap_out_pages": procfs.swap_out_pages(self.tree),
            "freq_transitions": cpufreq.transitions(self.tree, self.policies),
        }


def sources(tree: Sysfs, cpus: Sequence[int]) -> Sources:
    return Sources(tree, cpus, cpufreq.policies_of(tree, cpus))


def _counters(
    wall: int,
    cpu: int,
    waited: Optional[int],
    usage: "resource.struct_rusage",
    board: Mapping[str, Optional[int]],
) -> Counters:
    return Counters(wall, cpu, waited, usage.ru_nvcsw, usage.ru_nivcsw, usage.ru_minflt, usage.ru_majflt, board)


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
    return {
        "wall_ns": wall,
        "cpu_ns": cpu,
        "cpu_per_wall": cpu / wall if wall > 0 else None,
        "nvcsw": end.nvcsw - start.nvcsw,
        "nivcsw": end.nivcsw - start.nivcsw,
        "minflt": end.minflt - start.minflt,
        "majflt": end.majflt - start.majflt,
        **told("run_queue_ns", _passed(start.run_queue_ns, end.run_queue_ns), NO_SCHEDSTAT),
        **_board_facts(start, end, cpu),
    }


def _board_facts(start: Counters, end: Counters, own_ns: int) -> Json:
    passed = {name: _passed(start.board[name], end.board[name]) for name in BOARD}
    worked_ns = passed["foreign_cpu_ns"]
    if worked_ns is not None:
        passed["foreign_cpu_ns"] = max(0, worked_ns - own_ns)  # ticks may count less than the process's exact clock
    found: Json = {}
    for name, reason in BOARD.items():
        found.update(told(name, passed[name], reason))
    return found


def _passed(start: Optional[int], end: Optional[int]) -> Optional[int]:
    return None if start is None or end is None else end - start
