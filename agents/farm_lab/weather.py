"""The physics process of a lab: every tenth of a second each board's load is seen, and its sensors say what comes of it."""

import heapq
import itertools
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from farm_agents.sysfs import Sysfs
from farm_lab import background, climate, dials, physics, policies, processes, profiles, quota, state, usage
from farm_lab.brake import FULL, Brake, Guard
from farm_lab.dials import Dial
from farm_lab.places import BoardPlaces, Places
from farm_lab.policies import Policy
from farm_lab.profiles import Profile
from farm_lab.quota import Ground, Quota
from farm_lab.state import Options, VirtualBoard

STEP_NS = 100_000_000
TOGETHER = 4  # boards that are looked at in one go: to wake up costs as much as a board does
CRITICAL_C = 85.0
NOISE_C = 0.1
SPREAD = 0.02  # between pieces of silicon, of the power of full load
NUMBER, LENGTH = 22, 400  # characters of what a board says of itself
ENCODE = json.JSONEncoder().encode
Act = Callable[[int], int | None]  # what is to be done at a time, and when again


class Timetable:
    """Acts in the order of their times, one at a time."""

    def __init__(self) -> None:
        self.due: list[tuple[int, int, Act]] = []
        self.serial = itertools.count()

    def add(self, due_ns: int, act: Act) -> None:
        heapq.heappush(self.due, (due_ns, next(self.serial), act))

    def run(self) -> None:
        while self.due:
            due_ns, _, act = heapq.heappop(self.due)
            time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            again_ns = act(time.monotonic_ns())
            if again_ns is not None:
                self.add(again_ns, act)


class Board:
    """One board under its physics."""

    def __init__(
        self, lab: Places, board: VirtualBoard, profile: Profile, options: Options, ground: Ground | None
    ) -> None:
        """`ground`: where its runner gets a quota, None where it is stopped by turns."""
        self.lab, self.ground = lab, ground
        self.places = lab.board(board.name)
        self.listener = board.process
        self.truth = lab.truth
        self.stand_in = bytes(lab.stand_in)
        self.chance = Random(f"{options.seed}/{board.name}/physics")  # noqa: S311 - noise of sensors, no secret
        self.noise_c = 0.0 if options.exact else NOISE_C
        tree = Sysfs(str(self.places.sysroot))
        self.policies = policies.policies(tree, self._refused)
        spread = 0.0 if options.exact else SPREAD
        self.sound = hardware(profile, self.policies, board.cpu, options, self.chance.uniform(-spread, spread))
        self.hardware, self.climate_ns = self.sound, 0
        self.gauges = dials.gauges(tree, silent=self.hardware.silent)
        self.firmware = tree.matching(dials.FIRMWARE)[:1]
        self.condition = physics.start(self.hardware, _left_at(self.places))
        self.usage = usage.look(self.listener, self.stand_in)
        self.seen_ns = time.monotonic_ns()
        self.places.weather.touch()
        self.said = Dial(self.places.weather)
        self.brake: Brake | Quota | None = None
        self.gone = False
        self._show()

    def turn(self, now_ns: int) -> None:
        """A step of the physics."""
        dt_s = max(now_ns - self.seen_ns, 1) / 1e9
        before, self.usage = self.usage, usage.look(self.listener, self.stand_in, self.usage)
        load = usage.load(before, self.usage, dt_s)
        if self.usage.stand_in:
            load = physics.declared(self.hardware, self.condition, self._duty())
        knobs = [policy.knobs() for policy in self.policies]
        self._suffer()
        powered = self.hardware if self.usage.tasks else physics.off(self.hardware)
        self.condition = physics.step(powered, self.condition, load, knobs, dt_s)
        self.seen_ns = now_ns
        self._show()
        self._switch_off()

    def held(self, guard: Guard) -> Brake | Quota | None:
        """The brake on the runner that is at work, where one is needed."""
        runner, cores = self.usage.runner, self.hardware.cores
        if self.brake is not None and self.brake.pid != runner:
            self.brake.close()
            self.brake = None
        if self.brake is None and runner is not None and min(1.0, cores) * self.speed < FULL:
            self.brake = self._brake(runner, guard)
        if self.brake is not None:
            self.brake.hold((cores if isinstance(self.brake, Quota) else min(1.0, cores)) * self.speed)
        return self.brake

    def _brake(self, runner: int, guard: Guard) -> Brake | Quota | None:
        """The exact one where it can be had; None where the runner has ended."""
        if self.ground is not None:
            group = self.ground.group(self.lab.root, self.places.name)
            guard.keep(group, self.ground.own)
            with suppress(OSError):
                return Quota(runner, group, self.ground.own)
        with suppress(ProcessLookupError):
            return Brake(runner, guard)
        return None

    def _suffer(self) -> None:
        """Faults that came or went."""
        try:
            stamp_ns = os.stat(self.places.climate).st_mtime_ns  # noqa: PTH116 - ten times a second for every board
        except OSError:
            stamp_ns = 0
        if stamp_ns != self.climate_ns:
            self.climate_ns = stamp_ns
            self.hardware = climate.suffered(self.sound, climate.standing(self.places))

    def _switch_off(self) -> None:
        """As a power failure; a process of its own does it, since this one is among what a command may end."""
        if physics.overheated(self.hardware, self.condition) and self.usage.tasks and not self.gone:
            self.gone = True
            about = (str(self.lab.root), self.places.name)
            processes.detach([sys.executable, "-I", "-m", "farm_lab.overheated", *about])

    @property
    def speed(self) -> float:
        return physics.speed(self.hardware, self.condition)

    def _show(self) -> None:
        """The sensors, then all at once what the stand-in and `farm lab status` go by."""
        now, hidden = self.condition, self.hardware.silent
        temp_mc = round((now.t_c + self.chance.gauss(0.0, self.noise_c)) * 1000)
        for policy, clock in zip(self.policies, now.clocks, strict=True):
            policy.show(clock, 0 if hidden else now.cool)
        for gauge in self.gauges:
            gauge.dial.show(gauge.says(now, temp_mc))
        cool = None if hidden else now.cool
        by = Brake.name if self.ground is None else Quota.name
        said = {"speed": self.speed, "t_c": now.t_c, "temp_mc": temp_mc, "cool": cool, "slowed_by": by,
                **self._clocks(), **self._bits()}  # fmt: skip
        self.said.show(_one_length(said))

    def _clocks(self) -> dict[str, Any]:
        """Of the measured CPU, as cpufreq tells them."""
        if not self.policies:
            return {}
        clock, policy = self.condition.clocks[self.hardware.main], self.policies[self.hardware.main]
        low, high = policy.limits(0 if self.hardware.silent else self.condition.cool)
        return {"khz": clock.asked_khz, "changes": clock.changes, "low_khz": low, "high_khz": high,
                "governor": policy.told.governor}  # fmt: skip

    def _bits(self) -> dict[str, Any]:
        """What the firmware tells, which a fault may have written; a Raspberry Pi has it."""
        with suppress(OSError, ValueError):  # no such board, or a fault took it away
            return {"bits": int((self.places.sysroot / "".join(self.firmware)).read_text(), 16)}
        return {}

    def _duty(self) -> float:
        """What a launch that only sleeps says it takes of its CPU."""
        try:
            return float(json.loads(self.truth.read_text()).get("duty", 1.0))
        except (OSError, ValueError, TypeError):  # somebody is writing it
            return 1.0

    def _refused(self, path: str, wrote: str, kept: str) -> None:
        line = {"t_ns": time.monotonic_ns(), "event": "would_be_EINVAL", "path": path, "wrote": wrote, "kept": kept}
        with self.places.journal.open("a") as file:
            file.write(json.dumps(line) + "\n")


