"""Looking at a lab from outside: by ssh, by /proc, by its files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from farm_lab import level, places, usage
from farm_lab.places import Places
from farm_lab.sshd import HOST, login
from farm_lab.state import Options, State

DEADLINE_S = 120.0
SPIN = "while True: sum(range(10000))"
LEVELS = [0, 1] if level.why_not() is None else [0]


def at(folder: Path) -> Places:
    return places.check(folder / "lab", proxy=True)


def options(**changes: Any) -> Options:
    return Options(**{"python": sys.executable, **changes})


def ssh(where: Places, state: State, name: str, command: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Plain OpenSSH with nothing but what the lab wrote down."""
    port = next(board.address for board in state.boards if board.name == name)
    words = ["ssh", "-F", "none", "-i", str(where.key), "-p", str(port)]
    for setting in ("BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={where.known_hosts}",
                    "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "IdentityAgent=none"):  # fmt: skip
        words += ["-o", setting]
    return subprocess.run(
        [*words, f"{login()}@{HOST}", command], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def inventory(where: Places) -> dict[str, dict[str, Any]]:
    """By a reader of its own: each line is a JSON string, a colon and a JSON object."""
    lines = [line.strip() for line in where.inventory.read_text().splitlines() if line.startswith("  ")]
    return {json.loads(name): json.loads(fields) for name, fields in (line.split(": ", 1) for line in lines)}


@contextmanager
def spinning(where: Places, known: State) -> Iterator[int]:
    """The pid of a process of the board that works without end and looks like the agent's runner."""
    with ThreadPoolExecutor(1) as pool:
        command = f"exec {known.options.python} -I -c '{SPIN}' runner"
        job = pool.submit(ssh, where, known, "vb001", command)
        listener = known.boards[0].process
        wait_for(lambda: usage.look(listener, b"?").runner is not None, "the runner")
        pid = usage.look(listener, b"?").runner
        assert pid is not None
        try:
            yield pid
        finally:
            with suppress(ProcessLookupError):  # its board lost its power
                os.kill(pid, signal.SIGKILL)
            job.result()


def leftovers(folder: Path) -> list[str]:
    """Processes that have anything to do with `folder`."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) not in {os.getpid(), os.getppid()}:
            line = _read(process / "cmdline").replace("\0", " ").strip()
            if line and (str(folder) in line or f"={folder}" in _read(process / "environ")):
                found.append(f"{process.name} {line}")
    return found


def wait_for(fact: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s for {what}"
        time.sleep(0.02)


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
