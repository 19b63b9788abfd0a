"""The runner as a process: own group, own pipes, and what its end means."""

import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO, Callable, List, Optional, Sequence, Tuple, Union

from farm_agents import cgroup, limit, memory, procfs
from farm_agents.limit import Bounds, Group, Taken
from farm_agents.lines import LineReader
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Done, Failed, Json, Outputs, Readings, Samples, Stage, WireError, decode

PR_SET_PDEATHSIG = 1
F_SETPIPE_SZ = 1031
REAP_S = 2.0  # from the end of a runner's output to its own
TAIL = 4000  # bytes of stderr that a failure quotes
GROWN = 1.1  # times an earlier resident size: memory was still rising


@dataclass
class Runner:
    """One launch's process, from its start to its reaping.

    `settled`: facts of the wait before it; `bounds` of its memory, and what it had `taken` in the end. `gone`: its process
    had ended at the last look; its words may still be on their way.
    """

    launch: str
    process: "subprocess.Popen[bytes]"
    reader: LineReader
    log: LineReader
    deadline: float
    oom_kills: Optional[int]
    settled: Json = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    taken: Taken = field(default_factory=Taken)
    stage: str = "import"
    end: Union[Done, Failed, None] = None
    killed: Optional[Tuple[str, str]] = None
    tail: bytes = b""
    resident: List[int] = field(default_factory=list)
    gone: bool = False

    def kill(self, kind: str, detail: str) -> None:
        """SIGKILL to the whole group; the first reason stands."""
        self.killed = self.killed or (kind, detail)
        self._end_group()

    def sample(self) -> None:
        """How large it is now: evidence if the kernel ends it."""
        now = memory.resident_bytes(str(self.process.pid))
        if now is not None:
            self.resident = [*self.resident[-9:], now]

    def reap(self) -> Union[Done, Failed]:
        """Waits for the process, which has closed its pipes or was killed, and says how the launch ended."""
        until = time.monotonic() + REAP_S
        _await_end(self.process.pid, REAP_S)
        try:
            self.process.wait(timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.kill("AGENT_ERROR", "the runner closed its output and did not end")
            self.process.wait()
        self._end_group()
        for pipe in (self.process.stdout, self.process.stderr, self.process.stdin):
            _close(pipe)
        self.taken = limit.taken(self.bounds)
        if self.bounds.group is not None:
            limit.clear(self.bounds.group.note)
        return _bounded(outcome(self), self.bounds, self.taken)

    def _end_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # gone, or a zombie on systems that say so
            os.killpg(self.process.pid, signal.SIGKILL)


def _await_end(pid: int, within_s: float) -> None:
    """Woken by the end itself where the system can do that: `wait` with a timeout polls, each time twice as late."""
    if not hasattr(os, "pidfd_open"):
        return
    with suppress(OSError):  # Linux before 5.3
        end = os.pidfd_open(pid)
        try:
            select.select([end], [], [], within_s)
        finally:
            os.close(end)


def _close(pipe: Optional[IO[bytes]]) -> None:
    with suppress(OSError):  # the runner never read what lies in its stdin
        if pipe is not None:
            pipe.close()


def start(
    argv: Sequence[str],
    job: Json,
    folder: str,
    *,
    lock_fd: int,
    cpus: Sequence[int],
    deadline: float,
    settled: Json,
    bounds: Bounds,
) -> Runner:
    """A fresh process with `job` on its stdin, in `folder`, within `bounds`. Raises OSError where it cannot be started."""
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # numpy's pool is not used and would count as memory
        start_new_session=True,
        pass_fds=(lock_fd,),
        preexec_fn=last_steps(cpus, bounds.group),  # noqa: PLW1509 - the supervisor has one thread
    )
    if process.stdout is None or process.stderr is None or process.stdin is None:
        raise AssertionError("three pipes were asked for")
    made = limit.entered(bounds, process)
    task = {**job, "scene": {**job["scene"], "memory_limit": made.held}}
    hand_over(process.stdin, json.dumps(task).encode() + b"\n")
    return Runner(
        launch=str(job["launch"]),
        process=process,
        reader=LineReader(process.stdout.fileno()),
        log=LineReader(process.stderr.fileno()),
        deadline=deadline,
        oom_kills=oom_kills(),
        settled=settled,
        bounds=made,
    )


