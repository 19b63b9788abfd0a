"""The supervisor's end of the sampler: a process beside the runner, from before its start to the last reading."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Collection, List, Mapping, Optional, Sequence, Set

from farm_agents import child, cpufreq
from farm_agents.lines import LineReader
from farm_agents.sources import Sources, sources
from farm_agents.spec import Work
from farm_agents.sysfs import CPU, Sysfs, cpu_list
from farm_agents.watch import Watch
from farm_agents.wire import Done, Json, Readings, WireError, decode

FAST_NS, EDGE_NS = 100_000_000, 1_000_000_000  # periods
MOST = 60_000  # readings of a launch; the other end takes 100,000, and the newest, those of the slot, are kept
LOADING_S = 20.0  # of a launch before its warm-up
TELLING_S = 10.0  # from the end of the runner to that of the sampler
GONE_S = 1.0  # a killed process that is caught in the kernel is waited for no longer
FOREVER = float("inf")
FULL, EDGE_ONLY = "full", "edge_only"
NO_FREE_CPU = "the launch measures every CPU there is: one look a second"
NOT_MEASURED = "only launches that measure are sampled"
NOT_WANTED = "the recipe wants none"
STAND_IN = "a stand-in runs the launches"
NOTHING = "this board has nothing to read"

Strength = Mapping[int, Optional[int]]  # by CPU, see cores.capacities


class Sampling:
    """One launch's sampler, or the reason why it has none; `facts` are what the launch says of it."""

    def __init__(self, launch: str, facts: Json, process: "Optional[subprocess.Popen[bytes]]" = None) -> None:
        self.launch = launch
        self.facts = facts
        self.process = process
        self.reader = LineReader(process.stdout.fileno()) if process and process.stdout else None
        self.until = FOREVER
        self.told = False
        self.watch = Watch()

    @property
    def pipes(self) -> List[LineReader]:
        return [self.reader] if self.reader is not None and not self.reader.ended else []

    @property
    def over(self) -> bool:
        """Nothing more is to be waited for."""
        return not self.pipes or time.monotonic() > self.until

    def stop(self, within_s: float) -> None:
        """The end of its stdin: it tells what it has and goes. The first limit counts."""
        if self.process is None or self.process.stdin is None:
            return
        self.until = min(self.until, time.monotonic() + within_s)
        with suppress(OSError):  # it is gone already
            self.process.stdin.close()

    def hear(self, readable: Collection[int]) -> List[bytes]:
        """Lines for the orchestrator, checked; a sampler that speaks nonsense is ended."""
        ready = [pipe for pipe in self.pipes if pipe.fd in readable]
        try:
            return [line for pipe in ready for line in pipe.read() if self._is_readings(line)]
        except WireError as error:
            self._lose("the sampler spoke nonsense: {}".format(error))
            return []

    def close(self) -> Json:
        """The process is gone; its fact of the launch."""
        if self.process is not None:
            if not self.told:
                self._lose(self._why(self.process))
            _end(self.process)
        self.process, self.reader, self.until = None, None, FOREVER
        return {"sampler": self.facts}

    def _is_readings(self, line: bytes) -> bool:
        """Keeps the summary, and what a verdict needs. Raises WireError."""
        message = decode(line)
        if not isinstance(message, (Readings, Done)) or message.launch != self.launch:
            raise WireError("a sampler does not say {!r}".format(line[:80]))
        if isinstance(message, Done):
            self.facts.update(message.facts)
            self.told = True
            return False
        for row in message.readings:
            self.watch.add(row)
        return True

    def _lose(self, why: str) -> None:
        """The first reason stands."""
        if self.facts["mode"] is not None:
            self.facts.update(mode=None, reason=why)
        if self.process is not None:
            self.process.kill()

    def _why(self, process: "subprocess.Popen[bytes]") -> str:
        if self.pipes:
            early = self.until == FOREVER or time.monotonic() < self.until
            return "the launch was ended" if early else "no end of the sampler within {:g} s".format(TELLING_S)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=GONE_S)
        return "the sampler ended with {} (negative: a signal)".format(process.returncode)


