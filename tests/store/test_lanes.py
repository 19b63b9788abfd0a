"""What the launches of a cell did over time, from real files: windows, gaps, odd readings, and when heat held them back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farm_orchestrator.lanes import POINTS, _halves, lane, lanes, thinned, with_hottest
from farm_orchestrator.model import LaunchRow, Phase, Point, Slot, State
from farm_orchestrator.reads import reads
from farm_orchestrator.store import Timed, write_launch
from farm_reports.beside import Lane
from farm_reports.heated import Heat
from farm_reports.parts import Value
from over_time_support import warm
from plan_support import row
from reports_support import changed, grid

S = 1_000_000_000
BOOT = 5_000 * S  # the board's clock when the first slot began
SLOT = Slot("b0", Phase.MEASURE, 10, 0, 0, "fp32", "0" * 64, Point().key, "measure")
CALM = {"verdict": "none", "evidence": []}
HELD = {
    "verdict": "confirmed",
    "evidence": [
        {"source": "cooling.cpufreq-cpu0", "kind": "state", "before": 1, "after": 2, "t_ns": None, "text": "held"}
    ],
}


def reading(at_s: float, source: str, value: float | None, unit: str, error: str | None = None) -> dict[str, Any]:
    return {"t_ns": BOOT + round(at_s * S), "source": source, "value": value, "unit": unit, "error": error}


def readings(at_s: float, *, mc: float = 60_000, khz: float = 1_800_000) -> list[dict[str, Any]]:
    """Of a launch whose slot began then: ten seconds before it, and two of the slot."""
    times = [at_s + each / 2 for each in range(-20, 5)]
    return [
        one
        for at in times
        for one in (reading(at, "zone.cpu-thermal", mc, "mC"), reading(at, "policy0.cur", khz, "kHz"))
    ]


def made(
    folder: Path, number: int = 1, at_s: float = 0.0, told: list[dict[str, Any]] | None = None, **facts: Any
) -> LaunchRow:
    """A launch of two seconds with 4 ms an iteration."""
    timed = Timed(BOOT + round(at_s * S), np.full(500, 4_000_000, dtype=np.int64))
    given: dict[str, Any] = {"throttle": CALM, "temp_mc_start": 60_000, "temp_mc_end": 60_000, **facts}
    extra: dict[str, Any] = {name: given.pop(name) for name in ("boot_id", "state", "t0") if name in given}
    file = write_launch(folder, number, 1, timed, readings(at_s) if told is None else told)
    fields: dict[str, Any] = {"boot_id": "boot-1", "t0": 1e9 + at_s - 10, "t1": 1e9 + at_s + 3, **extra}
    return row(SLOT, number, file=file.name, facts=given, **fields)


def drawn(*rows: LaunchRow, folder: Path) -> Lane:
    found = lane(rows, folder)
    assert found is not None
    return found


def test_a_launch_is_latency_in_its_slot_and_heat_and_clock_from_before_it_on(tmp_path: Path) -> None:
    found = drawn(made(tmp_path), folder=tmp_path)
    assert found.launches == ((0.0, 12.0),)
    assert found.t_s.min() > 10, "the slot begins ten seconds after the first reading"
    assert found.p50_ms == pytest.approx(np.full(found.t_s.size, 4.0))
    assert found.temperature_c[1] == pytest.approx(np.full(25, 60.0))
    assert found.clock_ghz[1] == pytest.approx(np.full(25, 1.8))
    assert found.throttled == ()


def test_between_launches_there_is_a_gap_in_every_line(tmp_path: Path) -> None:
    found = drawn(made(tmp_path, 1), made(tmp_path, 2, at_s=100), made(tmp_path, 3, at_s=200), folder=tmp_path)
    assert found.launches == ((0.0, 12.0), (100.0, 112.0), (200.0, 212.0))
    for line in (found.p50_ms, found.temperature_c[1], found.clock_ghz[1]):
        assert int(np.isnan(line).sum()) == 2


def test_a_board_that_started_anew_goes_on_behind_by_the_clock_of_the_store(tmp_path: Path) -> None:
    first, second = made(tmp_path, 1, at_s=500), made(tmp_path, 2, at_s=0, boot_id="boot-2", t0=1e9 + 790)
    assert drawn(first, second, folder=tmp_path).launches == ((0.0, 12.0), (300.0, 312.0))


def test_a_clock_that_went_back_puts_no_launch_into_another(tmp_path: Path) -> None:
    first, second = made(tmp_path, 1, at_s=500), made(tmp_path, 2, at_s=3, t0=1e9 + 600)
    assert drawn(first, second, folder=tmp_path).launches == ((0.0, 12.0), (12.0, 24.0))


def test_the_zone_is_the_one_that_the_facts_tell_of(tmp_path: Path) -> None:
    other = [{**one, "source": "zone.gpu", "value": 95_000} for one in readings(0) if one["unit"] == "mC"]
    found = drawn(made(tmp_path, told=[*other, *readings(0)]), folder=tmp_path)
    assert float(found.temperature_c[1].max()) == 60.0


def test_the_clock_is_that_of_the_policy_that_was_watched(tmp_path: Path) -> None:
    other = [reading(0, "policy4.cur", 2_400_000, "kHz"), reading(1, "policy4.cur", 2_400_000, "kHz")]
    assert float(drawn(made(tmp_path, told=[*other, *readings(0)]), folder=tmp_path).clock_ghz[1].max()) == 1.8


def test_odd_readings_are_left_out_and_what_is_left_is_drawn(tmp_path: Path) -> None:
    odd = [
        reading(1.1, "zone.cpu-thermal", None, "mC", "EIO"),
        reading(1.2, "zone.cpu-thermal", math.nan, "mC"),
        reading(1.3, "zone.cpu-thermal", math.inf, "mC"),
        reading(1.4, "zone.cpu-thermal", 900_000_000, "mC"),
        reading(1.5, "policy0.cur", -1, "kHz"),
        reading(9e8, "zone.cpu-thermal", 99_000, "mC"),
        reading(1.6, "", 1, ""),
        reading(1.7, "throttled_bits", 1e300, "bits"),
    ]
    found = drawn(made(tmp_path, told=[*odd, *readings(0)]), folder=tmp_path)
    assert found.launches == ((0.0, 12.0),)
    assert float(found.temperature_c[1].max()) == 60.0
    assert float(found.clock_ghz[1].min()) == 1.8


@pytest.mark.parametrize("told", [[], [reading(0, "psi.cpu", 1, "us")]])
def test_without_a_temperature_and_a_clock_there_is_no_lane(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    assert lane([made(tmp_path, told=told)], tmp_path) is None


def test_a_board_whose_processor_has_no_zone_shows_its_clock_alone(tmp_path: Path) -> None:
    found = drawn(made(tmp_path, temp_mc_start=None, temp_mc_end=None), folder=tmp_path)
    assert (found.temperature_c[0].size, found.clock_ghz[0].size) == (0, 25)


@pytest.mark.parametrize(
    ("source", "unit", "values"),
    [
        ("cooling.cpufreq-cpu0", "state", (0, 2, 0)),
        ("throttled_bits", "bits", (0x10000, 0x10004, 0x50000)),
        ("policy0.max", "kHz", (1_800_000, 1_000_000, 1_800_000)),
    ],
)
def test_what_tells_that_clock_is_taken_away_is_a_span(
    tmp_path: Path, source: str, unit: str, values: tuple[float, ...]
) -> None:
    states = [reading(at, source, value, unit) for at, value in zip((-5, 0.5, 1.5), values, strict=True)]
    found = drawn(made(tmp_path, told=[*readings(0), *states], throttle=HELD), folder=tmp_path)
    assert np.array(found.throttled) == pytest.approx(np.array([[10.5, 11.5]]))


def test_a_slot_that_was_held_back_when_no_reading_says_since_when_is_all_of_it(tmp_path: Path) -> None:
    found = drawn(made(tmp_path, throttle=HELD), folder=tmp_path)
    assert np.array(found.throttled) == pytest.approx(np.array([[10.0, 12.0]]))


def test_a_limit_that_something_else_set_is_no_heat(tmp_path: Path) -> None:
    path = "/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq"
    knobs = [{"path": path, "wanted": "1800000", "readback": "1800000"}]
    pin = {"strategy": "minmax", "knobs": knobs, "foreign": [{"path": path, "seen": "1000000"}]}
    states = [reading(at, "policy0.max", 1_000_000, "kHz") for at in (0.5, 1.0)]
    assert drawn(made(tmp_path, told=[*readings(0), *states], pin=pin), folder=tmp_path).throttled == ()


def test_the_windows_of_a_soak_come_before_its_slot_with_a_median_alone(tmp_path: Path) -> None:
    soak = {"t0_ns": BOOT - 60 * S, "t_ns": [BOOT + (each - 60) * S for each in range(1, 60)], "median_ns": [3_000_000] * 59,
            "window_ms": 1000.0, "held_ns": None, "held_by": None}  # fmt: skip
    found = drawn(made(tmp_path, soak=soak), folder=tmp_path)
    early = found.t_s < 60
    assert int(early.sum()) == 59
    assert found.p50_ms[early] == pytest.approx(np.full(59, 3.0))
    assert np.isnan(found.p95_ms[early]).all()
    assert np.isfinite(found.p95_ms[~early]).all()


@pytest.mark.parametrize("launches", [1, 7, 40, 160])
def test_a_line_has_at_most_so_many_points_however_many_launches(tmp_path: Path, launches: int) -> None:
    rows = [made(tmp_path, number, at_s=100.0 * number) for number in range(1, launches + 1)]
    found = drawn(*rows, folder=tmp_path)
    sizes = [found.t_s.size, found.temperature_c[0].size, found.clock_ghz[0].size]
    assert max(sizes) <= POINTS
    assert found.launches[-1][1] == pytest.approx(100.0 * (launches - 1) + 12), "the first and the last are among them"


def test_thinning_keeps_the_lowest_and_the_highest() -> None:
    t_s, values = np.arange(10_000.0), np.sin(np.arange(10_000.0) / 300)
    values[1234], values[8765], values[40] = 99.0, -99.0, np.nan
    times, kept = thinned(t_s, values, 100)
    assert times.size <= 100
    assert (kept.max(), kept.min()) == (99.0, -99.0)
    assert list(times) == sorted(times)


def heat(name: str, variant: str) -> Heat:
    return warm(name, variant, 0, 0.0, 50.0).model_copy(update={"point_key": SLOT.point})


def test_only_the_drawn_boards_and_of_each_the_cell_that_says_most_is_read(tmp_path: Path) -> None:
    results = changed(grid(2, 6), heat=[heat("rpi5-8g", SLOT.variant), heat("rpi4-4g", SLOT.variant)]).results
    here = [made(tmp_path, 1), made(tmp_path, 2, at_s=50, state=State.REJECTED)]
    elsewhere = [row(SLOT, 9, file="launches/absent.parquet")]
    rows = [*(each_of(one, "rpi5-8g", SLOT.variant) for one in here), each_of(elsewhere[0], "rpi4-4g", SLOT.variant),
            each_of(elsewhere[0], "rpi5-8g", "other")]  # fmt: skip
    found = lanes(results, rows, tmp_path, ["rpi5-8g"])
    assert [key[:2] for key in found] == [("rpi5-8g", SLOT.variant)]
    assert len(next(iter(found.values())).launches) == 2, "a launch of a dropped block has heated the board too"
    told = with_hottest(results, found).heat
    assert [one.hottest_c.value for one in told] == [60.0, 50.0]


def each_of(one: LaunchRow, board: str, variant: str) -> LaunchRow:
    return replace(one, board=board, variant=variant)


def test_the_hottest_stays_what_the_facts_say_where_no_lane_shows_more() -> None:
    results = changed(grid(1, 6), heat=[warm("local", "fp32", 0, 0.0, 90.0)]).results
    found = {
        ("local", "fp32", results.heat[0].point_key): Lane(
            *(np.empty(0),) * 3, (np.empty(0), np.empty(0)), (np.empty(0), np.empty(0))
        )
    }
    assert with_hottest(results, found).heat[0].hottest_c == Value(value=90.0)


def test_a_board_that_gives_each_reading_a_source_of_its_own_is_read_in_one_pass(tmp_path: Path) -> None:
    told = [reading(each / 50_000, f"zone.{each}", 60_000, "mC") for each in range(50_000)]
    found = reads(tmp_path, made(tmp_path, told=told))
    assert found.temperature_c[0].size == 1


def test_the_half_and_the_tail_of_a_window_are_the_quantiles_of_its_iterations() -> None:
    rng = np.random.default_rng(3)
    for size in (1, 2, 3, 20, 299):
        window = rng.lognormal(size=size)
        assert _halves(window) == pytest.approx(np.quantile(window, (0.5, 0.95)), rel=1e-12)
