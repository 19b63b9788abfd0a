"""The agent's outermost loop: one orchestrator on stdin, one runner at a time, a dead-man switch."""

import os
import select
import sys
import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import Iterator, List, Optional, Sequence

from farm_agents import (
    board,
    child,
    cores,
    knobs,
    limit,
    outset,
    place,
    room,
    sampling,
    settle,
    spec,
    thermal,
    throttle,
)
from farm_agents.greeting import Opened, greet
from farm_agents.lines import LineReader, LineWriter, Log
from farm_agents.pin import Pinning, noted
from farm_agents.place import Layout, Verdicts
from farm_agents.sampling import Sampling
from farm_agents.settle import Arrival, Settling
from farm_agents.wire import (
    BEAT_AGENT_S,
    Beat,
    Clock,
    Evict,
    Failed,
    Job,
    Json,
    Message,
    Prepare,
    Ready,
    Stage,
    Stop,
    WireError,
    decode,
)

HIGH_WATER = 8 << 20  # bytes that nobody has read yet: the runner waits until they are gone
FAREWELL_S = 2.0
LEASE_MORE_S = 60.0  # beyond the deadline of a launch, should this agent be stopped in the middle


def main(stand_in: Optional[str]) -> int:
    """Speaks the wire until the orchestrator goes. `stand_in`: a program to run instead of the runner."""
    outset.leave_on_signals()
    outset.own_group()
    reader, writer, log = LineReader(0), LineWriter(1), Log(2)
    opened = greet(reader, writer, outset.commands(stand_in))
    if opened is None:
        return 0
    agent = Agent(opened, reader, writer, log, sampling.command(stand_in))
    try:
        agent.serve()
    except WireError as error:
        log.write("farm agent: {}\n".format(error).encode())
        return 2
    except Exception:  # noqa: BLE001 - the outermost loop: whatever went wrong becomes the launch's outcome
        log.write(traceback.format_exc().encode())
        agent.abandon("AGENT_ERROR", traceback.format_exc(limit=-2))
        return 1
    finally:
        agent.close()
    return 0


