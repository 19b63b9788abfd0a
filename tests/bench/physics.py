"""Virtual boards that slow down: how close a runner comes to the share of its clock, and what the physics costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from bench.figures import exactly, middle, spread
from bench.rows import Row, at_most, measured
from farm_lab import background, lab, quota, tree, usage
from farm_lab.places import Places
from farm_lab.state import State
from lab_support import at, options, spinning, wait_for

SETTLED_S = 5.0  # of a closed loop that looks twice a second
WINDOW_S = 2.0
WITHIN = 5.0  # per cent of the share
CLOCKS = (2_400_000, 1_800_000, 1_000_000, 600_000)
WEIGHTS = {"cpu.shares": "262144", "cpu.weight": "10000"}
BOARDS = 8
WATCHED_S = 10.0
COST = 3.0  # per cent of a CPU


def slow_down(folder: Path, rounds: int) -> list[Row]:
    """A runner that never rests, at clocks held one after the other."""
    ways = ["stops", *(["quota"] if quota.ground() else [])]
    return [row for way in ways for row in _shares(folder / way, way, rounds)]


def cost(folder: Path, rounds: int) -> list[Row]:
    """Of the physics process and its guard, with boards that do nothing."""
    place = at(folder)
    try:
        lab.up(place, BOARDS, options(physics=True))
        shares = [_share(lambda: _had_ns(place), WATCHED_S) for _ in range(rounds)]
    finally:
        lab.down(place)
    name = f"physics of {BOARDS} boards, of a CPU"
    return [measured(name, middle([100 * share for share in shares], "%"), "%", at_most(COST))]


def _shares(folder: Path, way: str, rounds: int) -> list[Row]:
    place = at(folder)
    try:
        known = lab.up(place, 1, options(physics=True, exact=True, time_scale=0.1, slow_down=way))
        return [_row(way, khz, _at(place, known, khz, rounds)) for khz in CLOCKS]
    finally:
        lab.down(place)


def _row(way: str, khz: int, shares: Sequence[float]) -> Row:
    wanted = khz / CLOCKS[0]
    off = [100 * abs(share / wanted - 1) for share in shares]
    name = f"slow-down by {way} at {khz / 1e6:g} GHz, CPU time off {wanted:.3g}"
    figure = exactly(float(np.median(off)), spread(shares, "of a CPU", 3))
    return measured(name, figure, "%", at_most(WITHIN))


def _at(place: Places, known: State, khz: int, rounds: int) -> list[float]:
    with spinning(place, known) as pid:
        _go_first(pid, *(process.pid for process in background.running("weather", place.root)))
        return _windows(place, khz, pid, rounds)


def _windows(place: Places, khz: int, pid: int, rounds: int) -> list[float]:
    """CPU time per second of wall time while the clock stands at `khz`."""
    policy = place.board("vb001").sysroot / tree.POLICY
    (policy / "scaling_governor").write_text("userspace\n")
    wait_for(lambda: (policy / "scaling_setspeed").read_text().strip().isdigit(), "the governor")
    (policy / "scaling_setspeed").write_text(f"{khz}\n")
    wait_for(lambda: (policy / "scaling_cur_freq").read_text().strip() == str(khz), "the clock")
    _weigh(place)
    time.sleep(SETTLED_S)
    return [_share(lambda: usage.had_ns(pid)[0], WINDOW_S) for _ in range(rounds)]


def _go_first(*pids: int) -> None:
    """Neighbours would take what is to be measured; where that is not allowed, the figures show them."""
    with suppress(OSError):
        for pid in pids:
            os.setpriority(os.PRIO_PROCESS, pid, -20)
            Path(f"/proc/{pid}/autogroup").write_text("-20")  # the kernel may share CPUs out by session first


def _weigh(place: Places) -> None:
    """The group with the quota, where there is one, as heavy as the kernel lets it be."""
    here = quota.ground()
    found = [here.group(place.root, "vb001") / name for name in WEIGHTS] if here else []
    for file in found:
        if file.exists():
            file.write_text(WEIGHTS[file.name])


def _share(had_ns: Callable[[], int], for_s: float) -> float:
    begin_ns, before = time.monotonic_ns(), had_ns()
    time.sleep(for_s)
    return (had_ns() - before) / (time.monotonic_ns() - begin_ns)


def _had_ns(place: Places) -> int:
    return sum(usage.had_ns(process.pid)[0] for process in background.running("weather", place.root))