def command(stand_in: Optional[str]) -> Optional[List[str]]:
    """How to start one; site-packages would only cost. Nothing real happens beside a stand-in."""
    return None if stand_in is not None else [sys.executable, "-I", "-S", os.path.abspath(sys.argv[0]), "sampler"]


def beside(
    argv: Optional[Sequence[str]],
    tree: Sysfs,
    work: Work,
    *,
    measured: Sequence[int],
    allowed: Sequence[int],
    strength: Strength,
) -> Sampling:
    """Starts the sampler of a launch; whatever keeps it from that is the reason, and the launch goes on."""
    why = _unwanted(argv, work)
    if argv is None or why is not None:
        return Sampling(work.launch, {"mode": None, "reason": why})
    plan, cpu = sources(tree, measured), housekeeping(tree, allowed, measured, strength)
    if not plan.found:
        return Sampling(work.launch, {"mode": None, "reason": NOTHING, "missing": plan.missing})
    try:
        process = _start(argv, order(work, plan, free=cpu is not None), allowed if cpu is None else [cpu])
    except (OSError, subprocess.SubprocessError) as error:
        return Sampling(work.launch, {"mode": None, "reason": "no sampler: {}".format(error)})
    return Sampling(work.launch, _facts(plan, cpu), process)


def order(work: Work, plan: Sources, *, free: bool) -> Json:
    """What the process gets: without a free CPU everything is read once a second."""
    rows = [{**asdict(source), "ticks": source.ticks if free else 1} for source in plan.found]
    seconds = LOADING_S + work.recipe.warmup_max_s + work.recipe.slot_s + 2 * work.recipe.idle_s
    period = period_ns([row["ticks"] for row in rows], FAST_NS if free else EDGE_NS, seconds)
    return {"launch": work.launch, "sources": rows, "period_ns": period, "most": MOST}


def period_ns(ticks: Sequence[int], shortest_ns: int, seconds: float) -> int:
    """The shortest one, doubled until all readings of a launch of so many seconds can be kept."""
    found = shortest_ns
    while sum(1 / each for each in ticks) * seconds * 1e9 / found > MOST:
        found *= 2
    return found


def housekeeping(tree: Sysfs, allowed: Sequence[int], measured: Sequence[int], strength: Strength) -> Optional[int]:
    """The weakest CPU that is not measured, rather one that shares neither clock nor core with those that are."""
    near = _near(tree, measured)
    free = [cpu for cpu in allowed if cpu not in measured]
    return min(free, key=lambda cpu: (cpu in near, strength.get(cpu) or 0, cpu), default=None)


def _near(tree: Sysfs, measured: Sequence[int]) -> Set[int]:
    clocks = [cpus for cpus in cpufreq.policies(tree).values() if set(cpus) & set(measured)]
    return {cpu for group in (*clocks, *(_core(tree, cpu) for cpu in measured)) for cpu in group}


def _core(tree: Sysfs, cpu: int) -> List[int]:
    try:
        return cpu_list(tree.text("{}/cpu{}/topology/thread_siblings_list".format(CPU, cpu)) or "")
    except ValueError:
        return []


def _unwanted(argv: Optional[Sequence[str]], work: Work) -> Optional[str]:
    if work.kind != "measure":
        return NOT_MEASURED
    if not work.recipe.sampler:
        return NOT_WANTED
    return STAND_IN if argv is None else None


def _start(argv: Sequence[str], asked: Json, cpus: Sequence[int]) -> "subprocess.Popen[bytes]":
    """In the agent's own process group, so that whoever evicts the agent ends it too."""
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=child.last_steps(cpus),  # noqa: PLW1509 - the supervisor has one thread
    )
    if process.stdin is None:
        raise AssertionError("two pipes were asked for")
    child.hand_over(process.stdin, json.dumps(asked).encode() + b"\n")
    return process


def _facts(plan: Sources, cpu: Optional[int]) -> Json:
    return {
        "mode": EDGE_ONLY if cpu is None else FULL,
        "reason": NO_FREE_CPU if cpu is None else None,
        "cpu": cpu,
        "sources": len(plan.found),
        "missing": plan.missing,
    }


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    with suppress(subprocess.TimeoutExpired):  # it dies when the kernel lets go of it
        process.wait(timeout=GONE_S)
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
