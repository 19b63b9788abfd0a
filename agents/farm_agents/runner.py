"""One launch in one fresh process: reads the job, pins itself, loads the runtime, speaks the wire on stdout."""

import json
import os
import sys
import time

from farm_agents import board, cores, memory, thermal
from farm_agents.beside import NO_ZONE
from farm_agents.fact import told
from farm_agents.failure import LaunchFailed
from farm_agents.scene import Scene, Voice
from farm_agents.spec import Work, read
from farm_agents.wire import LINE_LIMIT, Done, Failed, Job, WireError, decode


def main() -> int:
    """Leaves without Python's farewell once everything is said: tearing a runtime down can only cost."""
    line = sys.stdin.buffer.readline(2 * LINE_LIMIT)
    job = decode(line)
    if not isinstance(job, Job):
        raise WireError("the runner takes one job, not {!r}".format(line[:80]))
    voice = Voice(job.launch)
    scene = Scene(json.loads(line.decode())["scene"])
    try:
        voice.say(launch(read(job), scene, voice))
    except LaunchFailed as failed:
        voice.say(Failed(job.launch, failed.stage or voice.at, failed.kind, failed.detail, scene.facts))
    sys.stderr.flush()
    os._exit(0)


def launch(work: Work, scene: Scene, voice: Voice) -> Done:
    """Pins first: the threads of the runtime's pool inherit the CPUs."""
    prefer_to_be_ended()
    voice.stage("import")
    pin(work, scene)
    scene.facts.update(told("temp_mc_launch", thermal.temp_mc(scene.tree), NO_ZONE))
    start = time.perf_counter_ns()
    try:
        from farm_agents import stages  # noqa: PLC0415 - the import of the runtime is timed and comes after the pin
    except ImportError as error:
        raise LaunchFailed("AGENT_ERROR", "the runtime cannot be imported: {}".format(error)) from error
    scene.facts["import_ms"] = (time.perf_counter_ns() - start) / 1e6
    scene.facts["rss_import"] = memory.resident_bytes()
    return stages.run(work, scene, voice)


def prefer_to_be_ended() -> None:
    """A board that runs out of memory must lose the runner, not sshd."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass  # not Linux, or not allowed: the kernel chooses


def pin(work: Work, scene: Scene) -> None:
    """Binds this process to the CPUs of the point and reads the binding back."""
    if not hasattr(os, "sched_setaffinity"):
        scene.facts.update(cpus=None, cpus_reason="this system cannot bind a process to CPUs")
        return
    allowed = board.usable_cpus(scene.tree)
    try:
        cpus = cores.resolve(work.point.cpus, allowed, cores.capacities(scene.tree, allowed))
    except ValueError as error:
        raise LaunchFailed("BAD_INPUT", str(error)) from error
    os.sched_setaffinity(0, cpus)
    if board.allowed_cpus() != cpus:
        raise LaunchFailed("AGENT_ERROR", "bound to {} where {} were asked for".format(board.allowed_cpus(), cpus))
    scene.cpus = cpus
    scene.facts["cpus"] = cpus
