"""What lasts: speed kept and time to throttle, from the windows of soaks to the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from farm_reports import exports, judge, page
from farm_reports.parts import Soak
from farm_reports.results import Results
from farm_reports.sections.heat import heat
from farm_reports.sections.view import View
from farm_reports.stats import soak
from farm_reports.tables import Json
from noise import generator
from tables_support import cell, launches, tables

SECOND = 1_000_000_000
BASE_NS = 20_000_000
BOOTED_NS = 12_345 * SECOND  # what a board's monotonic clock says when the soak begins
SUSTAINED = "CPUExecutionProvider/default/big/1/stock/sustained/tight"
COOLED = "cooling device cpufreq-cpu0 at state 1"
Curve = Callable[[float], float]


def told(
    curve: Curve,
    seconds: int = 900,
    *,
    held_s: int | None = None,
    held_by: str = COOLED,
    sd: float = 0.003,
    seed: int = 1,
) -> Json:
    """The fact of a soak in windows of a second whose medians are `curve` (1: cool) with noise."""
    noise = np.exp(generator(seed).normal(0, sd, seconds))
    return {
        "window_ms": 1000.0,
        "t0_ns": BOOTED_NS,
        "t_ns": [BOOTED_NS + (k + 1) * SECOND for k in range(seconds)],
        "median_ns": [round(BASE_NS * curve(k + 0.5) * noise[k]) for k in range(seconds)],
        "held_ns": None if held_s is None else BOOTED_NS + held_s * SECOND,
        "held_by": None if held_s is None else held_by,
    }


def step(at_s: float, slower: float) -> Curve:
    return lambda t: slower if t >= at_s else 1.0


def flat(_: float) -> float:
    return 1.0


def read(*arguments: Any, **how: Any) -> soak.Soak:
    found = soak.read(told(*arguments, **how))
    assert found is not None
    return found


def share(of: soak.Soak) -> float:
    found = soak.kept(of)
    assert found is not None
    return found.share


# One launch.


def test_the_speed_kept_is_that_after_ten_minutes_whatever_follows() -> None:
    found = soak.kept(read(lambda t: 4 / 3 if t >= 60 else 1.0))
    assert found is not None
    assert found.share == pytest.approx(0.75, rel=0.005)
    assert found.after_s == 600.0
    later = soak.kept(read(step(620, 2.0)))
    assert later is not None
    assert later.share == pytest.approx(1.0, rel=0.005)


def test_a_soak_that_was_over_sooner_says_after_how_long() -> None:
    found = soak.kept(read(step(30, 1.25), 95))
    assert found is not None
    assert found.share == pytest.approx(0.8, rel=0.005)
    assert found.after_s == 95.0


def test_the_plain_warm_up_is_no_speed_that_could_be_kept() -> None:
    """Three times as slow at first, as a model is whose memory is not there yet."""
    assert share(read(lambda t: 3.0 if t < 2 else 1.0, 120)) == pytest.approx(1.0, rel=0.005)


def test_what_the_board_tells_counts_before_the_latency() -> None:
    found = soak.throttled(read(step(200, 1.3), held_s=140))
    assert (found.s, found.by) == (140.0, COOLED)


@pytest.mark.parametrize("at_s", [9, 60, 300, 850])
def test_where_nothing_tells_it_the_latency_does(at_s: int) -> None:
    found = soak.throttled(read(step(at_s, 1.10)))
    assert found.by is None
    assert found.s == pytest.approx(at_s + 1, abs=1)


def test_a_governor_that_hunts_has_throttled_though_it_comes_back_for_moments() -> None:
    found = soak.throttled(read(lambda t: 1.0 if t < 100 or t % 10 < 3 else 1.33))
    assert found.s == pytest.approx(104, abs=5)


@pytest.mark.parametrize(
    "curve",
    [
        flat,
        lambda t: 1.5 if t % 50 < 1 else 1.0,
        lambda t: 1.3 if 200 <= t < 260 else 1.0,
        lambda t: 1 + 0.02 * min(1, t / 300),
        lambda t: 1 + 2 * np.exp(-t),
        lambda t: 1.12 if t < 10 else 1.0,
    ],
    ids=["flat", "spikes", "a busy minute", "2 % less", "warming up", "a slow governor"],
)
def test_what_does_not_last_or_is_less_than_a_step_of_the_clock_is_no_throttling(curve: Curve) -> None:
    assert soak.throttled(read(curve)).s is None


@pytest.mark.parametrize("sd", [0.003, 0.02, 0.1])
def test_noise_alone_never_throttles(sd: float) -> None:
    found = [soak.throttled(read(flat, 120, sd=sd, seed=seed)).s for seed in range(200)]
    assert sum(each is not None for each in found) <= 2


def test_a_launch_that_was_held_back_from_the_start_was_never_seen_cool() -> None:
    held = read(step(0, 1.3), held_s=1)
    assert soak.kept(held) is None
    assert soak.throttled(held).s == 1.0
    soon = soak.kept(read(step(4, 1.25), held_s=5))
    assert soon is not None
    assert soon.share == pytest.approx(0.8, rel=0.01), "the windows until then count"


@pytest.mark.parametrize(
    "changes",
    [
        {"t_ns": []},
        {"t_ns": None},
        {"median_ns": [BASE_NS] * 899},
        {"median_ns": [0] * 900},
        {"median_ns": [0.5] * 900},
        {"median_ns": [True] * 900},
        {"t0_ns": None},
        {"t0_ns": BOOTED_NS + 2 * SECOND},
        {"t_ns": [BOOTED_NS + SECOND] * 900},
    ],
)
def test_what_makes_no_sense_is_no_soak(changes: Json) -> None:
    assert soak.read({**told(flat), **changes}) is None


@pytest.mark.parametrize("fact", [None, 7, "soak", [], {}])
def test_a_fact_of_another_shape_is_no_soak(fact: object) -> None:
    assert soak.read(fact) is None


def test_a_moment_that_is_no_number_is_not_known() -> None:
    found = soak.read({**told(flat), "held_ns": "soon", "held_by": 7})
    assert found is not None
    assert (found.held_s, found.held_by) == (None, None)


# The launches of a cell.


def judged(facts: Sequence[Json], point: str = SUSTAINED, **others: Any) -> Results:
    """Two variants: fp32 with these soaks, a block each; int8 keeps its speed. `others`: facts of all launches."""
    names = ("fp32", "int8")
    rows = launches(names=names, blocks=len(facts), point=point)
    soaks = {"fp32": iter(facts), "int8": iter([told(flat, 90)] * len(facts))}
    filled = [replace(row, facts={**row.facts, **others, "soak": next(soaks[row.variant])}) for row in rows]
    return judge.results(tables(filled, names=names, points=(point,)))


def of_cell(facts: Sequence[Json], **others: Any) -> Soak:
    found = cell(judged(facts, **others), "fp32", point=SUSTAINED).soak
    assert found is not None
    return found


def throttling(*at_s: int) -> list[Json]:
    return [told(step(at, 1.25), held_s=at, seed=at) for at in at_s]


def test_a_cell_has_the_median_of_its_launches_with_their_range() -> None:
    found = of_cell(throttling(100, 110, 120, 130, 140, 150, 160, 170))
    time, kept = found.time_to_throttle_s, found.speed_kept
    assert (time.value, time.low, time.high, time.reason, time.by) == (135.0, 100.0, 170.0, None, COOLED)
    assert found.launches == 8
    assert kept.value == pytest.approx(0.8, rel=0.003)
    assert (kept.low or 0) <= (kept.value or 0) <= (kept.high or 0)
    assert (kept.after_s, kept.reason) == (600.0, None)
    assert found.cool_ms.value == pytest.approx(20.0, rel=0.005)
    assert found.warm_ms.value == pytest.approx(25.0, rel=0.005)


def test_a_cell_that_never_throttled_has_no_time_and_the_reason() -> None:
    time = of_cell([told(flat, 840, seed=seed) for seed in range(8)]).time_to_throttle_s
    assert (time.value, time.reason, time.by) == (None, "not within 14 min", None)


def test_launches_that_did_not_throttle_count_as_later_than_all_others() -> None:
    calm = [told(flat, 840, seed=seed) for seed in range(3)]
    most = of_cell([*calm, *throttling(100, 110, 120, 130, 140)]).time_to_throttle_s
    assert most.value == 135.0
    assert most.reason == "in 5 of 8 launches; the others not within 15 min"
    few = of_cell([*calm, *calm, *throttling(100, 110)]).time_to_throttle_s
    assert few.value is None
    assert few.reason == "in 2 of 8 launches, after 100 s at the earliest; the others not within 15 min"


def test_a_cell_whose_soaks_were_short_says_so() -> None:
    kept = of_cell([told(step(30, 1.25), 95, seed=seed) for seed in range(8)]).speed_kept
    assert (kept.after_s, kept.reason) == (95.0, "the soak was over after 95 s")


def test_a_cell_that_was_never_cool_has_no_speed_to_keep() -> None:
    found = of_cell([told(flat, held_s=1)] * 8)
    assert found.speed_kept.value is None
    assert found.speed_kept.reason == found.cool_ms.reason == "heat held it back from the first seconds on"
    assert found.time_to_throttle_s.value == 1.0


def test_beside_other_work_a_latency_alone_is_no_heat_but_what_the_board_tells_is() -> None:
    slower = [told(step(100, 1.25), seed=seed) for seed in range(8)]
    calm, busy = of_cell(slower), of_cell(slower, run_queue_ns=200_000_000)
    assert (calm.disturbed, busy.disturbed) == (0, 8)
    assert calm.time_to_throttle_s.value == pytest.approx(101, abs=1)
    assert calm.time_to_throttle_s.by == "by the latency alone"
    assert (busy.time_to_throttle_s.value, busy.time_to_throttle_s.reason) == (None, "not within 15 min")
    hot = of_cell(throttling(*[100] * 8), run_queue_ns=200_000_000)
    assert (hot.disturbed, hot.time_to_throttle_s.value) == (8, 100.0)
    html = page.render(judged(slower, run_queue_ns=200_000_000), {})
    assert "other work ran beside 8 of 8" in html


# The page.


def test_the_page_has_a_table_of_what_lasts_and_the_summary_a_line() -> None:
    made = judged(throttling(100, 110, 120, 130, 140, 150, 160, 170))
    html = page.render(made, {})
    assert html.count('<section id="heat"') == 1
    for text in ("Time to throttle", "80.0\u00a0%", "fp32 keeps 80.0\u00a0% of the speed", COOLED, "not within 90 s"):
        assert text in html
    summary = exports.summary(made)
    assert "Speed kept in heat: fp32 on rpi5 80.0 % after 10 min, throttled after 2 min 15 s; int8 on rpi5 " in summary
    assert made.document()["cells"][0]["soak"]["time_to_throttle_s"]["value"] == 135.0
    assert Results.model_validate(made.document()) == made


def test_a_variant_that_was_never_seen_cool_is_told_first_and_not_passed_over() -> None:
    made = judged([told(flat, held_s=1)] * 8)
    html, reason = page.render(made, {}), "heat held it back from the first seconds on"
    assert f"fp32: {reason}." in html
    assert "No variant lost speed" not in html
    assert f"Speed kept in heat: fp32 on rpi5 not known ({reason}), throttled after 1 s; int8 on " in exports.summary(
        made
    )
    short = cell(judged([told(flat, 1)] * 8), "fp32", point=SUSTAINED).soak
    assert short is not None
    assert short.speed_kept.reason == "the soak was too short to see it cool"


@pytest.mark.parametrize(
    ("facts", "lede"),
    [
        ([told(flat, 840, seed=seed) for seed in range(8)], "No variant lost speed while it heated its board."),
        (
            [*(told(flat, 840, seed=seed) for seed in range(6)), *throttling(100, 110)],
            "In most launches no variant lost speed while it heated its board.",
        ),
    ],
)
def test_the_section_begins_with_what_most_launches_show(facts: Sequence[Json], lede: str) -> None:
    made = heat(View(judged(facts), {}))
    assert made is not None
    assert made.lede.endswith(lede)


def test_a_burst_run_shows_nothing_of_it() -> None:
    made = judge.results(tables())
    assert [each.soak for each in made.cells] == [None, None, None]
    assert heat(View(made, {})) is None
    assert "Heat and sustained speed" not in page.render(made, {})
    assert "kept in heat" not in exports.summary(made)
