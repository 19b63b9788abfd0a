"""An evaluate launch: every row once, all outputs in one .npz."""

import os
from typing import List

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
    rows = feeds.rows_that_fit(inputs, memory.meminfo_bytes(scene.tree, "MemAvailable"))
    outputs = []
    for index in range(rows):
        outputs.append(session.run(inputs.row(index)))
        spoilt = golden.not_finite(outputs[-1])
        if spoilt:
            raise LaunchFailed("NON_FINITE", "row {}: output {} holds a NaN or an infinity".format(index, spoilt[0]))
    scene.facts.update(rows=rows, rows_asked=inputs.rows, n=rows)
    voice.stage("send")
    path = os.path.join(scene.place.scratch(work.launch), NAME)
    feeds.save(path, outputs[0] if inputs.rows is None else feeds.join(outputs))
    voice.say(Outputs(work.launch, NAME, os.path.getsize(path), place.sha256_of(path)))
    return []
