"""The agent's side of a pinned clock: who may set it here, that it holds, and that it is given back."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, Callable, Dict, List, Optional, Sequence

from farm_agents import cpufreq, knobs, tune
from farm_agents.cpufreq import Policy
from farm_agents.knobs import Unpinnable
from farm_agents.sysfs import Sysfs
from farm_agents.wire import LINE_LIMIT, Json

ANSWER_S = 4.0  # less than the silence after which the orchestrator takes the agent for lost
ENDED_S = 3.0  # for the giving back, which is a few writes
MENDED_S = 10.0
SOCKET = "run/farm-lease.sock"
PROGRAM = "usr/local/libexec/farm-tune"


class NoLease(Exception):
    """Nobody sets clocks for this agent; the text says why."""


class Link:
    """A connection to farm-tune: a line each way. Its end, however it comes about, gives everything back."""

    def __init__(self, reading: int, writing: int, end: Callable[[], str]) -> None:
        self.reading = reading
        self.writing = writing
        self.end = end

    def ask(self, verb: str, **fields: Any) -> Json:
        """Raises NoLease where it refuses, does not answer, or is gone."""
        try:
            os.write(self.writing, json.dumps({"verb": verb, **fields}).encode() + b"\n")
            answer = json.loads(self._line().decode())
        except (OSError, ValueError) as error:
            raise NoLease("farm-tune is gone: {}".format(self.close() or error)) from error
        if not answer.get("ok"):
            raise NoLease("farm-tune refuses: {}".format(answer.get("reason")))
        return dict(answer)

    def close(self) -> str:
        """Its last words; a second call is harmless."""
        end, self.end = self.end, str
        return end()

    def _line(self) -> bytes:
        """Raises OSError."""
        line, until = b"", time.monotonic() + ANSWER_S
        while not line.endswith(b"\n"):
            ready = select.select([self.reading], [], [], max(0.0, until - time.monotonic()))[0]
            chunk = os.read(self.reading, LINE_LIMIT) if ready else b""
            if not chunk:
                raise OSError("it hung up" if ready else "no answer in {} s".format(ANSWER_S))
            line += chunk
        return line


class Pinning:
    """The clocks of one launch at a time, over a connection that stays for the next one."""

    def __init__(self, tree: Sysfs, base: str) -> None:
        self.tree = tree
        self.base = base
        self.link: Optional[Link] = None
        self.way: Callable[[], Link] = self._direct
        self.targets: Dict[Policy, int] = {}
        self.fact: Json = {}

    def hold(self, wanted: str, cpus: Sequence[int], lease_s: float) -> None:
        """Never raises: what cannot be pinned runs all the same, and the fact says why it was not held."""
        self.targets = {}
        empty: Json = {"held": False, "reason": None, "knobs": [], "foreign": []}
        self.fact = {"wanted": wanted, "strategy": knobs.OBSERVE, **empty}
        try:
            self.targets = targets(self.tree, cpus, wanted)
            self._connect()
        except (Unpinnable, NoLease) as error:
            self.fact["reason"] = str(error)
            return
        try:
            self.fact.update(self._apply(lease_s))
        except NoLease as error:
            self.fact["reason"] = str(error)
            self._mended()  # it may have died between a write and its answer

    def give_back(self, told: Json) -> Json:
        """The fact of the launch, everything given back. `told`: what the launch saw of its clocks."""
        fact, self.fact = self.fact, {}
        if not fact.get("knobs"):
            return fact
        rows = self._released()
        states = {row["path"]: row["restored"] for row in rows}
        for knob in fact["knobs"]:
            knob["restored"] = states.get(knob["path"], self.tree.text(knob["path"]) == knob["orig"])
        foreign = knobs.changed(rows)
        strayed = [knobs.strayed(self.targets, told.get(name)) for name in ("freq_khz_start", "freq_khz_end")]
        doubts = [fact["reason"], "changed by something else: " + knobs.words(foreign) if foreign else None, *strayed]
        reason = next((doubt for doubt in doubts if doubt), None)
        return {**fact, "foreign": foreign, "held": fact["held"] and reason is None, "reason": reason}

    def close(self) -> None:
        """The end of the connection gives back what is still held."""
        self._hang_up()
        restore_left(self.tree, self.base)

    def _hang_up(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None

    def _apply(self, lease_s: float) -> Json:
        """The first plan that takes; one that does not is given back before the next. Raises NoLease."""
        first = None
        for plan in knobs.plans(self.targets):
            self._ask("acquire", lease_s=min(lease_s, tune.LEASE_MOST_S))
            rows = self._ask("set", writes=plan.writes)["knobs"]
            reason = knobs.missed(plan, rows)
            first = first or reason
            if reason is None:
                held = plan.strategy == knobs.MINMAX
                return {"strategy": plan.strategy, "held": held, "reason": first, "knobs": shown(rows)}
            self._ask("release")
        return {"reason": first}

    def _released(self) -> List[Json]:
        """What farm-tune says of each knob."""
        with suppress(NoLease):
            return list(self._ask("release")["knobs"])
        return self._mended()

    def _mended(self) -> List[Json]:
        """What a farm-tune that died has left: the next one reads its journal."""
        with suppress(NoLease):
            self._hang_up()
            self.link = self.way()
            left = self._ask("acquire", lease_s=ANSWER_S)["left"]
            self._ask("release")
            return list(left)
        return []

    def _ask(self, verb: str, **fields: Any) -> Json:
        """Raises NoLease; the connection is then closed, which gives back whatever it held."""
        if self.link is None:
            raise NoLease("nobody sets clocks here")
        try:
            return self.link.ask(verb, **fields)
        except NoLease:
            self._hang_up()
            raise

    def _connect(self) -> None:
        """The first way that is open here. Raises NoLease with what every one of them lacks."""
        if self.link is not None:
            with suppress(NoLease):
                self._ask("read", paths=[])
                return
        reasons = [self._tried(way) for way in (self._socket, self._direct, self._sudo) if self.link is None]
        if self.link is None:
            raise NoLease("; ".join(reason for reason in reasons if reason))

    def _tried(self, way: Callable[[], Link]) -> Optional[str]:
        """Why it is not open: sudo may want a password, the unit may serve somebody else."""
        try:
            self.link, self.way = way(), way
            self._ask("read", paths=[])
        except NoLease as error:
            return str(error)
        return None

    def _socket(self) -> Link:
        path = self.tree.path(SOCKET)
        if not os.path.exists(path):
            raise NoLease("")
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(path)
        except OSError as error:
            line.close()
            raise NoLease("{}: {}".format(path, error.strerror)) from error

        def end() -> str:
            line.close()
            return ""

        return Link(line.fileno(), line.fileno(), end)

    def _direct(self) -> Link:
        """This agent itself, in a process that outlives it by as long as the giving back takes."""
        shut = knobs.closed(list(self.targets))
        if shut is not None:
            raise NoLease(shut)
        return child(own_tune(self.tree, self.base))

    def _sudo(self) -> Link:
        program = self.tree.path(PROGRAM)
        if not os.path.exists(program):
            raise NoLease("")
        return child(["sudo", "-n", program])


def shown(rows: Sequence[Json]) -> List[Json]:
    names = ("path", "orig", "wanted", "readback", "orig_inferred")
    return [{name: row[name] for name in names if name in row} for row in rows]


def targets(tree: Sysfs, cpus: Sequence[int], wanted: str) -> Dict[Policy, int]:
    """The clock of each policy of these CPUs, in kHz. Raises Unpinnable."""
    found = [policy for policy in cpufreq.read(tree) if set(policy.cpus) & set(cpus)]
    if not found:
        raise Unpinnable("no cpufreq policy holds the measured CPUs")
    bases = {policy: cpufreq.khz(tree, policy.name, "base_frequency") for policy in found}
    return {policy: knobs.target_khz(policy, wanted, base) for policy, base in bases.items()}


def own_tune(tree: Sysfs, base: str) -> List[str]:
    """The agent's own bundle in the role of farm-tune, with its journal in the base folder."""
    here = [sys.executable, "-I", os.path.abspath(sys.argv[0]), "tune"]
    return [*here, "--root", tree.root, "--journal", journal(base)]


def journal(base: str) -> str:
    return os.path.join(base, "lease.json")


def child(argv: Sequence[str]) -> Link:
    """Outlives the agent, and its group, until it has given everything back. Raises NoLease."""
    try:
        process = subprocess.Popen(
            list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise NoLease("{}: {}".format(argv[0], error.strerror)) from error
    if process.stdin is None or process.stdout is None:
        raise AssertionError("three pipes were asked for")
    return Link(process.stdout.fileno(), process.stdin.fileno(), lambda: _ended(process))


def _ended(process: "subprocess.Popen[bytes]") -> str:
    """Waits until it has given back, and gives its last words on standard error."""
    try:
        _, said = process.communicate(timeout=ENDED_S)
    except subprocess.TimeoutExpired:
        return "it does not end"
    return said.decode("utf-8", "replace").strip()[-300:]


def restore_left(tree: Sysfs, base: str) -> None:
    """What an agent and its farm-tune left that were both killed. A journal of another boot is only removed."""
    if os.path.exists(journal(base)):
        with suppress(OSError, subprocess.SubprocessError):
            argv = [*own_tune(tree, base), "restore"]
            subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=MENDED_S, check=False)
