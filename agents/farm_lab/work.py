"""Faults of what runs on a board: its agent, its runner, somebody else's process."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from farm_lab import processes, sshd
from farm_lab.journal import Json
from farm_lab.places import BoardPlaces, LabError
from farm_lab.processes import Process, commanded, end, kill
from farm_lab.victim import Fault, Victim, nothing_more

PATIENCE_S = 10.0  # between two launches there is no runner
STEP_S = 0.01
RUNNER = "runner"


def is_runner(words: list[str], stand_in: str) -> bool:
    """PYTHON -I AGENT runner, or the program in its place."""
    return RUNNER in words[3:] or stand_in in words


def is_supervisor(words: list[str], base: str) -> bool:
    """The agent's bundle without a role."""
    at = next((i for i, word in enumerate(words) if word.startswith(f"{base}/cas/")), None)
    return at is not None and words[at + 1 : at + 2] in ([], ["--runner"])


def _some(victim: Victim, is_it: Callable[[list[str]], bool], what: str) -> Json:
    """The process, waited for a while. Raises LabError."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = next((each for each in victim.processes() if is_it(processes.words(each))), None)
        if found:
            return {"pid": found.pid, "start": found.start}
        if time.monotonic() > deadline:
            raise LabError(f"{victim.name} runs no {what}, for {PATIENCE_S:g} s; break it while a run measures on it")
        time.sleep(STEP_S)


def _runner(victim: Victim, argument: str | None) -> Json:
    nothing_more(victim, argument)
    return _some(victim, lambda words: is_runner(words, str(victim.places.stand_in)), "launch")


def _agent(victim: Victim, argument: str | None) -> Json:
    nothing_more(victim, argument)
    return _some(victim, lambda words: is_supervisor(words, str(victim.here.base)), "agent")


def _kill(_: Victim, kept: Mapping[str, Any]) -> None:
    kill([Process(**kept)])


def _stop(_: Victim, kept: Mapping[str, Any]) -> None:
    _send(Process(**kept), signal.SIGSTOP)


def _go_on(_: Victim, kept: Mapping[str, Any]) -> None:
    _send(Process(**kept), signal.SIGCONT)


def _send(process: Process, number: int) -> None:
    if process.alive:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def foreign(board: BoardPlaces) -> list[Process]:
    return commanded(rf"\S+ -I -m farm_lab\.busy {re.escape(str(board.root))} \d+")


def _load(victim: Victim, _: Mapping[str, Any]) -> None:
    """On the board's CPU; by its mark it belongs to the board, and ends with it."""
    command = [sys.executable, "-I", "-m", "farm_lab.busy", str(victim.here.root), str(victim.board.cpu)]
    name, value = sshd.mark(victim.here).split("=", 1)
    processes.detach(command, {name: value})
    deadline = time.monotonic() + PATIENCE_S
    while not foreign(victim.here):
        if time.monotonic() > deadline:
            raise LabError(f"{victim.name}: the busy process did not start")
        time.sleep(STEP_S)


def _unload(victim: Victim, _: Mapping[str, Any]) -> None:
    end(foreign(victim.here))


FAULTS = {
    "foreign-load": Fault("Another process keeps the board's CPU busy.", nothing_more, _load, _unload),
    "runner-killed": Fault("The launch that runs is killed, once, as if memory had run out.", _runner, _kill),
    "agent-stuck": Fault("The agent stands still and says nothing.", _agent, _stop, _go_on),
}
