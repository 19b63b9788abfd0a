"""The agent's side of a pinned clock: who may set it here, that it holds, and that it is given back."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from farm_agents import cpufreq, devfreq, family, knobs, rivals, tune
from farm_agents.cpufreq import Policy
from farm_agents.devfreq import Devfreq
from farm_agents.knobs import Unpinnable
from farm_agents.link import ANSWER_S, Beat, Declined, Link, NoLease, child
from farm_agents.sysfs import Sysfs
from farm_agents.wire import Done, Failed, Json

End = Union[Done, Failed]
MENDED_S = 10.0
SETTLED_S = 0.05  # after which the kernel tells the new clock
FOREIGN_CHANGE = "FOREIGN_CHANGE"
CHANGED = "changed by something else: "
GONE = "farm-tune was ended before the launch, and its guardian gave the clocks back"
SOCKET = "run/farm-lease.sock"
PROGRAM = "usr/local/libexec/farm-tune"


class Pinning:
    """The clocks of one launch at a time, over a connection that stays for the next one."""

    def __init__(self, tree: Sysfs, base: str, beat: Beat) -> None:
        self.tree = tree
        self.base = base
        self.beat = beat
        self.link: Optional[Link] = None
        self.way: Callable[[], Link] = self._direct
        self.targets: Dict[Policy, int] = {}
        self.memory: List[Devfreq] = []
        self.canary_ns: Optional[float] = None
        self.fact: Json = {}

    def hold(self, wanted: str, cpus: Sequence[int], lease_s: float, canary_ns: Optional[float] = None) -> None:
        """Never raises: what cannot be pinned runs all the same, and the fact says why it was not held.

        `canary_ns`: what the clock's canary took on this board when it was calibrated at this clock.
        """
        self.targets, self.canary_ns = {}, canary_ns
        self.memory = memory_clocks(self.tree) if wanted == knobs.MAX else []
        empty: Json = {"held": False, "reason": None, "knobs": [], "foreign": [], "memory": [], "told_khz": None}
        self.fact = {"wanted": wanted, "strategy": knobs.OBSERVE, **empty, "services": rivals.running(self.tree)}
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
            return
        time.sleep(SETTLED_S)
        self.fact["told_khz"] = cpufreq.freq_khz(self.tree, cpus)

    def give_back(self, told: Json) -> Json:
        """The fact of the launch, everything given back. `told`: what the launch saw of its clocks."""
        fact, self.fact = self.fact, {}
        if not fact.get("knobs"):
            return fact
        whole, rows = self._released()
        states = {row["path"]: row["restored"] for row in rows}
        for knob in fact["knobs"]:
            knob["restored"] = states.get(knob["path"], self.tree.text(knob["path"]) == knob["orig"])
        foreign = knobs.changed(rows)
        gone = None if whole else GONE
        changed = CHANGED + knobs.words(foreign) if foreign else None
        doubts = (fact["reason"], gone, changed, knobs.lost(rows), *self._doubts(told, fact["told_khz"]))
        reason = next(filter(None, doubts), None)
        return {**fact, "foreign": foreign, "held": fact["held"] and reason is None, "reason": reason}

    def _doubts(self, told: Json, told_khz: Optional[int]) -> Iterator[Optional[str]]:
        """What the launch saw of its clocks: the kernel's word beside the slot; the cycles in it, else its canary."""
        words = [told.get(name) for name in ("freq_khz_start", "freq_khz_end")]
        for khz in words if any(words) else [told_khz]:
            yield knobs.strayed(self.targets, khz)
        tolerance, eff_khz = family.of(self.tree).effective_tolerance, told.get("eff_khz")
        yield knobs.off(self.targets, eff_khz, tolerance)
        if eff_khz is None:
            yield knobs.off_canary(canary_ns(told), self.canary_ns, tolerance)

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
                held = plan.strategy in knobs.HOLDING
                memory, more = self._hold_memory()
                shared = {"reason": None if held else first, "knobs": shown([*rows, *more]), "memory": memory}
                return {"strategy": plan.strategy, "held": held, "passed_over": first, **shared}
            self._ask("release")
        return {"reason": first}

    def _hold_memory(self) -> Tuple[List[Json], List[Json]]:
        """What came of each clock of the memory, and its knobs; one that cannot be held is measured as it is.

        Raises NoLease.
        """
        told, rows = [], []
        for device in self.memory:
            found, reason = self._hold_device(device)
            rows += found
            told.append({"name": device.name, "held": reason is None, "reason": reason})
        return told, rows

    def _hold_device(self, device: Devfreq) -> Tuple[List[Json], Optional[str]]:
        """Its knobs, and why its clock is not held."""
        try:
            plan = knobs.memory_plan(device)
            rows = self._ask("set", writes=plan.writes)["knobs"]
        except (Unpinnable, Declined) as refusal:  # a farm-tune that was installed long ago knows no memory
            return [], str(refusal)
        return list(rows), knobs.missed(plan, rows)

    def _released(self) -> Tuple[bool, List[Json]]:
        """Whether it was held to the end, and what farm-tune says of each knob."""
        with suppress(NoLease):
            return True, list(self._ask("release")["knobs"])
        return False, self._mended()

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
        """Raises Declined; and NoLease, the connection then closed, which gives back whatever it held."""
        if self.link is None:
            raise NoLease("nobody sets clocks here")
        try:
            return self.link.ask(verb, **fields)
        except Declined:
            raise
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
            self._hang_up()
            return str(error)
        return None

    def _socket(self) -> Link:
        path = self.tree.path(SOCKET)
        if not os.path.exists(path):
            raise NoLease("")
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(ANSWER_S)  # nobody may be there to take it
            line.connect(path)
            line.settimeout(None)
        except OSError as error:
            line.close()
            raise NoLease("{}: {}".format(path, error.strerror or error)) from error

        def end() -> str:
            line.close()
            return ""

        return Link(line.fileno(), line.fileno(), end, self.beat)

    def _direct(self) -> Link:
        """This agent itself, in a process that outlives it by as long as the giving back takes."""
        shut = knobs.closed(list(self.targets))
        if shut is not None:
            raise NoLease(shut)
        return child(own_tune(self.tree, self.base), self.beat)

    def _sudo(self) -> Link:
        program = self.tree.path(PROGRAM)
        if not os.path.exists(program):
            raise NoLease("")
        return child(["sudo", "-n", program], self.beat)


