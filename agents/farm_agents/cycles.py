"""The clock that a slot really had: cycles of this process, of every thread, over the time they took of the CPUs."""

import errno
import fcntl
import os
import platform
import re
import struct
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple, Union

from farm_agents.fact import told
from farm_agents.sysfs import Sysfs, cpu_list, integer
from farm_agents.wire import Json

PARANOID = "proc/sys/kernel/perf_event_paranoid"
EVENTS = "sys/bus/event_source/devices"
CYCLES = re.compile(r"cpu(_core|_atom)?\Z|armv[0-9]")  # event sources that are processors
FOR_ALL = 2  # perf_event_paranoid up to which an account may count its own cycles

# linux/perf_event.h
HARDWARE, SOFTWARE = 0, 1
CPU_CYCLES, TASK_CLOCK = 0, 1
ARM_CYCLES = 0x11  # of the architecture, for every core since ARMv7
FLAGS = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6  # disabled, inherit, exclude_kernel, exclude_hv
TIMES = 1 << 0 | 1 << 1  # with the time it was enabled, and the time it really counted
ATTR = struct.Struct("=IIQQQQQIIQ")  # type, size, config, period, sample_type, read_format, flags, wakeup, bp, config1
COUNT = struct.Struct("=QQQ")
ENABLE, DISABLE = 0x2400, 0x2401
CLOSE_ON_EXEC = 1 << 3
CALLS = {("x86_64", 8): 298, ("x86_64", 4): 336, ("i686", 4): 336, ("aarch64", 8): 241, ("aarch64", 4): 364,
         ("armv7l", 4): 364, ("armv8l", 4): 364, ("riscv64", 8): 241}  # fmt: skip
COUNTED = 0.99  # share of its time that a counter must have counted: the rest was given to somebody else

SIMULATED = "a simulated board: its cycles are those of the machine, and stop with the runner"
NO_EVENTS = "this kernel counts no events"
NO_PROCESSOR = "the kernel knows no counters of this processor"
NOTHING_RAN = "the slot took no time of a CPU"
Event = Tuple[int, int]  # type and config


class Uncounted(Exception):
    """Cycles cannot be counted here; the text says why."""


@dataclass(frozen=True)
class Count:
    """Of one event up to now, over all threads; a clock counts in ns."""

    value: int
    enabled_ns: int
    running_ns: int

    def since(self, earlier: "Count") -> "Count":
        return Count(self.value - earlier.value, self.enabled_ns - earlier.enabled_ns,
                     self.running_ns - earlier.running_ns)  # fmt: skip


class Cycles:
    """Counters of this process and of every thread that it starts from now on, stopped until a slot begins."""

    def __init__(self, processors: Sequence[Event]) -> None:
        """One event for each kind of core; the time is an event too. Raises Uncounted."""
        self.files: List[int] = []
        self.earlier: List[Count] = []
        try:
            for event in (*processors, (SOFTWARE, TASK_CLOCK)):
                self.files.append(_opened(event))
        except Uncounted:
            self.close()
            raise

    def start(self) -> None:
        self.earlier = self._read()
        self._switch(ENABLE)

    def stop(self) -> Json:
        """The fact `eff_khz` of what ran since the start."""
        self._switch(DISABLE)
        passed = [now.since(earlier) for now, earlier in zip(self._read(), self.earlier)]
        return khz(passed[:-1], passed[-1])

    def close(self) -> None:
        for file in self.files:
            os.close(file)
        self.files = []

    def _read(self) -> List[Count]:
        return [Count(*COUNT.unpack(os.read(file, COUNT.size))) for file in self.files]

    def _switch(self, request: int) -> None:
        for file in self.files:
            fcntl.ioctl(file, request, 0)


@dataclass(frozen=True)
class Nothing:
    """In place of the counters where there are none."""

    reason: str

    def start(self) -> None:
        """There is nothing to start."""

    def stop(self) -> Json:
        return told("eff_khz", None, self.reason)


Counter = Union[Cycles, Nothing]


def counter(tree: Sysfs, cpus: Sequence[int]) -> Counter:
    """Before the model's session is made, whose threads are then counted too."""
    try:
        return Cycles(processors(tree, cpus))
    except Uncounted as why:
        return Nothing(str(why))


