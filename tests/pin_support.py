"""A board's clocks as a tree of files, and the two ends of a lease on them."""

import atexit
import functools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from agents_support import PATIENCE_S, Client, Launch, alive, script, wait_for
from farm_agents import wire
from farm_lab import tree as trees
from farm_orchestrator.bootstrap.tune_script import program

CPUFREQ = "sys/devices/system/cpu/cpufreq"
POLICY = f"{CPUFREQ}/policy0"
GOVERNOR, LOW, HIGH = (f"{POLICY}/{name}" for name in ("scaling_governor", "scaling_min_freq", "scaling_max_freq"))
KNOBS = (GOVERNOR, LOW, HIGH)
STOCK = {GOVERNOR: "schedutil", LOW: "600000", HIGH: "2400000"}
SLOW = {GOVERNOR: "performance", LOW: "1000000", HIGH: "1000000"}
COOLER = "sys/devices/virtual/thermal/cooling_device0/cur_state"
BOOT = "proc/sys/kernel/random/boot_id"
TO_SLOW = [[GOVERNOR, "performance"], [LOW, "1000000"], [HIGH, "1000000"]]


PIN = "1000000"
CLOCK = f"{POLICY}/scaling_cur_freq"
STAND_IN = """
import json, os, sys, time
launch = json.loads(sys.stdin.readline())["launch"]
def say(msg, **fields):
    sys.stdout.write(json.dumps(dict(fields, msg=msg, launch=launch)) + "\\n")
    sys.stdout.flush()
say("stage", stage="slot", t_ns=0)
while not os.path.exists({go!r}):
    time.sleep(0.01)
say("done", facts={{}}, findings=[])
"""


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
    return [sys.executable, "-I", "-S", installed(), "--root", str(root), "--journal", str(journal), *words]


@functools.cache
def installed() -> str:
    folder = Path(tempfile.mkdtemp(prefix="farm-tune-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "farm-tune").write_text(program())
    return str(folder / "farm-tune")


class Bench:
    """Agents on one tree, whose runner waits for the word; `go` is that word."""

    def __init__(self, start: Callable[..., Client], root: Path, folder: Path, model: Path, ones: Path) -> None:
        self.begin, self.root, self.model, self.ones = start, root, model, ones
        self.go = folder / "go"
        self.journal = folder / "base" / "lease.json"
        self.runner = script(folder / "stand-in", STAND_IN.format(go=str(self.go)))
        self.told: str | None = None
        self.fence = 0

    def agent(self, **popen: Any) -> Client:
        client = self.begin("--runner", str(self.runner), **popen)
        self.fence += 1
        assert isinstance(client.open(self.fence, sysroot=str(self.root)), wire.Hello)
        return client

    def launch(self, client: Client, pin: str) -> None:
        """The kernel will tell the clock that was set, or `self.told`."""
        if (self.root / CLOCK).exists():
            put(self.root, CLOCK, self.told or {"max": "2400000"}.get(pin, pin))
        client.start(self.model, self.ones, point={"pin": pin})

    def whole(self, pin: str, **popen: Any) -> Launch:
        """A launch from its job to its end."""
        client = self.agent(**popen)
        self.launch(client, pin)
        self.go.touch()
        return client.hear()

    def held(self) -> Client:
        """An agent whose launch is in its slot, at PIN."""
        client = self.agent()
        self.launch(client, PIN)
        client.until("slot")
        assert now(self.root) == SLOW
        return client


def restored(bench: Bench) -> None:
    wait_for(lambda: now(bench.root) == STOCK, f"the clocks did not come back: {now(bench.root)}")


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

    def hold(self, lease_s: float = 600.0) -> dict[str, Any]:
        """The answer to the writes that slow the clocks down."""
        assert self.ask("acquire", lease_s=lease_s)["ok"]
        return self.ask("set", writes=TO_SLOW)

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


def guardians(journal: Path) -> list[int]:
    """Those that stand by for this journal: nobody hears them."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if str(journal) in _process(Path(f"/proc/{pid}"))[0] and _mute(pid)]


def guardian(journal: Path) -> int:
    """Of a lease that was just given: farm-tune does not wait until it stands."""
    wait_for(lambda: bool(guardians(journal)), "no guardian stands by")
    (only,) = guardians(journal)
    return only


def _mute(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/fd/1") == os.devnull  # noqa: PTH115 - a Path would be resolved
    except OSError:
        return False


def forsake(journal: Path, *pids: int) -> None:
    """SIGKILL of these, nobody left who could give back."""
    for pid in (*guardians(journal), *pids):
        kill(pid)


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
