"""Slots of replayed boards, read by the agent's own code: pinned, held back, changed by others, or left in peace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm_agents import beside, cores, cpufreq, edges, hwmon, pin, sampled, sources, thermal, throttle, wire
from farm_agents.grants import Tree
from farm_agents.link import Declined, Link
from farm_agents.sources import Source
from farm_agents.sysfs import CPU, Sysfs, cpu_list
from farm_agents.tune import Desk
from farm_agents.watch import Watch
from farm_lab import profiles, tree
from noise import Rng

Facts = dict[str, Any]
TICKS = 1200  # of 10 ms: a slot of 12 s
T0_NS, STEP_NS, STEPS = 10**12, 2 * 10**9, 6
EFF_SD = 0.002  # of what is counted in one slot
CANARY_NS = 10_000
FIRMWARE = "sys/devices/platform/soc*/soc*:firmware/get_throttled"


class Near(Link):
    """A farm-tune in this process."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(-1, -1, lambda: str(desk.leave()), lambda: None)
        self.desk = desk

    def ask(self, verb: str, **fields: Any) -> Facts:
        answer = self.desk.answer(json.dumps({"verb": verb, **fields}).encode())
        if not answer["ok"]:
            raise Declined(answer["reason"])
        return dict(json.loads(json.dumps(answer)))


@dataclass
class Board:
    """One replayed tree. `share`: of the clock that was set, which is left; `strength`: how fast it is against what is told."""

    root: Path
    tree: Sysfs
    cpus: list[int]
    base: Path
    strength: float
    share: float = 1.0
    hidden: bool = False  # whether the kernel does not know of it
    held: bool = True
    kept: dict[str, str] = field(default_factory=dict)

    def put(self, path: str, text: object) -> None:
        """As somebody else would write it; what was there is known, and comes back when the slot is over."""
        place = self.root / path
        self.kept.setdefault(path, place.read_text())
        place.unlink()
        place.write_text(f"{text}\n")
        place.chmod(0o644)

    def more(self, path: str, count: int = 1) -> None:
        self.put(path, (self.tree.number(path) or 0) + count)

    def mend(self) -> None:
        for path, text in self.kept.items():
            (self.root / path).write_text(text)
        self.kept, self.share, self.hidden = {}, 1.0, False

    def remember(self) -> None:
        """What its clocks are set to before anybody sets them."""
        for policy in self.policies:
            for name in cpufreq.KNOBS:
                path = f"{cpufreq.POLICIES}/{policy}/{name}"
                self.kept[path] = (self.root / path).read_text()

    @property
    def policies(self) -> list[str]:
        return cpufreq.policies_of(self.tree, self.cpus)

    @property
    def coolers(self) -> list[str]:
        return [f"{thermal.FOLDER}/{each.name}/cur_state" for each in thermal.coolers(self.tree) if each.slows == "cpu"]

    @property
    def planned_khz(self) -> int:
        """The highest clock of all that are measured, as it is pinned."""
        return (
            max((khz for khz in pin.targets(self.tree, self.cpus, "max").values()), default=0)
            if self.policies
            else 10**6
        )

    def khz(self, policy: str, name: str = "scaling_max_freq") -> int | None:
        return cpufreq.khz(self.tree, policy, name)

    def lower(self, share: float) -> None:
        """The kernel takes the limits of its policies down, as it does for its cooling."""
        for policy in self.policies:
            self.put(f"{cpufreq.POLICIES}/{policy}/scaling_max_freq", round(share * (self.khz(policy) or 0)))


Fault = Callable[[Rng, Board], None]


def replayed(root: Path, name: str) -> Board:
    """As it lies after a boot, its sensors cool."""
    tree.replay(root, profiles.record_of(profiles.find(name), "vb001", 2), "vb001")
    found = Sysfs(str(root))
    online = cpu_list(found.text(f"{CPU}/online") or "0")
    cpus = cores.resolve("big", online, cores.capacities(found, online))
    strength = 1 - sum(map(ord, name)) % 7 / 100  # no board runs exactly at what its kernel tells
    return Board(root, found, cpus, root.parent / f"{name}.base", strength)


@contextmanager
def at_once() -> Iterator[None]:
    """No kernel here takes a while to tell the new clock."""
    kept, pin.SETTLED_S = pin.SETTLED_S, 0.0
    try:
        yield
    finally:
        pin.SETTLED_S = kept


