"""What is told of each board after a run is what was announced before it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from farm_orchestrator.calibration import Figures
from farm_orchestrator.model import FLOOR, PRESETS, SUSTAINED, Limits, Part, recipe_of
from farm_orchestrator.plan import Plan, Wish, make_plan, promise
from farm_reports.stats.power import TYPICAL_SD
from farm_reports.tables import Calibration, Promise
from plan_support import AGENT, make, variant

OWN = Calibration(20, 0.001, 0.0015, 0.004, "quiet", None)
NOISY = Calibration(3, launch_sd=0.04, noise="noisy", reason="3 of 20 A/A runs are there")
GATED = Limits({"latency_p50": "+5%"}, ("int8",))


def plan(limits: Limits, wish: Wish | None = None, **known: Calibration) -> Plan:
    return make_plan(
        run="20260101-000000-abcd", boards=[{"name": "a"}, {"name": "b"}], seed=1, baseline="fp32", agent=AGENT,
        variants=[variant("fp32"), variant("int8")], floor=variant(FLOOR), wish=wish or Wish(PRESETS["ci"], limits),
        known={board: [Figures({"board": board, "onnxruntime": "1"}, each)] for board, each in known.items()},
    )  # fmt: skip


@pytest.mark.parametrize("limits", [Limits(), GATED], ids=["ungated", "gated"])
def test_the_worst_of_the_promises_is_the_figure_that_was_announced(limits: Limits) -> None:
    """Read back from the store, as the report does."""
    made = plan(limits, a=OWN, b=NOISY)
    read = [Part.from_json(json.loads(json.dumps(part.to_json()))) for part in made.parts]
    own, noisy = (promise(part) for part in read)
    assert (own.launch_sd, own.own, noisy.launch_sd) == (0.004, True, 0.04)
    assert max(own.effect or 0, noisy.effect or 0) == made.smallest_effect == noisy.effect
    assert (own.effect or 1) < 0.5 * (noisy.effect or 0)


def test_a_board_that_was_never_measured_against_itself_is_taken_for_a_typical_one() -> None:
    made = make()
    assert promise(made.parts[0]) == Promise(made.smallest_effect, TYPICAL_SD, own=False)


def test_a_sustained_run_promises_what_it_announced_though_the_board_is_known_from_bursts() -> None:
    soaked = replace(Wish(recipe_of("standard", SUSTAINED), Limits()), mode=SUSTAINED)
    made = plan(Limits(), soaked, a=OWN, b=OWN)
    assert {promise(part) for part in made.parts} == {Promise(made.smallest_effect, TYPICAL_SD, own=False)}


def test_nothing_is_promised_where_nothing_is_compared() -> None:
    assert promise(make(preset="mlperf").parts[0]) == Promise()
    assert promise(make(names=("fp32",)).parts[0]) == Promise()
