"""A sustained launch of the stand-in on a board that heats: its soak shows what the physics did, to the report's figures."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from farm_agents import wire
from farm_lab import synthetic
from farm_lab.physics import START_C, Hardware
from farm_orchestrator.intake import Intake
from farm_orchestrator.model import SUSTAINED, Point, recipe_of
from farm_reports.stats import soak
from heat_support import BASE, Board, Launch, World, hardware

RECIPE = recipe_of("standard", SUSTAINED).to_json()
JOB: dict[str, Any] = {
    "launch": "7.1", "kind": "measure", "recipe": RECIPE, "point": Point(mode=SUSTAINED).to_json(),
    "model": {"name": BASE, "variant": "a" * 64, "file": "m.onnx", "bytes": 1}, "deadline_s": 60.0,
    "feeds": {"sha256": "b" * 64, "arrays": {}, "scale": {}, "rows": None},
}  # fmt: skip
SLOW = 0.1  # times as fast as the profile heats: about as a real board does


class Soaking(Launch):
    """Each look is a window later."""

    def sight(self) -> dict[str, Any]:
        self.on.work(RECIPE["window_s"])
        return super().sight()


def soaked(made: Hardware) -> soak.Soak:
    """The soak of a launch on such a board, as the report reads it."""
    launch = Soaking(Board(made), JOB, World(made, 1.0).truth, "1")
    fact = synthetic.soak_facts(launch, synthetic.warmed(launch))["soak"]
    found = soak.read(json.loads(json.dumps(fact)))
    assert found is not None
    return found


def trip_s(made: Hardware) -> float:
    """When a board at full load reaches its trip, from the equation."""
    full_c = made.t_amb_c + made.r_th_k_w * (made.p_idle_w + made.p_max_w)
    assert made.trip_c is not None
    return made.tau_s / made.time_scale * math.log((full_c - START_C) / (full_c - made.trip_c))


def test_the_time_to_throttle_is_that_of_the_physics() -> None:
    made = hardware("generic", time_scale=SLOW)
    found = soak.throttled(soaked(made))
    assert found.s == pytest.approx(trip_s(made), abs=3)
    assert found.by is not None
    assert found.by.startswith("cooling device at state ")


def test_a_board_that_hides_its_heat_is_found_out_by_its_latency() -> None:
    made = hardware("generic", time_scale=SLOW, silent=True)
    hidden = soaked(made)
    shown = soak.Soak(hidden.t_s, hidden.median_ns)
    found = soak.throttled(shown)
    assert found.by is None
    assert found.s == pytest.approx(trip_s(made), abs=3)


def test_the_speed_kept_is_that_of_the_clock_at_which_heat_and_cooling_meet() -> None:
    """2400 MHz cannot be held with the trip at 60 °C, 1800 can."""
    kept = soak.kept(soaked(hardware("generic", time_scale=SLOW)))
    assert kept is not None
    assert kept.share == pytest.approx(0.75, abs=0.02)
    assert kept.after_s <= 600.0


def test_a_board_that_stays_cool_keeps_its_speed_and_soaks_until_its_heat_stands() -> None:
    found = soaked(hardware("generic", trip_c=None))
    kept = soak.kept(found)
    assert kept is not None
    assert kept.share == pytest.approx(1.0, abs=0.005)
    assert soak.throttled(found).s is None
    assert 30 < found.length_s < 90, "45 °C with 12 s rise by half a degree in 10 s after 53 s"


def test_a_board_that_heats_for_ever_soaks_for_a_quarter_of_an_hour() -> None:
    found = soaked(hardware("generic", time_scale=0.002, trip_c=None, r_th_k_w=500.0))
    assert found.length_s == RECIPE["warmup_max_s"]


def test_without_physics_the_least_warm_up_is_told_over_the_wire() -> None:
    launch = synthetic.Launch(JOB, {**synthetic.TRUTH, "sleep_s": 0.0}, "vb001", "1")
    intake, answer = Intake("7.1", "measure"), None
    for line in (json.dumps(message).encode() for message in synthetic.perform(launch)):
        answer = intake.take(wire.decode(line), len(line))
    assert answer is not None
    told = answer.end.facts["soak"]
    assert len(told["t_ns"]) == len(told["median_ns"]) == RECIPE["windows"]
    assert (told["held_ns"], told["held_ns_reason"]) == (None, synthetic.NO_REASON)
    assert answer.end.facts["warmup_ms"] == 12_000.0


def test_a_burst_has_no_soak() -> None:
    burst = {**JOB, "point": Point().to_json()}
    launch = synthetic.Launch(burst, {**synthetic.TRUTH, "sleep_s": 0.0}, "vb001", "1")
    *_, last = synthetic.perform(launch)
    assert "soak" not in last["facts"]