def installed(tree: Sysfs) -> bool:
    """Whether root's own program sets clocks here for others."""
    return any(os.path.exists(tree.path(name)) for name in (SOCKET, PROGRAM))


def shown(rows: Sequence[Json]) -> List[Json]:
    names = ("path", "orig", "wanted", "readback", "orig_inferred")
    return [{name: row[name] for name in names if name in row} for row in rows]


def targets(tree: Sysfs, cpus: Sequence[int], wanted: str) -> Dict[Policy, int]:
    """The clock of each policy of these CPUs, in kHz. Raises Unpinnable."""
    found = cpufreq.of(tree, cpus)
    if not found:
        raise Unpinnable(cpufreq.NO_POLICY)
    bases = {policy: cpufreq.khz(tree, policy.name, "base_frequency") for policy in found}
    return knobs.targets_khz(bases, wanted)


def canary_ns(told: Json) -> Optional[float]:
    """What the clock's canary took around the slot, from the facts of a launch."""
    before_ns, after_ns = (told.get("canary_clock_{}_ns".format(when)) for when in ("before", "after"))
    return (before_ns + after_ns) / 2 if before_ns and after_ns else None


def noted(end: End) -> End:
    """The end of a launch with what its fact `pin` finds."""
    fact = end.facts.get("pin", {})
    if not isinstance(end, Done) or not fact.get("foreign"):
        return end
    who = "; running here: " + ", ".join(fact["services"]) if fact["services"] else ""
    text = CHANGED + knobs.words(fact["foreign"]) + who
    return replace(end, findings=[*end.findings, {"name": FOREIGN_CHANGE, "text": text}])


def memory_clocks(tree: Sysfs) -> List[Devfreq]:
    """Those that the board's family names, else those whose name says it; those of GPU and NPU are left alone."""
    named = family.of(tree).memory_clocks
    return [
        device for device in devfreq.read(tree)
        if (any(pattern.search(device.name) for pattern in named) if named else device.kind == "memory")
    ]  # fmt: skip


def own_tune(tree: Sysfs, base: str) -> List[str]:
    """The agent's own bundle in the role of farm-tune, with its journal in the base folder."""
    here = [sys.executable, "-I", os.path.abspath(sys.argv[0]), "tune"]
    return [*here, "--root", tree.root, "--journal", journal(base)]


def journal(base: str) -> str:
    return os.path.join(base, "lease.json")


def restore_left(tree: Sysfs, base: str) -> None:
    """What an agent and its farm-tune left that were both killed. A journal of another boot is only removed."""
    if os.path.exists(journal(base)):
        with suppress(OSError, subprocess.SubprocessError):
            argv = [*own_tune(tree, base), "restore"]
            subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=MENDED_S, check=False)
