"""Who measures while faults strike: the command of one machine with its worker, or workers of two hosts on one server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from engine_support import TTL_S, Farm
from redis_support import PrivateRedis

Process = subprocess.Popen[bytes]
FARM = "import sys; from farm_orchestrator.cli import main; sys.exit(main())"


class Crew(Protocol):
    """Whatever of it dies is started again by `mend`. `wipe`: the carrier of hints loses all it has.

    `clock`: how many seconds the wall clock of a host is off.
    """

    log: Path
    clock: Path

    def workers(self) -> list[int]: ...
    def commands(self) -> list[int]: ...
    def mend(self) -> None: ...
    def wipe(self) -> None: ...
    def end(self) -> None: ...


class Embedded:
    """One command, whose worker is its child."""

    def __init__(self, farm: Farm, redis: PrivateRedis | None) -> None:
        self.farm = farm
        self.redis = redis
        self.log = farm.home / "command.log"
        self.clock = farm.home.parent / "clock"
        self.clock.write_text("0")
        self.command = self._start()

    def workers(self) -> list[int]:
        return [pid for pid in children(self.command.pid) if b"farm_orchestrator.tasks" in line_of(pid)]

    def commands(self) -> list[int]:
        return [self.command.pid]

    def mend(self) -> None:
        if self.command.poll() is not None:
            self.command = self._start()

    def wipe(self) -> None:
        if self.redis is None:
            shutil.rmtree(self.farm.home / "broker", ignore_errors=True)
        else:
            self.redis.say("FLUSHALL")

    def end(self) -> None:
        for pid in self.workers():
            strike(pid, signal.SIGKILL)
        finish(self.command)

    def _start(self) -> Process:
        script = Path(__file__).parent / "command.py"
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(script), self.farm.settings.line().decode(), self.farm.parts[0].run],
                stderr=log, start_new_session=True, env={**os.environ, **faked(self.clock)},
            )  # fmt: skip


class Shared:
    """Two hosts: each with its own home, inventory and clock, ten minutes apart; only the two URLs are the same."""

    def __init__(self, farm: Farm, redis: PrivateRedis) -> None:
        self.farm = farm
        self.redis = redis
        self.log = farm.home / "workers.log"
        self.clock = farm.home.parent / "clock"
        self.clock.write_text("600")
        self.crew = [self._start(place) for place in range(2)]

    def workers(self) -> list[int]:
        return [worker.pid for worker in self.crew]

    def commands(self) -> list[int]:
        return []

    def mend(self) -> None:
        for place, worker in enumerate(self.crew):
            if worker.poll() is not None:
                self.crew[place] = self._start(place)

    def wipe(self) -> None:
        self.redis.say("FLUSHALL")

    def end(self) -> None:
        for worker in self.crew:
            finish(worker)

    def _start(self, place: int) -> Process:
        home = self.farm.home.parent / f"host{place}"
        home.mkdir(exist_ok=True)
        inventory = home / "inventory.yaml"
        shutil.copy(self.farm.home.parent / "inventory.yaml", inventory)  # the same boards on every host
        told = {"FARM_STORE": self.farm.settings.store, "FARM_BROKER": self.redis.url, "FARM_HOME": str(home / ".farm"),
                "FARM_RUNS": str(home / "runs"), "HOME": str(home)}  # fmt: skip
        words = ["worker", "--boards", "*", "--beat", "--lease", str(TTL_S), "--inventory", str(inventory)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", FARM, *words], stdout=log, stderr=log, start_new_session=True, cwd=home,
                env={**os.environ, **told, **(faked(self.clock) if place else {})},
            )  # fmt: skip


def faked(clock: Path) -> dict[str, str]:
    """What makes a Python show another wall clock; boards take no notice."""
    here, others = str(Path(__file__).parent / "skew"), os.environ.get("PYTHONPATH")
    return {"CHAOS_CLOCK": str(clock), "PYTHONPATH": os.pathsep.join(filter(None, (here, others)))}


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def line_of(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def strike(pid: int, number: int) -> bool:
    """Whether it is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False


def finish(process: Process) -> None:
    strike(process.pid, signal.SIGCONT)
    process.kill()
    process.wait()
