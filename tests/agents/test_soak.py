"""The fact `soak`: each window of a sustained launch's warm-up, and since when heat took clock away."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import warmup_support as shapes
from agents_support import Client, mlp, ones
from farm_agents import measure, soak, wire
from farm_agents.fakes import FakeClock
from farm_agents.firmware import live_bits
from farm_agents.scene import Scene
from farm_agents.spec import read
from farm_agents.steady import Beat, Warm
from farm_agents.sysfs import Sysfs
from farm_agents.warmup import Shape
from farm_agents.wire import Json
from settle_support import Sensors, asked
from warmup_support import MS, SECOND, ShapedRuntime

Start = Callable[..., Client]
POLICY = "sys/devices/system/cpu/cpufreq/policy0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
SOAK: dict[str, Any] = {
    "warmup_s": 12.0, "warmup_max_s": 900.0, "window_s": 1.0, "windows": 12, "slot_s": 60.0, "slot_cap_s": 600.0,
    "drift_max": 0.0075, "half_max": 0.005, "spread_max": 0.025,
}  # fmt: skip


def limit(root: Path, khz: int) -> None:
    folder = root / POLICY
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "related_cpus").write_text("0 1\n")
    (folder / "scaling_max_freq").write_text(f"{khz}\n")


def flags(root: Path, text: str) -> None:
    (root / FIRMWARE).parent.mkdir(parents=True, exist_ok=True)
    (root / FIRMWARE).write_text(f"{text}\n")


def heat(root: Path) -> soak.Heat:
    return soak.Heat(Sysfs(str(root)), [0])


# What takes clock away.


def test_a_cooling_device_at_work_is_heat(tmp_path: Path) -> None:
    sensors = Sensors(tmp_path)
    sensors.cool(0)
    watch = heat(tmp_path)
    assert (watch.watched, watch.held()) == (True, None)
    sensors.cool(2)
    assert watch.held() == "cooling device cpufreq-cpu0 at state 2"


def test_a_highest_clock_that_sinks_is_heat_and_one_that_was_low_is_not(tmp_path: Path) -> None:
    limit(tmp_path, 1_800_000)
    watch = heat(tmp_path)
    assert (watch.watched, watch.held()) == (True, None)
    limit(tmp_path, 1_500_000)
    assert watch.held() == "the highest clock sank from 1800000 to 1500000 kHz"
    assert heat(tmp_path).held() is None
    limit(tmp_path, 2_400_000)
    assert watch.held() is None


@pytest.mark.parametrize(
    ("text", "held"), [("50000", False), ("50005", True), ("0x8", True), ("1", False), ("2", True)]
)
def test_the_firmware_s_bits_of_now_are_heat_and_too_low_a_voltage_is_not(
    tmp_path: Path, text: str, *, held: bool
) -> None:
    flags(tmp_path, text)
    watch = heat(tmp_path)
    assert watch.watched
    assert (watch.held() == f"get_throttled 0x{int(text, 16):x}") == held


@pytest.mark.parametrize("text", ["", "n/a", "-1", "123456789"])
def test_a_bit_field_that_is_none_tells_nothing(tmp_path: Path, text: str) -> None:
    flags(tmp_path, text)
    assert live_bits(Sysfs(str(tmp_path))) is None
    assert heat(tmp_path).held() is None


def test_a_board_that_tells_nothing_is_not_watched(tmp_path: Path) -> None:
    watch = heat(tmp_path)
    assert (watch.watched, watch.held()) == (False, None)


# The windows.


class Throttling(ShapedRuntime):
    """A model on a board that cools its processor from `at_s` on, and is slower then."""

    def __init__(self, clock: FakeClock, sensors: Sensors, at_s: float) -> None:
        super().__init__(clock, shapes.Shape(lambda t: 1.25 if t >= at_s else 1.0), 1)
        self.sensors, self.at_s = sensors, at_s

    def call(self, binding: object) -> None:
        super().call(binding)
        if self.at_s <= self.passed_s < self.at_s + 0.1:
            self.sensors.cool(1)


def soaked(root: Path, at_s: float, most_s: float = 120.0) -> Json:
    """The fact of a launch that drifts for ever, so that it soaks to its end."""
    sensors, clock = Sensors(root), FakeClock(5 * SECOND)
    sensors.cool(0)
    runtime = Throttling(clock, sensors, at_s)
    work = read(asked(mode="sustained", **{**SOAK, "warmup_max_s": most_s, "drift_max": 0.0, "half_max": 0.0}))
    scene = Scene({"base": str(root), "sysroot": str(root), "files": [], "verdicts": []})
    watch = soak.Heat(scene.tree, [0])
    warm = measure.warm_up(work, scene, runtime, clock, watch)
    fact: Json = soak.facts(warm, measure.rule_of(work).window_ns, watch)["soak"]
    return fact


def test_every_window_of_a_second_has_its_end_and_its_median(tmp_path: Path) -> None:
    fact = soaked(tmp_path, 40.5)
    assert (fact["window_ms"], fact["t0_ns"]) == (1000.0, 5 * SECOND)
    assert 115 <= len(fact["t_ns"]) == len(fact["median_ns"]) <= 120
    ends = [fact["t0_ns"], *fact["t_ns"]]
    assert all(SECOND <= later - sooner < 1.06 * SECOND for sooner, later in pairwise(ends))
    assert fact["median_ns"][20] == pytest.approx(20 * MS, rel=0.02)
    assert fact["median_ns"][-1] == pytest.approx(25 * MS, rel=0.02)


def test_heat_is_told_at_the_end_of_the_first_window_that_saw_it(tmp_path: Path) -> None:
    fact = soaked(tmp_path, 40.5)
    assert fact["held_by"] == "cooling device cpufreq-cpu0 at state 1"
    assert 40.5 <= (fact["held_ns"] - fact["t0_ns"]) / SECOND <= 41.7


def test_a_soak_without_heat_says_that_nothing_told_it(tmp_path: Path) -> None:
    fact = soaked(tmp_path, 1e9, most_s=20.0)
    assert (fact["held_ns"], fact["held_by"]) == (None, None)
    assert fact["held_ns_reason"] == soak.NEVER


def test_no_more_windows_are_told_than_a_quarter_of_an_hour_has(tmp_path: Path) -> None:
    beats = tuple(Beat(k, k) for k in range(1, 2000))
    warm = Warm(1, 1, 1, Shape(12, 10, coarse=False), None, 0, beats)
    fact = soak.facts(warm, SECOND, heat(tmp_path))["soak"]
    assert len(fact["t_ns"]) == len(fact["median_ns"]) == soak.MOST
    assert fact["held_ns_reason"] == soak.UNSEEN


def test_a_slot_that_became_warm_up_is_part_of_the_soak() -> None:
    """A step in the middle of the first slot: warm-up and slot one after the other, nothing in between."""
    clock = FakeClock()
    step = shapes.Shape(lambda t: 1.12 if t < 18 else 1.0)
    settled = shapes.launch(ShapedRuntime(clock, step, 1), clock, "standard")
    assert settled.slides == 1
    warm, slot = settled.warm, settled.trial.timed.slot
    ends = [warm.t0_ns, *(beat.t_ns for beat in warm.beats)]
    lengths = [later - sooner for sooner, later in pairwise(ends)]
    assert all(0.9 * SECOND < each < 1.4 * SECOND for each in lengths)
    assert 22 <= len(lengths) <= 24
    assert ends[-1] <= slot.t0_ns
    assert warm.beats[-1].p50_ns == pytest.approx(20 * MS, rel=0.01)
    assert warm.beats[14].p50_ns == pytest.approx(22.4 * MS, rel=0.01)


# The launch.


def test_a_sustained_launch_tells_its_soak_and_a_burst_has_none(start: Start, tmp_path: Path) -> None:
    sensors = Sensors(tmp_path / "board")
    sensors.cool(1)
    client = start()
    assert isinstance(client.open(sysroot=str(sensors.root)), wire.Hello)
    files = (mlp(tmp_path / "mlp.onnx"), ones(tmp_path / "ones.npz"))
    recipe = {"warmup_s": 0.3, "window_s": 0.025, "windows": 12, "warmup_max_s": 1.0, "slot_s": 0.3}
    burst, sustained = (
        client.launch(*files, recipe=recipe, point={"mode": mode}).done.facts for mode in ("burst", "sustained")
    )
    assert "soak" not in burst
    fact = sustained["soak"]
    assert len(fact["t_ns"]) == len(fact["median_ns"]) >= 5
    assert fact["t0_ns"] < fact["t_ns"][0] < fact["t_ns"][-1] <= sustained["slot_t0_ns"]
    assert fact["held_ns"] == fact["t_ns"][0]
    assert fact["held_by"] == "cooling device cpufreq-cpu0 at state 1"
