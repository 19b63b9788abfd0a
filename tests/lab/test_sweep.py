"""`farm run --pin sweep` on virtual boards that really change their clocks, heat and power."""

import json
import shutil
import threading
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Self

import pytest

from farm_lab import lab, physics, profiles, weather
from farm_lab.physics import Condition, Knobs, Load
from farm_lab.places import Places
from farm_lab.tree import FREQS_KHZ, METER
from lab_support import inventory, options
from pin_support import GOVERNOR, KNOBS, LOW, POLICY, close
from run_support import DIGITS, QUICK, Desk

MS = 2.0
DUTY = 0.5  # of a CPU: the board stays well below the temperature at which it slows itself down
EXACT = options(load="synthetic", physics=True, exact=True)


class Meter:
    """Reads a board's power while a run goes on, at each clock that is held."""

    def __init__(self, sysroot: Path) -> None:
        self.clock, self.low = sysroot / POLICY / "scaling_cur_freq", sysroot / LOW
        self.governor, self.power = sysroot / GOVERNOR, sysroot / METER / "power1_input"
        self.seen: dict[int, list[float]] = defaultdict(list)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def watts(self, khz: int) -> float:
        """Most of the time that it is held goes into warm-up and slot."""
        return median(self.seen[khz])

    def _watch(self) -> None:
        while not self.over.wait(0.02):
            khz, low_khz, uw = (int(file.read_text()) for file in (self.clock, self.low, self.power))
            if khz == low_khz and self.governor.read_text().strip() == "performance":
                self.seen[khz].append(uw / 1e6)


def hardware() -> physics.Hardware:
    """Of the generic board, as the lab has it."""
    return replace(weather.hardware(profiles.find("generic"), [], 0, EXACT), opps=(FREQS_KHZ,), trip_c=None)


def watts(khz: int) -> float:
    """What the physics makes of a launch at this clock."""
    board, told = hardware(), Knobs("performance", khz, khz)
    now: Condition = physics.start(board)
    for _ in range(2):  # the first step sets the clock
        share = physics.speed(board, now)
        now = physics.step(board, now, Load(DUTY * share), [told], 0.1)
    return now.power_w


def knobs(where: Places) -> dict[str, list[str]]:
    roots = {name: Path(fields["sysroot"]) for name, fields in inventory(where).items()}
    return {name: [(root / knob).read_text() for knob in KNOBS] for name, root in roots.items()}


def command(where: Places, folder: Path, pin: str) -> list[str | Path]:
    where.truth.write_text(json.dumps({"ms": {"one": MS}, "launch_sd": 0.001, "board_sd": 0.0, "duty": DUTY}))
    shutil.copyfile(DIGITS / "int8.onnx", folder / "one.onnx")
    return ["run", folder / "one.onnx", "--inventory", where.inventory, *QUICK, "--pin", pin]


@pytest.fixture
def boards(where: Places) -> Places:
    """Two, of which nobody may set the clocks of the second."""
    lab.up(where, 2, EXACT)
    close(Path(inventory(where)["vb002"]["sysroot"]))
    return where


def steps_of(results: Any, board: str) -> dict[int, Any]:
    return {step["pin_khz"]: step for one in results["sweeps"] if one["board"] == board for step in one["steps"]}


@pytest.mark.parametrize("pin", ["sweep:600000,1500000,2400000", pytest.param("sweep", marks=pytest.mark.long)])
def test_a_sweep_shows_what_each_clock_costs_and_gives_the_clocks_back(
    boards: Places, tmp_path: Path, pin: str
) -> None:
    before = knobs(boards)
    with Meter(Path(inventory(boards)["vb001"]["sysroot"])) as meter:
        said = Desk(tmp_path).farm(*command(boards, tmp_path, pin), "--json")
    assert said.code == 0, said.err
    assert "vb002: one point, clock stock: this account may not write scaling_governor of policy0" in said.err
    assert knobs(boards) == before

    found = steps_of(said.results, "vb001")
    assert sorted(found) == (sorted(map(int, pin[6:].split(","))) if pin[6:] else list(FREQS_KHZ))
    assert all(step["held"] and step["throttle"] != "confirmed" for step in found.values())
    times = {khz: step["latency_p50_ms"]["value"] for khz, step in found.items()}
    assert times == pytest.approx({khz: MS * FREQS_KHZ[-1] / khz for khz in found}, rel=0.01)

    power = {khz: meter.watts(khz) for khz in found}
    assert power == pytest.approx({khz: watts(khz) for khz in found}, rel=0.02)
    best = min(found, key=lambda khz: power[khz] * times[khz])
    assert best == min(found, key=lambda khz: watts(khz) / khz) == 1_500_000

    swept = {one["board"]: one for one in said.results["sweeps"]}
    assert swept["vb001"]["best_latency"]["pin_khz"] == swept["vb001"]["reference_khz"] == FREQS_KHZ[-1]
    assert swept["vb001"]["best_energy"]["pin_khz"] in {best, None}  # null while a stand-in's sensors are not read
    assert (swept["vb002"]["steps"], swept["vb002"]["reason"]) == (
        [], "this account may not write scaling_governor of policy0",
    )  # fmt: skip
    assert {cell["point"]["pin"] for cell in said.results["cells"] if cell["board"] == "vb002"} == {"stock"}


def test_a_clock_that_a_board_has_not_is_refused_before_anything_starts(boards: Places, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    said = desk.farm(*command(boards, tmp_path, "sweep:600000,1234000"))
    assert (said.code, said.out) == (2, "")
    told = " ".join(said.err.split())
    assert "--pin sweep: vb001 cannot be held at 1234000 kHz" in told
    assert "name clocks that it has: 600000, 1000000, 1500000, 1800000, 2400000" in told
    assert not desk.launches()
    assert not desk.runs()
    plan = desk.farm(*command(boards, tmp_path, "sweep"), "--dry-run")
    assert plan.code == 0, plan.err
    assert "8 blocks a point, about 8" in plan.out  # 5 points of one board
    assert "vb001: 5 points, 600, 1000, 1500, 1800, 2400 MHz" in plan.out