def khz(cycles: Sequence[Count], clock: Count) -> Json:
    """The kinds of cores together, each counts while a thread is on one of its own."""
    if clock.value <= 0:
        return told("eff_khz", None, NOTHING_RAN)
    counted_ns, enabled_ns = sum(one.running_ns for one in cycles), max(one.enabled_ns for one in cycles)
    if counted_ns < COUNTED * enabled_ns:
        shared = "the counter counted in {:.0%} of the time: others use it too"
        return told("eff_khz", None, shared.format(counted_ns / enabled_ns))
    return {"eff_khz": round(sum(one.value for one in cycles) / clock.value * 1e6)}


def processors(tree: Sysfs, cpus: Sequence[int]) -> List[Event]:
    """One event for each kind of core among these CPUs. Raises Uncounted."""
    if os.path.realpath(tree.root) != "/":
        raise Uncounted(SIMULATED)
    why = reason(tree)
    if why is not None:
        raise Uncounted(why)
    found = [name for name in tree.entries(EVENTS) if CYCLES.match(name)]
    taking = [name for name in found if _has(tree, name, cpus)] or found
    return [_event(tree, name) for name in taking] if len(found) > 1 else [(HARDWARE, CPU_CYCLES)]


def reason(tree: Sysfs) -> Optional[str]:
    """Why an account of this machine cannot count cycles, as far as that shows before it tries."""
    level = tree.number(PARANOID)
    if level is None:
        return NO_EVENTS
    if not any(CYCLES.match(name) for name in tree.entries(EVENTS)):
        return NO_PROCESSOR
    if level > FOR_ALL and os.geteuid() != 0:
        return "EACCES: perf_event_paranoid is {}, an ordinary account may count nothing".format(level)
    return None


def _has(tree: Sysfs, name: str, cpus: Sequence[int]) -> bool:
    """Whether one of these CPUs is of that kind."""
    try:
        return bool(set(cpu_list(tree.text("{}/{}/cpus".format(EVENTS, name)) or "")) & set(cpus))
    except ValueError:
        return False


def _event(tree: Sysfs, name: str) -> Event:
    """Of a source among several: Arm's take the architecture's own number, Intel's the general one beside their type."""
    kind = integer(tree.text("{}/{}/type".format(EVENTS, name)))
    if kind is None:
        raise Uncounted("{} does not tell its type".format(name))
    return (HARDWARE, kind << 32 | CPU_CYCLES) if name.startswith("cpu") else (kind, ARM_CYCLES)


def _opened(event: Event) -> int:
    """Raises Uncounted."""
    import ctypes  # noqa: PLC0415 - dear, and only a runner on real hardware comes here

    machine = platform.machine()
    call = CALLS.get((machine, struct.calcsize("P")))
    if call is None:
        raise Uncounted("how to count cycles on {} is not known".format(machine))
    attr = ctypes.create_string_buffer(attributes(event), ATTR.size)
    libc = ctypes.CDLL(None, use_errno=True)
    file = libc.syscall(ctypes.c_long(call), attr, 0, -1, -1, ctypes.c_ulong(CLOSE_ON_EXEC))
    if file < 0:
        raise Uncounted(_refused(ctypes.get_errno()))
    return int(file)


def attributes(event: Event) -> bytes:
    """A perf_event_attr in its first size, which every kernel takes."""
    kind, config = event
    return ATTR.pack(kind, ATTR.size, config, 0, 0, TIMES, FLAGS, 0, 0, 0)


def _refused(number: int) -> str:
    name = errno.errorcode.get(number, str(number))
    level = Sysfs().number(PARANOID)
    words = {
        "EACCES": "perf_event_paranoid is {}".format(level),
        "EPERM": "perf_event_paranoid is {}, or the container forbids it".format(level),
        "ENOENT": "no hardware counters",
        "EOPNOTSUPP": "no hardware counters",
        "ENODEV": "no hardware counters",
        "ENOSYS": NO_EVENTS,
    }
    return "{}: {}".format(name, words.get(name, os.strerror(number)))