def hardware(
    profile: Profile, found: list[Policy], cpu: int, options: Options, spread: float = 0.0
) -> physics.Hardware:
    """`cpu`: the one that is measured; `spread`: by how much this piece of silicon takes more power than others."""
    of = profile.physics
    main = next((number for number, policy in enumerate(found) if cpu in policy.cpus), 0)
    return physics.Hardware(
        t_amb_c=of["t_amb_c"], r_th_k_w=of["r_th_k_w"], tau_s=of["tau_s"], p_idle_w=of["p_idle_w"],
        p_max_w=of["p_max_w"] * (1 + spread), trip_c=of["trip_c"], silent=of["silent"],
        opps=tuple(policy.opps for policy in found), main=main, cores=options.cores, time_scale=options.time_scale,
        drift_c_h=options.drift, critical_c=CRITICAL_C if options.critical else None,
    )  # fmt: skip


def _one_length(said: dict[str, Any]) -> str:
    """JSON whose numbers never move: it is written in place, since a file exchanged ten times a second costs a disk's work."""
    pairs = ", ".join(f'"{name}": {ENCODE(value):>{NUMBER}}' for name, value in said.items())
    return f"{{{pairs}}}".ljust(LENGTH) + "\n"


def _left_at(places: BoardPlaces) -> float:
    """The temperature that an earlier process of this lab left the board at."""
    try:
        return float(json.loads(places.weather.read_text())["t_c"])
    except (OSError, ValueError, KeyError):
        return physics.START_C


def run(lab: Places, ready: Callable[[], None]) -> None:
    """Until the process is asked to end; nothing stays stopped then, nor when it is killed."""
    known = state.read(lab)
    if known is None:
        sys.exit(f"{lab.state} tells of no lab")
    guard, timetable = Guard(), Timetable()
    ground = None if known.options.slow_down == Brake.name else quota.ground()
    boards = [
        Board(lab, board, profiles.of_board(known.options.profile, number), known.options, ground)
        for number, board in enumerate(known.boards)
    ]
    groups = [boards[first : first + TOGETHER] for first in range(0, len(boards), TOGETHER)]
    for number, group in enumerate(groups):
        timetable.add(time.monotonic_ns(), _act(group, number * STEP_NS // len(groups), guard, timetable))
    ready()
    try:
        timetable.run()
    finally:
        for board in boards:
            if board.brake is not None:
                board.brake.close()


def _act(boards: Sequence[Board], phase_ns: int, guard: Guard, timetable: Timetable) -> Act:
    """A step of each of these boards, `phase_ns` after each full tenth of a second."""

    def act(_: int) -> int:
        for board in boards:
            now_ns = time.monotonic_ns()
            board.turn(now_ns)
            brake = board.held(guard)
            if isinstance(brake, Brake) and brake.idle:
                brake.begin(now_ns)
                timetable.add(now_ns, brake.turn)
        return (time.monotonic_ns() - phase_ns) // STEP_NS * STEP_NS + STEP_NS + phase_ns

    return act


def main(root: Path) -> None:
    ready = background.enter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a board keeps dozens of files open
    with suppress(OSError):  # an ordinary user may not: its stops come late where the machine is busy
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    run(Places(root), ready)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
