"""What the stages of a launch share: the way to speak, and where it plays."""

import os
import time
from typing import Any, List, Optional

from farm_agents import cycles
from farm_agents.place import Place, Verdicts
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Json, Message, Stage, encode

NOT_COUNTED = "only launches that measure count cycles"


class Voice:
    """The wire's end in the runner. What libraries print to stdout goes to stderr: stdout belongs to the wire."""

    def __init__(self, launch: str) -> None:
        self.launch = launch
        self.at = "import"
        self.fd = os.dup(1)
        os.dup2(2, 1)

    def say(self, message: Message) -> None:
        data = encode(message)
        while data:
            data = data[os.write(self.fd, data) :]

    def stage(self, name: str) -> None:
        self.at = name
        self.say(Stage(self.launch, name, time.perf_counter_ns()))


class Scene:
    """Where a launch plays: the agent's folder, the board's tree, the limit of its memory that holds, the CPUs, the facts so far."""

    def __init__(self, around: Json) -> None:
        self.place = Place(around["base"])
        self.tree = Sysfs(around["sysroot"])
        self.verdicts = Verdicts(around["verdicts"])
        self.files: List[Any] = around["files"]
        self.memory_limit: Optional[int] = around.get("memory_limit")
        self.cpus: Optional[List[int]] = None
        self.cycles: cycles.Counter = cycles.Nothing(NOT_COUNTED)
        self.facts: Json = {}
