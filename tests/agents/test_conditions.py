"""What of the board must rest as well: heat in sustained mode, cooling where the job says so, and each slot's canary."""

import math
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import agents_support as parts
import warmup_support as shapes
from agents_support import Client
from farm_agents import edges, measure, steady, wire
from farm_agents.canary import Canary, Part
from farm_agents.counters import Counters
from farm_agents.fakes import FakeClock, ScriptedRuntime
from farm_agents.measure import Stand
from farm_agents.scene import Scene
from farm_agents.spec import read
from farm_agents.steady import Settled
from farm_orchestrator.model import PRESETS
from settle_support import Sensors, asked
from warmup_support import MS, SECOND, Shape, ShapedRuntime

Start = Callable[..., Client]
STEP_S = 1.0  # how often the sensors' files follow the clock
SOAK: dict[str, Any] = {
    **PRESETS["standard"].to_json(), "slot_s": 60.0, "slot_cap_s": 600.0, "warmup_max_s": 900.0
}  # fmt: skip
FEW, MANY = 3, 200
NO_CANARY = Canary((), 0)


class BoardRuntime(ShapedRuntime):
    """A model that takes the board's sensors along as its time passes; each gets seconds and writes a file."""

    def __init__(self, clock: FakeClock, shape: Shape, seed: int, *sensors: Callable[[float], None]) -> None:
        super().__init__(clock, shape, seed)
        self.sensors, self.written_s = sensors, -STEP_S

    def call(self, binding: Any) -> None:
        super().call(binding)
        if self.passed_s - self.written_s >= STEP_S:
            self.written_s = self.passed_s
            for sensor in self.sensors:
                sensor(self.passed_s)


def launched(root: Path, runtime: BoardRuntime, job: wire.Job, bird: Canary = NO_CANARY) -> Settled[Counters]:
    """Warm-up and slots of the runner, over a tree of files and under the clock of the simulated model."""
    work = read(job)
    scene = Scene({"base": str(root), "sysroot": str(root), "files": [], "verdicts": []})
    warm = measure.warm_up(work, scene, runtime, runtime.clock)
    stand = Stand(
        scene, runtime, runtime.clock, measure.limits_of(work), measure.conditions_of(work), bird,
        edges.find(scene.tree, []),
    )  # fmt: skip
    return steady.settle(warm, measure.rule_of(work), lambda p50_ns: measure.trial(stand, p50_ns))


def ramp(root: Path, seed: int, mode: str) -> Settled[Counters]:
    """The slow ramp of heat: the latency rises with the temperature."""
    sensors, shape = Sensors(root), shapes.corpus("heat ramp", seed)
    told = shape.temp_c
    assert told is not None
    heat = BoardRuntime(FakeClock(), shape, seed, lambda t: sensors.heat(round(1000 * told(t))))
    return launched(root, heat, asked(mode=mode, **(SOAK if mode == "sustained" else PRESETS["standard"].to_json())))


def rate_mc(settled: Settled[Counters]) -> float:
    """By how much the simulated board heats in the ten seconds before the slot that counts."""
    passed_s = settled.trial.timed.slot.t0_ns / SECOND
    return shapes.HEATING_C * 1000 * (math.exp(-(passed_s - 10) / 60) - math.exp(-passed_s / 60))


def flat(root: Path, job: wire.Job, *sensors: Callable[[float], None]) -> Settled[Counters]:
    return launched(root, BoardRuntime(FakeClock(), shapes.corpus("flat", 1), 1, *sensors), job)


def broken(settled: Settled[Counters]) -> tuple[str, ...]:
    assert settled.rest is not None
    return settled.rest.broken


# Heat.


def early(root: Path, mode: str, count: int) -> int:
    """Slots that were called steady while the board still heated by more than the gate lets through."""
    found = [ramp(root, seed, mode) for seed in range(count)]
    return sum(not broken(settled) and rate_mc(settled) > 550 for settled in found)


def test_no_sustained_slot_is_steady_before_the_temperature_stands(tmp_path: Path) -> None:
    assert early(tmp_path, "sustained", FEW) == 0
    assert early(tmp_path, "burst", FEW) == FEW, "without the gate the latencies decide alone, too early"


@pytest.mark.long
def test_no_sustained_slot_is_steady_before_the_temperature_stands_in_many_launches(tmp_path: Path) -> None:
    assert early(tmp_path, "sustained", MANY) == 0


def test_the_soak_goes_on_until_the_temperature_stands_and_no_longer(tmp_path: Path) -> None:
    """20 °C with 60 s rise by half a degree in 10 s after 109 s."""
    settled = ramp(tmp_path, 1, "sustained")
    assert (broken(settled), settled.slides) == ((), 0)
    assert 100 <= settled.warm.elapsed_ns / SECOND <= 125
    assert settled.rest is not None
    assert settled.rest.heat_mc is not None
    assert abs(settled.rest.heat_mc) <= 500


def test_the_soak_of_a_board_that_heats_for_ever_ends_with_its_maximum(tmp_path: Path) -> None:
    sensors, job = Sensors(tmp_path), asked(mode="sustained", **SOAK)
    settled = flat(tmp_path, job, lambda t: sensors.heat(round(20_000 + 100 * t)))
    assert (broken(settled), settled.slides) == (("heat",), 0)
    assert 900 <= settled.warm.elapsed_ns / SECOND < 901
    (finding,) = measure.not_steady(settled, measure.rule_of(read(job)))
    assert finding["name"] == "NOT_STEADY"
    assert "the board heats by 1.0 °C in 10 s" in finding["text"]


