"""A profile launch: the runtime notes every operator of every call in a trace, which goes to the orchestrator."""

import os
import time
from typing import Dict, List, Optional

from farm_agents import place
from farm_agents.feeds import Inputs
from farm_agents.place import Place
from farm_agents.runtime import Session
from farm_agents.scene import Scene, Voice
from farm_agents.spec import Work
from farm_agents.wire import Json, Outputs

NAME = "trace.json"
FIRST = 2  # calls before this file's: those of every launch
WARM = 5  # calls that do not count, the first ones among them
LEAST, MOST = 10, 50  # calls that do
TRACE_BYTES = 32 << 20  # what it should come to
CALL_BYTES = 666  # of each operator in each call
UNKNOWN = 2500  # operators of a runtime that does not say how many there are
LONGEST_S = 60.0  # for the calls that count, beyond the least of them
SENT_BYTES = 128 << 20


def profile(work: Work, scene: Scene, voice: Voice, session: Session, inputs: Inputs) -> List[Json]:
    """Calls the model while the runtime takes notes: these calls are slower, and nobody times them."""
    del inputs
    voice.stage("warmup")
    call(session, WARM - FIRST)
    voice.stage("slot")
    most = calls(session.operators())
    n = call(session, most, time.monotonic() + LONGEST_S)
    voice.stage("send")
    path = os.path.join(scene.place.scratch(work.launch), NAME)
    os.replace(session.end_trace(), path)
    size = os.path.getsize(path)
    scene.facts.update(n=n, calls=WARM + n)
    if size > SENT_BYTES:
        scene.facts["trace_reason"] = "a trace of {} MB is too large to send".format(size >> 20)
    else:
        voice.say(Outputs(work.launch, NAME, size, place.sha256_of(path)))
    return []


def prefix(where: Place, launch: str) -> str:
    """The runtime adds a time and an ending."""
    return os.path.join(where.scratch(launch), "trace")


def calls(operators: Optional[Dict[str, int]]) -> int:
    """As many as fill the trace."""
    known = sum(operators.values()) if operators else UNKNOWN
    return min(MOST, max(LEAST, TRACE_BYTES // (CALL_BYTES * max(1, known))))


def call(session: Session, most: int, until: Optional[float] = None) -> int:
    """How many there were: where the time is over the least of them."""
    for done in range(most):
        if until is not None and done >= LEAST and time.monotonic() > until:
            return done
        session.call(session.binding)
    return most