def last_steps(cpus: Sequence[int], group: Optional[Group] = None) -> Callable[[], None]:
    """In the new process before exec: its control group, all CPUs again, death with the supervisor where that is offered."""
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def steps() -> None:
        if group is not None:
            with suppress(OSError):  # whether it stands in it is seen from outside
                group.enter()
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cpus)
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return steps


def hand_over(stdin: IO[bytes], line: bytes) -> None:
    """The pipe is made large enough that the supervisor never waits for a runner that does not read."""
    fd = stdin.fileno()
    if sys.platform == "linux" and len(line) > 60_000:
        fcntl.fcntl(fd, F_SETPIPE_SZ, 1 << 20)
    os.set_blocking(fd, False)
    with suppress(BrokenPipeError):  # it ended at once: its exit says why
        os.write(fd, line)


def oom_kills() -> Optional[int]:
    """How often the kernel has ended a process for want of memory: in our own control group, where it counts them.

    The whole machine's count is the second choice: where the kernel is shared, it tells of strangers too.
    """
    found = cgroup.kills(Sysfs())
    return procfs.oom_kills(Sysfs()) if found is None else found


def outcome(runner: Runner) -> Union[Done, Failed]:
    """What the runner said last, else what its exit code means."""
    code = runner.process.returncode
    if runner.killed is not None and not (runner.end is not None and code == 0):
        return Failed(runner.launch, runner.stage, *runner.killed)
    if runner.end is not None:
        return runner.end
    tail = runner.tail.decode("utf-8", "replace").strip()
    if code >= 0:
        return Failed(runner.launch, runner.stage, "AGENT_ERROR", "the runner left with {}: {}".format(code, tail))
    over = limit.over(runner.bounds, runner.taken)
    if code == -signal.SIGKILL and over is not None:
        return Failed(runner.launch, runner.stage, "OUT_OF_MEMORY", "{} {}".format(over, tail).strip())
    if code == -signal.SIGKILL and _out_of_memory(runner):
        return Failed(runner.launch, runner.stage, "OUT_OF_MEMORY", "the kernel ended the runner: {}".format(tail))
    return Failed(runner.launch, runner.stage, "CRASH({})".format(_signal_name(-code)), tail or "nothing on stderr")


def _bounded(end: Union[Done, Failed], bounds: Bounds, used: Taken) -> Union[Done, Failed]:
    """With what is known of the limit of the launch's memory."""
    facts = {**end.facts, **limit.facts(bounds, used)}
    if isinstance(end, Failed):
        return replace(end, facts=facts)
    return replace(end, facts=facts, findings=[*end.findings, *limit.findings(bounds)])


def _out_of_memory(runner: Runner) -> bool:
    now = oom_kills()
    if now is not None and runner.oom_kills is not None and now > runner.oom_kills:
        return True
    return len(runner.resident) > 1 and runner.resident[-1] > GROWN * runner.resident[-2]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def hear(runner: Runner, line: bytes) -> None:
    """Checks a runner's line and keeps what the end of the launch needs to know. Raises WireError."""
    message = decode(line)
    if not isinstance(message, (Stage, Samples, Readings, Outputs, Done, Failed)):
        raise WireError("a runner does not say {}".format(type(message).__name__))
    if message.launch != runner.launch:
        raise WireError("the runner speaks of launch {!r}".format(message.launch))
    if isinstance(message, Stage):
        runner.stage = message.stage
    elif isinstance(message, (Done, Failed)):
        runner.end = message