@pytest.mark.parametrize("value", [None, "n/a"])
def test_a_soak_that_nobody_sees_is_decided_by_the_latency(tmp_path: Path, value: object) -> None:
    sensors = Sensors(tmp_path)
    settled = flat(tmp_path, asked(mode="sustained", **SOAK), lambda _: sensors.heat(value))
    assert broken(settled) == ()
    assert settled.rest is not None
    assert settled.rest.heat_mc is None
    assert 12 <= settled.warm.elapsed_ns / SECOND < 13


# Cooling.


def test_where_cooling_counts_the_warm_up_lasts_until_it_lets_go(tmp_path: Path) -> None:
    """Its state is 2 for the first 30 s; the windows that decide are the last twelve seconds."""
    sensors, recipe = Sensors(tmp_path), PRESETS["standard"].to_json()
    cooled = [
        flat(tmp_path, asked(start=start, **recipe), lambda t: sensors.cool(2 if t < 30 else 0))
        for start in ({"cooling": True}, {"cooling": False}, {})
    ]
    assert [broken(settled) for settled in cooled] == [(), (), ()]
    assert [round(settled.warm.elapsed_ns / SECOND) for settled in cooled] in ([41, 12, 12], [42, 12, 12])


def test_cooling_that_never_lets_go_is_told(tmp_path: Path) -> None:
    sensors, job = Sensors(tmp_path), asked(start={"cooling": True}, **PRESETS["ci"].to_json())
    settled = flat(tmp_path, job, lambda _: sensors.cool(3))
    assert broken(settled) == ("cooling",)
    assert settled.warm.elapsed_ns >= 25 * SECOND
    (finding,) = measure.not_steady(settled, measure.rule_of(read(job)))
    assert "cooling slows the processor down, at state 3" in finding["text"]


def test_a_slot_in_which_cooling_sets_in_becomes_warm_up(tmp_path: Path) -> None:
    """From second 14 to 30: in the middle of the first slot, and over at the end of the second."""
    sensors, recipe = Sensors(tmp_path), PRESETS["standard"].to_json()
    settled = flat(tmp_path, asked(start={"cooling": True}, **recipe), lambda t: sensors.cool(int(14 <= t < 30)))
    assert (broken(settled), settled.slides) == ((), 2)


@pytest.mark.parametrize("state", [None, "off"])
def test_cooling_that_nobody_tells_is_no_reason_to_wait(tmp_path: Path, state: object) -> None:
    sensors, recipe = Sensors(tmp_path), PRESETS["standard"].to_json()
    settled = flat(tmp_path, asked(start={"cooling": True}, **recipe), lambda _: sensors.cool(state))
    assert broken(settled) == ()
    assert settled.rest is not None
    assert settled.rest.cooling is None


def test_a_launch_asks_for_cooling_only_where_its_job_does(start: Start, tmp_path: Path) -> None:
    sensors = Sensors(tmp_path / "board")
    sensors.cool(1)
    client = start()
    assert isinstance(client.open(sysroot=str(sensors.root)), wire.Hello)
    files = (parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz"))
    recipe = {"slot_s": 0.3}
    told = [client.launch(*files, recipe=recipe, start={"cooling": asks}).done.facts for asks in (True, False)]
    assert ["cooling" in facts["steady_broken"] for facts in told] == [True, False]
    assert [facts["cooling_state_max"] for facts in told] == [1, 1]


# The canary around each slot.


def test_each_slot_has_its_own_canary_and_the_one_that_counts_keeps_it(tmp_path: Path) -> None:
    """The first slot sees the end of a step and becomes warm-up; five pieces a side, each takes longer than the last."""
    clock = FakeClock()
    model = ScriptedRuntime(clock, [*[11 * MS // 10] * 400, 1 * MS])
    bird = ScriptedRuntime(clock, [1000 + k for k in range(20)], observe=lambda: model.calls)
    work, scene = (
        read(asked(**PRESETS["quick"].to_json())),
        Scene({"base": "", "sysroot": str(tmp_path), "files": [], "verdicts": []}),
    )
    warm = measure.warm_up(work, scene, model, clock)
    began = model.calls
    stand = Stand(scene, model, clock, measure.limits_of(work), measure.conditions_of(work),
                  Canary([Part("clock", min, bird), Part("memory", median, ScriptedRuntime(clock, [7]))], 1), edges.find(scene.tree, []))  # fmt: skip
    settled = steady.settle(warm, measure.rule_of(work), lambda p50_ns: measure.trial(stand, p50_ns))
    facts = settled.trial.facts
    assert (settled.slides, bird.calls) == (1, 20)
    assert (facts["canary_clock_before_ns"], facts["canary_clock_after_ns"]) == (1010, 1015)
    first, last = bird.seen[5], bird.seen[15]
    assert bird.seen == [began] * 5 + [first] * 10 + [last] * 5
    assert last - first == 10 + facts["n"], "ten untimed iterations between the canary and the slot"
