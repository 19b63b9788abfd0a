"""The end of a runner: its last words count, whenever they come."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

from farm_agents import child, supervisor
from farm_agents.lines import LineReader
from farm_agents.sampling import Sampling


def test_what_a_runner_says_between_the_look_at_its_pipe_and_its_end_is_still_heard() -> None:
    process = subprocess.Popen([sys.executable, "-c", "print('last words')"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    kept = os.dup(process.stdout.fileno())
    runner = child.Runner("1.1", process, LineReader(kept), LineReader(kept), math.inf, None)
    process.wait(timeout=60)  # after the look, at which nothing was readable
    agent: Any = SimpleNamespace(sampling=Sampling("1.1", {}), writer=None)
    assert not supervisor.Agent._sampled(agent, runner, [])
    assert runner.reader.read() == [b"last words"]
    assert supervisor.Agent._sampled(agent, runner, []), "a pipe that somebody else holds open keeps nobody waiting"
    process.stdout.close()
    os.close(kept)