class Agent:
    """Everything between `hello` and the end; at most one launch settles or runs at any time."""

    def __init__(
        self, opened: Opened, reader: LineReader, writer: LineWriter, log: Log, sampler: Optional[List[str]]
    ) -> None:
        self.opened = opened
        self.where = opened.where
        self.reader = reader
        self.writer = writer
        self.log = log
        self.verdicts = Verdicts()
        self.pinning = Pinning(opened.tree, opened.where.base, lambda: self._beat(time.monotonic()))
        self.capacities = cores.capacities(opened.tree, opened.allowed)
        self.laid: "dict[str, Layout]" = {}
        self.settling: Optional[Settling] = None
        self.runner: Optional[child.Runner] = None
        self.sampler = sampler
        self.sampling = Sampling("", {})
        self.rested_ns = time.monotonic_ns()
        self.heard = time.monotonic()
        self.next_beat = float("inf")

    def serve(self) -> None:
        """Turns until the orchestrator's end is gone: end of stdin, nobody reading, or silence."""
        while not (self.reader.ended or self.writer.broken):
            readable = self._wait()
            if self.reader.fd in readable:
                self._listen()
            elif time.monotonic() - self.heard > self.opened.opening.deadman_s:
                self.log.write(b"farm agent: the orchestrator has fallen silent\n")
                return
            if self.settling is not None:
                self._watch(self.settling)
            if self.runner is not None:
                self._attend(self.runner, readable)

    def abandon(self, kind: str, detail: str) -> None:
        """Ends the launch that settles or runs, if any, with this outcome."""
        if self.settling is not None:
            self._give_up(self.settling, kind, detail)
        if self.runner is not None:
            self.runner.kill(kind, detail)
            self._finish(self.runner)

    def close(self) -> None:
        """No runner outlives the agent; no knob stays as a launch had it; the lock goes last."""
        self.abandon("STOPPED", "the agent ends")
        self.pinning.close()
        deadline = time.monotonic() + FAREWELL_S
        while self.writer.pending and not self.writer.broken and time.monotonic() < deadline:
            select.select([], [self.writer.fd], [], 0.1)
            self.writer.flush()
        self.opened.lock.close()

    def _wait(self) -> List[int]:
        """File descriptors with something to read, after at most the time to the next duty."""
        reading = [self.reader.fd]
        if self.runner is not None:
            told = [] if self.writer.pending > HIGH_WATER else [self.runner.reader]
            reading += [pipe.fd for pipe in (self.runner.log, *self.sampling.pipes, *told) if not pipe.ended]
        writing = [self.writer.fd] if self.writer.pending else []
        readable, writable, _ = select.select(reading, writing, [], self._pause())
        if writable:
            self.writer.flush()
        return list(readable)

    def _pause(self) -> float:
        silence = self.heard + self.opened.opening.deadman_s
        deadline = self.runner.deadline if self.runner is not None else float("inf")
        look = self.settling.next_ns / 1e9 if self.settling is not None else float("inf")
        until = min(silence, deadline, look, self.next_beat, self.sampling.until)
        return max(0.0, until - time.monotonic()) + 0.001

    def _listen(self) -> None:
        for line in self.reader.read():
            self.heard = time.monotonic()
            self._take(decode(line))

    def _take(self, message: Message) -> None:
        if isinstance(message, Prepare):
            self._prepare(message)
        elif isinstance(message, Evict):
            self._evict(message)
        elif isinstance(message, Job):
            self._start(message)
        elif isinstance(message, Stop):
            self._stop(message)
        elif isinstance(message, Clock):
            self.writer.send(Clock(message.asked_ns, time.monotonic_ns()))
        elif not isinstance(message, Beat):
            raise WireError("{} is not for an agent".format(type(message).__name__))

    def _stop(self, message: Stop) -> None:
        """A runner is killed, and its end then heard; a job that settles has none yet."""
        if self.runner is not None:
            self.runner.kill("STOPPED", message.reason)
        else:
            self.abandon("STOPPED", message.reason)

    def _demand_idle(self, what: str) -> None:
        launch = self.runner.launch if self.runner else self.settling.arrival.job.launch if self.settling else None
        if launch is not None:
            raise WireError("{} while launch {} runs".format(what, launch))

    def _prepare(self, message: Prepare) -> None:
        """Nothing is verified or linked while a launch is timed."""
        self._demand_idle("prepare")
        layouts = [place.layout(variant) for variant in message.variants]
        try:
            missing = place.prepare(self.where, layouts, message.files, self.verdicts)
        except OSError as error:
            self.writer.send(place.refusal(error))
            return
        self.laid.update({layout.sha256: layout for layout in layouts})
        self.writer.send(Ready(missing))

    def _evict(self, message: Evict) -> None:
        """Nothing is removed while a launch is timed, and never what the next one needs or this agent runs from."""
        self._demand_idle("evict")
        keep = {*message.keep, os.path.basename(sys.argv[0])}
        self.laid = {name: layout for name, layout in self.laid.items() if keep.issuperset(layout.digests)}
        try:
            self.writer.send(room.make(self.where, message.bytes, keep, self.laid.keys()))
        except OSError as error:
            self.writer.send(place.refusal(error))

    def _start(self, job: Job) -> None:
        self._demand_idle("job {}".format(job.launch))
        work = spec.read(job)
        if work.variant not in self.laid:
            self.writer.send(Failed(job.launch, "verify", "AGENT_ERROR", "the variant was not prepared"))
            return
        arrival = Arrival(job, work, time.monotonic_ns())
        if settle.wanted(work):
            self._settle(arrival)
        else:
            self._run(arrival, {})

    def _settle(self, arrival: Arrival) -> None:
        self.writer.send(Stage(arrival.work.launch, "settle", time.perf_counter_ns()))
        self.settling = Settling(arrival, self.rested_ns)
        self.next_beat = time.monotonic() + BEAT_AGENT_S

    def _watch(self, settling: Settling) -> None:
        """Reads the temperature, beats, and starts the runner once the board rests."""
        now_ns = time.monotonic_ns()
        self._beat(now_ns / 1e9)
        if now_ns < settling.next_ns:
            return
        settling.look(now_ns, thermal.temp_mc(self.opened.tree))
        if settling.over(now_ns):
            self.settling = None
            self.next_beat = float("inf")
            self._run(settling.arrival, settling.facts(now_ns))

    def _give_up(self, settling: Settling, kind: str, detail: str) -> None:
        """The outcome of a job that never got its runner."""
        self.settling = None
        self.next_beat = float("inf")
        facts = {**settling.facts(time.monotonic_ns()), "boot_id": board.boot_id(self.opened.tree)}
        self.writer.send(Failed(settling.arrival.work.launch, "settle", kind, detail, facts))

    def _run(self, arrival: Arrival, settled: Json) -> None:
        self._step_aside(arrival.work.point.cpus)
        self._pin(arrival.work)
        try:
            self._spawn(arrival, settled)
        except OSError as error:
            detail, facts = "no runner: {}".format(error), {**settled, **self._unpin(arrival.work.launch, settled)}
            self.writer.send(Failed(arrival.work.launch, "verify", "AGENT_ERROR", detail, facts))

    def _pin(self, work: spec.Work) -> None:
        """A clock that cannot be held is a fact of the launch, which runs all the same."""
        if work.point.pin == knobs.STOCK:
            self.pinning.targets = {}
            return
        self.writer.send(Stage(work.launch, "pin", time.perf_counter_ns()))
        cpus, lease_s = self._measured(work.point.cpus), work.deadline_s + LEASE_MORE_S
        with self._beating():
            self.pinning.hold(work.point.pin, cpus, lease_s, work.start.canary_ns)

    def _unpin(self, launch: str, told: Json) -> Json:
        """The fact `pin` of a launch that wanted one, its knobs given back; `told`: the other facts."""
        if not self.pinning.fact:
            return {}
        self.writer.send(Stage(launch, "restore", time.perf_counter_ns()))
        with self._beating():
            return {"pin": self.pinning.give_back(told)}

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Beats are due while farm-tune is waited for: the orchestrator takes a silent agent for lost."""
        self.next_beat = time.monotonic() + BEAT_AGENT_S
        try:
            yield
        finally:
            self.next_beat = float("inf")

    def _spawn(self, arrival: Arrival, settled: Json) -> None:
        work = arrival.work
        place.clear_scratch(self.where)
        folder = self.where.scratch(work.launch)
        os.makedirs(folder)
        place.note(self.where, work.launch, self.opened.opening.fence, "start")
        self.sampling = sampling.beside(
            self.sampler, self.opened.tree, work, measured=self._measured(work.point.cpus),
            allowed=self.opened.allowed, strength=self.capacities,
        )  # fmt: skip
        try:
            self.runner = child.start(
                self.opened.runner,
                self._task(arrival.job, work),
                folder,
                lock_fd=self.opened.lock.fd,
                cpus=self.opened.allowed,
                deadline=arrival.came_ns / 1e9 + work.deadline_s,
                settled=settled,
                bounds=limit.bounds(self.where, self.opened.tree, work.memory_limit),
            )
        except OSError:
            self.sampling.close()
            limit.clear(self.where.limit)
            place.note(self.where, work.launch, self.opened.opening.fence, "end")
            raise
        self.opened.lock.runs(self.runner.process.pid)
        self.next_beat = time.monotonic() + BEAT_AGENT_S

    def _task(self, job: Job, work: spec.Work) -> Json:
        """The job as the runner gets it: the wire's line, and where it plays."""
        files = place.files_of(self.where, self.laid[work.variant])
        digests = [work.feeds.sha256] + ([work.golden] if work.golden else [])
        scene = {
            "base": self.where.base,
            "sysroot": self.opened.tree.root,
            "files": files + [(self.where.cas(sha256), sha256) for sha256 in digests],
            "verdicts": self.verdicts.rows(),
        }
        return {"msg": "job", **asdict(job), "scene": scene}

    def _step_aside(self, wanted: str) -> None:
        """Beats must not run on the measured CPUs where there are others."""
        if not hasattr(os, "sched_setaffinity"):
            return
        allowed, measured = self.opened.allowed, self._measured(wanted)
        os.sched_setaffinity(0, [cpu for cpu in allowed if cpu not in measured] or allowed)

    def _measured(self, wanted: str) -> List[int]:
        """None for a list that the runner will object to."""
        try:
            return cores.resolve(wanted, self.opened.allowed, self.capacities)
        except ValueError:
            return []

    def _attend(self, runner: child.Runner, readable: Sequence[int]) -> None:
        """Passes on what the runner says, beats, and sees to its end."""
        now = time.monotonic()
        if runner.log.fd in readable:
            self._pass_log(runner)
        if runner.reader.fd in readable:
            self._pass_on(runner)
        if now > runner.deadline:
            runner.kill("TIMEOUT", "no end in time, at stage {}".format(runner.stage))
        if self._beat(now):
            runner.sample()
        if self._sampled(runner, readable):
            self._finish(runner)

    def _sampled(self, runner: child.Runner, readable: Sequence[int]) -> bool:
        """Whether runner and sampler have ended; once the slot is over, the sampler tells what it has."""
        ended = runner.reader.ended or (runner.gone and not readable)
        runner.gone = runner.process.poll() is not None  # its last words may have come since the look: one more is due
        if ended or runner.stage == "send":
            self.sampling.stop(within_s=sampling.TELLING_S if ended else sampling.FOREVER)
        for line in self.sampling.hear(readable):
            self.writer.pass_on(line + b"\n")
        return ended and (self.sampling.over or runner.killed is not None)

    def _beat(self, now: float) -> bool:
        """Whether it was time to."""
        due = now >= self.next_beat
        if due:
            self.writer.send(Beat(time.monotonic_ns()))
            self.next_beat = now + BEAT_AGENT_S
        return due

    def _pass_on(self, runner: child.Runner) -> None:
        """Lines of the runner to the orchestrator; the last word waits until the process is gone."""
        try:
            for line in runner.reader.read():
                child.hear(runner, line)
                if runner.end is None:
                    self.writer.pass_on(line + b"\n")
        except WireError as error:
            runner.kill("AGENT_ERROR", "the runner spoke nonsense: {}".format(error))

    def _pass_log(self, runner: child.Runner) -> None:
        for line in runner.log.read():
            self.log.write(line + b"\n")
            runner.tail = (runner.tail + line + b"\n")[-child.TAIL :]

    def _finish(self, runner: child.Runner) -> None:
        """The process is reaped and the journal closed before the outcome is said: never two runners."""
        while not runner.log.ended and select.select([runner.log.fd], [], [], 0)[0]:
            self._pass_log(runner)
        end = runner.reap()
        self.runner = None
        self.rested_ns = time.monotonic_ns()
        self.next_beat = float("inf")
        self.opened.lock.runs(None)
        place.note(self.where, runner.launch, self.opened.opening.fence, "end")
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.opened.allowed)
        facts = {
            **end.facts, **runner.settled, **self.sampling.close(), "boot_id": board.boot_id(self.opened.tree)
        }  # fmt: skip
        facts.update(self._unpin(runner.launch, facts))
        targets = {policy.name: khz for policy, khz in self.pinning.targets.items()}
        self.writer.send(noted(replace(end, facts=throttle.judged(facts, self.sampling.watch, targets))))
        with suppress(OSError):  # outputs wait for their fetch; an empty folder goes while nobody waits for it
            os.rmdir(self.where.scratch(runner.launch))