def slot(rng: Rng, board: Board, fault: Fault | None = None, *, wanted: str = "max", counted: bool = True) -> Facts:
    """The facts of a launch with what its agent finds. `counted`: it may count its cycles."""
    board.remember()
    pinning = pin.Pinning(board.tree, str(board.base), lambda: None)
    pinning.link = Near(Desk(Tree(str(board.root)), pin.journal(str(board.base))))
    board.held = wanted != "stock"
    if board.held:
        pinning.hold(wanted, board.cpus, 60.0)
    facts: Facts = {"slot_t0_ns": T0_NS, "slot_t1_ns": T0_NS + STEPS * STEP_NS}
    planned = {each: board.khz(each) or 0 for each in board.policies}
    for policy, khz in planned.items():
        board.put(f"{cpufreq.POLICIES}/{policy}/scaling_cur_freq", khz)
    watch, around = Watch(), edges.find(board.tree, board.cpus)
    beside.look(facts, board.tree, board.cpus, "start")
    before = around.read()
    _pass(rng, board, watch, fault, planned)
    facts["edges"] = edges.fact(around, before, around.read())
    beside.look(facts, board.tree, board.cpus, "end")
    share = board.strength * board.share * (1 + EFF_SD * rng.normal())
    facts["eff_khz"] = share * max(planned.values(), default=board.planned_khz) if counted else None
    took_ns = {"before": CANARY_NS / (1.0 if fault else board.share), "after": CANARY_NS / board.share}
    facts.update({f"canary_clock_{when}_ns": ns * (1 + EFF_SD * rng.normal()) for when, ns in took_ns.items()})
    if pinning.fact:
        facts["pin"] = pinning.give_back(facts)
    targets = {policy.name: khz for policy, khz in pinning.targets.items()}
    board.mend()
    pinning.close()
    done = pin.noted(wire.Done("1.1", throttle.judged(facts, watch, targets), []))
    return {**done.facts, "findings": done.findings if isinstance(done, wire.Done) else []}


