"""The rule of rest on windows that are written down here."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import warmup_support as parts
from farm_agents import spec, warmup
from farm_agents.wire import Job, WireError
from farm_orchestrator.model import PRESETS, Recipe
from warmup_support import MS, SECOND

RULE, _ = parts.asked("standard")


def broken(*levels: float) -> tuple[str, ...]:
    return warmup.rest_of(levels, RULE).broken


def test_equal_windows_rest() -> None:
    assert warmup.rest_of([3.0] * 12, RULE) == warmup.Rest(0.0, 0.0, 0.0, None, None, ())


def test_a_slow_fall_is_drift_and_tells_its_size() -> None:
    rest = warmup.rest_of([-0.001 * k for k in range(12)], RULE)
    assert rest.drift == pytest.approx(0.011)
    assert rest.half == pytest.approx(0.006)
    assert rest.broken == ("drift", "half")


def test_a_step_in_the_middle_is_a_difference_of_the_halves() -> None:
    assert "half" in broken(*[0.006] * 6, *[0.0] * 6)


def test_what_comes_and_goes_is_spread() -> None:
    assert broken(*[0.0, 0.0, 0.0, 0.03, 0.0, 0.0] * 2) == ("spread",)


def test_one_disturbed_window_breaks_nothing() -> None:
    assert broken(*[0.0] * 8, 0.5, *[0.0] * 3) == ()


def test_limits_are_reached_from_below() -> None:
    rule = replace(RULE, drift_max=1.0, half_max=1.0, spread_max=0.5)
    assert warmup.rest_of([0.0, 0.625], rule).broken == ()
    assert warmup.rest_of([0.0, 0.626], rule).broken == ("spread",)


def test_heat_counts_only_where_it_is_known() -> None:
    assert warmup.rest_of([0.0] * 6, RULE, heat_mc=501.0).broken == ("heat",)
    assert warmup.rest_of([0.0] * 6, RULE, heat_mc=-501.0).broken == ("heat",)
    assert warmup.rest_of([0.0] * 6, RULE, heat_mc=500.0).broken == ()


def test_cooling_that_slows_the_processor_down_is_no_rest() -> None:
    assert warmup.rest_of([0.0] * 6, RULE, cooling=1).broken == ("cooling",)
    assert warmup.rest_of([0.0] * 6, RULE, cooling=0).broken == ()


@pytest.mark.parametrize(
    ("preset", "step_ms", "shape"),
    [
        ("standard", 20, (12, 10, False)),
        ("standard", 499, (12, 10, False)),
        ("standard", 501, (6, 3, True)),
        ("ci", 124, (12, 10, False)),
        ("ci", 126, (6, 3, True)),
        ("quick", 4, (12, 10, False)),
        ("quick", 5, (6, 3, True)),
        ("standard", 600_000, (6, 3, True)),
    ],
)
def test_windows_of_a_slow_model_are_fewer_and_coarser(preset: str, step_ms: float, shape: tuple[Any, ...]) -> None:
    rule, _ = parts.asked(preset)
    assert warmup.shape_of(rule, step_ms * MS) == warmup.Shape(*shape)


def test_a_slot_is_cut_into_windows_of_the_rule_and_a_long_one_into_wider_ones() -> None:
    latency = np.arange(1, 601) * MS
    assert len(warmup.slot_levels(latency, 7 * SECOND, RULE)) == 7
    levels = warmup.slot_levels(latency, 600 * SECOND, RULE)
    assert len(levels) == 12
    assert [math.exp(levels[k]) / MS for k in (0, -1)] == pytest.approx([25.5, 575.5])


@pytest.mark.parametrize("n", [0, 1, 3, 14])
def test_a_slot_of_a_few_samples_tells_nothing(n: int) -> None:
    assert warmup.slot_levels([300_000 * MS] * n, n * 300 * SECOND, RULE) == []


def test_a_slot_of_few_samples_is_cut_into_coarse_windows() -> None:
    assert len(warmup.slot_levels([SECOND] * 15, 15 * SECOND, RULE)) == 5
    assert len(warmup.slot_levels([SECOND] * 50, 50 * SECOND, RULE)) == 5


def test_a_slot_that_ended_before_its_time_tells_nothing() -> None:
    assert warmup.slot_levels([2_000] * 100_000, SECOND // 5, RULE) == []
    assert warmup.slot_levels([2_000] * 100_000, -SECOND, RULE) == []


def test_latencies_of_no_length_and_of_a_clock_that_goes_back_have_a_level() -> None:
    assert warmup.level([0, 0, 0]) == warmup.level([-5, -5, -5]) == 0.0


def test_a_job_of_before_the_rule_is_warmed_up_for_its_minimum() -> None:
    old = {"warmup_s": 3.0, "slot_s": 5.0, "slot_cap_s": 15.0}
    assert read(old).warmup_max_s == read(old).warmup_s == 3.0
    assert Recipe("old", 3.0, 5.0, 15.0, 0.0, 8, 12).warmup_max_s == 0.0


@pytest.mark.parametrize(("preset", "most_s"), [("quick", 1), ("ci", 30), ("standard", 120), ("mlperf", 120)])
def test_the_presets_bound_their_warm_up(preset: str, most_s: float) -> None:
    assert read(PRESETS[preset].to_json()).warmup_max_s == most_s


@pytest.mark.parametrize(
    "wrong", [{"drift_max": -0.1}, {"half_max": 2}, {"spread_max": float("nan")}, {"windows": -1}, {"window_s": "1"}]
)
def test_a_rule_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(WireError, match="job"):
        read({**PRESETS["quick"].to_json(), **wrong})


def read(recipe: dict[str, Any]) -> spec.Recipe:
    digest = "ab" * 32
    model = {"variant": digest, "file": "m.onnx", "bytes": 1}
    point = {"provider": "CPUExecutionProvider"}
    return spec.read(Job("1.1", "measure", model, {"sha256": digest, "arrays": {}}, point, recipe, 60.0)).recipe
