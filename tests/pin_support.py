"""A board's clocks as a tree of files, and the two ends of a lease on them."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from agents_support import PATIENCE_S, alive, wait_for
from farm_agents import tune
from farm_lab import tree as trees

CPUFREQ = "sys/devices/system/cpu/cpufreq"
POLICY = f"{CPUFREQ}/policy0"
GOVERNOR, LOW, HIGH = (f"{POLICY}/{name}" for name in ("scaling_governor", "scaling_min_freq", "scaling_max_freq"))
KNOBS = (GOVERNOR, LOW, HIGH)
STOCK = {GOVERNOR: "schedutil", LOW: "600000", HIGH: "2400000"}
SLOW = {GOVERNOR: "performance", LOW: "1000000", HIGH: "1000000"}
COOLER = "sys/devices/virtual/thermal/cooling_device0/cur_state"
BOOT = "proc/sys/kernel/random/boot_id"
TO_SLOW = [[GOVERNOR, "performance"], [LOW, "1000000"], [HIGH, "1000000"]]


def lay(root: Path) -> Path:
    """The files of a board whose clocks this account may set."""
    trees.replay(root, trees.generic("vb001", os.cpu_count() or 1), "vb001")
    put(root, BOOT, "boot-1")
    return root


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def close(root: Path) -> None:
    """Nobody may set these clocks any more."""
    for name in KNOBS:
        (root / name).chmod(0o444)


def now(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text().strip() for name in KNOBS}


def command(root: Path, journal: Path, *words: str) -> list[str]:
    """farm-tune as it is installed: one file."""
    return [sys.executable, "-I", tune.__file__, "--root", str(root), "--journal", str(journal), *words]


class Peer:
    """A farm-tune at the other end of a socketpair, which stands for the socket unit's connection."""

    def __init__(self, root: Path, journal: Path) -> None:
        self.line, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                command(root, journal), stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE
            )
        self.line.settimeout(PATIENCE_S)
        self.file = self.line.makefile("rb")

    def ask(self, verb: str, **fields: Any) -> dict[str, Any]:
        return self.say(json.dumps({"verb": verb, **fields}).encode())

    def say(self, line: bytes) -> dict[str, Any]:
        self.line.sendall(line + b"\n")
        return cast("dict[str, Any]", json.loads(self.file.readline()))

    def hang_up(self) -> None:
        self.file.close()
        self.line.close()

    def ends(self) -> int:
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.hang_up()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def children(pid: int) -> dict[str, int]:
    """The agent's own by their role: `tune`, `runner`."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            words, parent = _process(entry)
            roles = {"tune", "runner"} & set(words)
            if parent == pid and roles:
                found[roles.pop()] = int(entry.name)
    return found


def _process(folder: Path) -> tuple[Sequence[str], int]:
    try:
        words = (folder / "cmdline").read_bytes().decode().split("\0")
        return words, int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return (), 0


def kill(pid: int) -> None:
    """SIGKILL, and the end of the process."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_for(lambda: not alive(pid), "a killed process did not end")


def idle(seconds: float) -> None:
    """A random moment comes, which is not a wait for a state."""
    select.select([], [], [], seconds)
