"""A board whose sensors are files that a test, or a simulated clock, moves."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm_agents import thermal
from farm_agents.settle import Arrival, Settling
from farm_agents.spec import read
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Job, Json

SECOND = 1_000_000_000
THERMAL = "sys/class/thermal"
WIDTH = 16  # of what a sensor says
DIGEST = "ab" * 32
BARE = {"warmup_s": 1.0, "slot_s": 1.0, "slot_cap_s": 1.0}
Told = Callable[[float], object]  # seconds -> what the sensor's file holds; None: reading it fails


def asked(
    kind: str = "measure", *, start: Json | None = None, mode: str = "burst", deadline_s: float = 3600.0, **recipe: Any
) -> Job:
    """A job with these words in it, as the orchestrator sends it."""
    model = {"variant": DIGEST, "file": "m.onnx", "bytes": 1}
    feeds: Json = {"sha256": DIGEST, "arrays": {}}
    point = {"provider": "CPUExecutionProvider", "mode": mode}
    return Job("1.1", kind, model, feeds, point, {**BARE, **recipe}, deadline_s, start=start or {})


@dataclass(frozen=True)
class Sensors:
    """A tree with one thermal zone of the processor and one cooling device, below `root`."""

    root: Path

    @property
    def tree(self) -> Sysfs:
        return Sysfs(str(self.root))

    def heat(self, value: object) -> None:
        """`value` as the kernel prints it; None: the file opens, and reading it fails."""
        self._write("thermal_zone0", "cpu-thermal", "temp", value)

    def cool(self, state: object) -> None:
        self._write("cooling_device0", "cpufreq-cpu0", "cur_state", state)

    def _write(self, device: str, kind: str, name: str, value: object) -> None:
        """Over what is there, in one piece: nobody ever reads half of it, and nothing waits for a disk."""
        folder = self.root / THERMAL / device
        path = folder / name
        if path.is_file() and value is not None:
            with path.open("r+b", buffering=0) as file:
                file.write(f"{value}\n".ljust(WIDTH).encode())
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{kind}\n")
        if value is None:
            path.mkdir()
        else:
            path.write_text(f"{value}\n".ljust(WIDTH))


@dataclass(frozen=True)
class Wait:
    """How a wait ended."""

    facts: Json
    looks: int


def waited(root: Path, told: Told | None, job: Job, rested_s: float = 0.0) -> Wait:
    """The rule over a tree of files, under a clock that only the rule moves; the job comes at second 0."""
    sensors, looks, now_ns = Sensors(root), 0, 0
    root.mkdir(exist_ok=True)
    settling = Settling(Arrival(job, read(job), now_ns), int(rested_s * SECOND))
    while True:
        if told is not None:
            sensors.heat(told(now_ns / SECOND))
        settling.look(now_ns, thermal.temp_mc(sensors.tree))
        looks += 1
        if settling.over(now_ns):
            return Wait(settling.facts(now_ns), looks)
        assert settling.next_ns > now_ns
        now_ns = settling.next_ns
