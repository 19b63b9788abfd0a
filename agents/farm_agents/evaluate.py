"""An evaluate launch: the rows once, as far as memory and time reach, all outputs in one .npz."""

import os
import time
from typing import Any, Dict, List, Optional

from farm_agents import feeds, golden, memory, place
from farm_agents.failure import LaunchFailed
from farm_agents.feeds import Inputs
from farm_agents.runtime import Session
from farm_agents.scene import Scene, Voice
from farm_agents.spec import Work
from farm_agents.wire import Json, Outputs

NAME = "outputs.npz"


def evaluate(work: Work, scene: Scene, voice: Voice, session: Session, inputs: Inputs) -> List[Json]:
    """Runs the rows one by one and says where their outputs lie. Raises LaunchFailed(NON_FINITE) naming the row."""
    voice.stage("slot")
    fit = feeds.rows_that_fit(inputs, memory.free_bytes(scene.tree, scene.memory_limit))
    outputs = first_rows(session, inputs, fit, work.recipe.rows_s)
    scene.facts.update(rows=len(outputs), rows_asked=inputs.rows, n=len(outputs))
    reason = why_fewer(len(outputs), fit, inputs.rows, work.recipe.rows_s)
    if reason is not None:
        scene.facts["rows_reason"] = reason
    voice.stage("send")
    path = os.path.join(scene.place.scratch(work.launch), NAME)
    feeds.save(path, outputs[0] if inputs.rows is None else feeds.join(outputs))
    voice.say(Outputs(work.launch, NAME, os.path.getsize(path), place.sha256_of(path)))
    return []


def first_rows(session: Session, inputs: Inputs, most: int, within_s: float) -> List[Dict[str, Any]]:
    """The outputs of at most so many rows, the first ones; the row that runs when the time is over is the last."""
    until = time.monotonic() + within_s
    outputs: List[Dict[str, Any]] = []
    while len(outputs) < most and (not outputs or time.monotonic() < until):
        outputs.append(session.run(inputs.row(len(outputs))))
        spoilt = golden.not_finite(outputs[-1])
        if spoilt:
            text = "row {}: output {} holds a NaN or an infinity".format(len(outputs) - 1, spoilt[0])
            raise LaunchFailed("NON_FINITE", text)
    return outputs


def why_fewer(rows: int, fit: int, asked: Optional[int], within_s: float) -> Optional[str]:
    """What kept the others from running; None where all of them ran."""
    if asked is None or rows >= asked:
        return None
    return "{:g} s were over".format(within_s) if rows < fit else "more would take over a quarter of the free memory"