def _pass(rng: Rng, board: Board, watch: Watch, fault: Fault | None, planned: dict[str, int]) -> None:
    """Twelve seconds: what is watched is read, a fault may come at any step and stays, and the kernel counts."""
    begins = int(rng.integers(1, STEPS - 1))
    watched = sources.sources(board.tree, board.cpus).found
    for step in range(STEPS):
        if fault is not None and step == begins:
            fault(rng, board)
        _warm(rng, board)
        for row in _seen(board, watched, T0_NS + step * STEP_NS + STEP_NS // 2):
            watch.add(row)
        for policy, khz in planned.items():
            _spend(rng, board, policy, khz)


def _warm(rng: Rng, board: Board) -> None:
    """Sensors shiver, and are a little warmer from slot to slot than they are cool."""
    for name in board.tree.names(thermal.FOLDER, "thermal_zone"):
        path = f"{thermal.FOLDER}/{name}/temp"
        told = board.tree.number(path)
        if told is not None and 20_000 < told < 60_000:
            board.put(path, told + int(rng.normal(0, 150)))


def _seen(board: Board, watched: Sequence[Source], t_ns: int) -> Iterator[Facts]:
    for source in watched:
        try:
            value = sampled.PARSERS[source.parser](Path(source.path).read_bytes().strip())
        except (OSError, ValueError):
            continue
        yield {"t_ns": t_ns, "source": source.name, "value": value, "unit": source.unit, "error": None}


def _spend(rng: Rng, board: Board, policy: str, planned: int) -> None:
    """At the clock that the kernel believes in, a tick more or less; one that nobody holds goes where it likes."""
    path = f"{cpufreq.POLICIES}/{policy}/stats/time_in_state"
    table = [line.split() for line in (board.tree.text(path) or "").splitlines()]
    limit = board.khz(policy) or planned
    believed = planned if board.hidden else min(planned, limit)
    board.put(f"{cpufreq.POLICIES}/{policy}/scaling_cur_freq", believed)
    if not table:
        return
    steps = [int(khz) for khz, _ in table]
    believed = believed if board.held else int(rng.choice(steps))
    now = max((khz for khz in steps if khz <= believed), default=min(steps))
    ticks = TICKS // STEPS + int(rng.integers(-1, 2))
    told = [(khz, int(count) + ticks * (int(khz) == now)) for khz, count in table]
    board.put(path, "\n".join(f"{khz} {count}" for khz, count in told))


def history(rng: Rng, board: Board) -> None:
    """What happened before the slot, and is remembered."""
    for path in board.tree.matching(FIRMWARE)[:1]:
        board.put(path, f"{int(rng.integers(1, 16)) << 16:x}")
    for path in (*hwmon.over_current(board.tree), *_intel(board, "cpu0")):
        board.more(path, int(rng.integers(1, 1000)))
    for path in hwmon.supply_alarms(board.tree):
        board.put(path, 1)


def wander(rng: Rng, board: Board) -> None:
    """A clock that nobody holds, from slot to slot."""
    board.share = 1 + float(rng.uniform(-0.015, 0.015))


# Faults: each changes what the board shows from some moment on.


def heat(rng: Rng, board: Board) -> None:
    """Cooling takes clock away."""
    board.share = float(rng.uniform(0.4, 0.9))
    for path in board.coolers:
        board.put(path, int(rng.integers(1, 4)))
    board.lower(board.share)


def brief_heat(rng: Rng, board: Board) -> None:
    """So brief that it does not show in any clock."""
    board.put(board.coolers[int(rng.integers(len(board.coolers)))], 1)


def firmware(rng: Rng, board: Board) -> None:
    """Behind the kernel's back, and too briefly for the mean clock."""
    bit = int(rng.integers(1, 4))
    told = int(rng.choice([1 << bit, 1 << bit | 1 << bit + 16, 1 << bit + 16]))
    board.put(board.tree.matching(FIRMWARE)[0], f"{told:x}")


def over_current(rng: Rng, board: Board) -> None:
    """So brief that only its counter tells."""
    board.more(str(rng.choice(list(hwmon.over_current(board.tree)))), int(rng.integers(1, 50)))


def counted(rng: Rng, board: Board) -> None:
    """Intel's own counters, as brief."""
    board.more(str(rng.choice(_intel(board, f"cpu{rng.choice(board.cpus)}"))), int(rng.integers(1, 90)))


def _intel(board: Board, cpu: str) -> list[str]:
    return [f"{CPU}/{cpu}/thermal_throttle/{name}" for name in edges.counters(board.tree, cpu)]


def unplugged(rng: Rng, board: Board) -> None:
    """Old kernels take whole cores away; only a board whose clock nobody can set needs to show it in its clock too."""
    board.share = 1.0 if board.policies else float(rng.uniform(0.5, 0.9))
    board.put(f"{CPU}/online", f"0-{max(board.cpus) - 1}")


def silent(rng: Rng, board: Board) -> None:
    """Nothing tells of it but the cycles."""
    board.share, board.hidden = float(rng.uniform(0.3, 0.94)), True


def weak_supply(rng: Rng, board: Board) -> None:
    board.put(board.tree.matching(FIRMWARE)[0], str(rng.choice(["1", "10000", "10001", "50005"])))


def alarm(_: Rng, board: Board) -> None:
    """What the kernel's driver remembers of the same."""
    board.put(next(iter(hwmon.supply_alarms(board.tree))), 1)


def limited(rng: Rng, board: Board) -> None:
    """Some daemon sets another limit."""
    board.share = float(rng.uniform(0.4, 0.9))
    board.lower(board.share)


def governed(_: Rng, board: Board) -> None:
    board.put(f"{cpufreq.POLICIES}/{board.policies[0]}/scaling_governor", "ondemand")


def loosened(_: Rng, board: Board) -> None:
    """The lower limit alone."""
    policy = board.policies[-1]
    board.put(f"{cpufreq.POLICIES}/{policy}/scaling_min_freq", board.khz(policy, "cpuinfo_min_freq") or 0)


@dataclass(frozen=True)
class Scripted:
    """`name`: what it must be called; `fits`: on which boards it can be."""

    name: str
    fault: Fault
    fits: Callable[[Board], bool]


FAULTS = (
    Scripted("THROTTLED", heat, lambda board: bool(board.coolers and board.policies)),
    Scripted("THROTTLED", brief_heat, lambda board: bool(board.coolers)),
    Scripted("THROTTLED", firmware, lambda board: bool(board.tree.matching(FIRMWARE))),
    Scripted("THROTTLED", over_current, lambda board: bool(list(hwmon.over_current(board.tree)))),
    Scripted("THROTTLED", counted, lambda board: bool(edges.counters(board.tree, "cpu0"))),
    Scripted("THROTTLED", unplugged, lambda board: len(board.cpus) > 1),
    Scripted("THROTTLED", silent, lambda board: bool(board.policies)),
    Scripted("UNDERVOLT", weak_supply, lambda board: bool(board.tree.matching(FIRMWARE))),
    Scripted("UNDERVOLT", alarm, lambda board: bool(list(hwmon.supply_alarms(board.tree)))),
    Scripted("CLOCK_CHANGED", limited, lambda board: bool(board.policies)),
    Scripted("CLOCK_CHANGED", governed, lambda board: bool(board.policies)),
    Scripted("CLOCK_CHANGED", loosened, lambda board: bool(board.policies)),
)
