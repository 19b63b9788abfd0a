"""The agent's own runner with a clock around its warm-up rule and its canary: `python -I reference_rule.py AGENT SPENT`.

SPENT becomes {"rule": ns, "canary": ns} of the one launch. Only the outermost call of each module is timed.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any


def main(agent: str, spent: str) -> None:
    sys.path.insert(0, agent)
    from farm_agents import canary, runner, spec, warmup, wire
    from farm_agents.scene import Scene, Voice

    clocks = {"rule": Stopwatch(warmup), "canary": Stopwatch(canary)}
    line = sys.stdin.buffer.readline()
    job = wire.decode(line)
    if not isinstance(job, wire.Job):
        raise TypeError(f"no job: {line[:80]!r}")
    voice = Voice(job.launch)
    done = runner.launch(spec.read(job), Scene(json.loads(line)["scene"]), voice)
    Path(spent).write_text(json.dumps({name: clock.ns for name, clock in clocks.items()}), encoding="utf-8")
    voice.say(done)
    os._exit(0)


class Stopwatch:
    """Counts the time inside the functions of a module."""

    def __init__(self, module: ModuleType) -> None:
        self.ns = 0
        self.inside = False
        for name, thing in list(vars(module).items()):
            if isinstance(thing, FunctionType) and thing.__module__ == module.__name__:
                setattr(module, name, self.timed(thing))

    def timed(self, function: FunctionType) -> Any:
        @functools.wraps(function)
        def call(*words: Any, **named: Any) -> Any:
            if self.inside:
                return function(*words, **named)
            self.inside, begin = True, time.perf_counter_ns()
            try:
                return function(*words, **named)
            finally:
                self.inside, self.ns = False, self.ns + time.perf_counter_ns() - begin

        return call


if __name__ == "__main__":
    main(*sys.argv[1:])
