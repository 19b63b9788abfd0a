"""The energy of a window: its integral, what makes it invalid, when a sensor is too coarse for it, its baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from energy_support import START_S, S, Square, power_rows, row, span
from farm_reports.stats import energy, flow
from farm_reports.stats.energy import Energy, Source, Window
from farm_reports.stats.flow import Rail, Untold

R = Rail("rail.r", "VDD_IN")
COUNTER = Rail("rail.r", "package-0", lsb_j=61e-6, range_uj=10_000_000)


def window(t0_s: float, t1_s: float) -> Window:
    first, last = span(t0_s, t1_s)
    return first, last


def source(*rails: Rail, least_s: float = 10.0) -> Source:
    return Source("VDD_IN (ina3221)", "module_input", "B", least_s, rails or (R,))


def of(
    rows: Sequence[dict[str, object]], *rails: Rail, t0: float = 1.05, t1: float = 13.07, least_s: float = 1.0
) -> Energy:
    return energy.of_window(source(*rails, least_s=least_s), rows, window(t0, t1))


def counts(values: Sequence[int], every_s: float = 1.0) -> list[dict[str, object]]:
    return [row(START_S + k * every_s, "rail.r.energy", value, "uJ") for k, value in enumerate(values)]


def test_edges_are_interpolated_and_straight_lines_are_exact() -> None:
    found = of(power_rows(lambda t: 2.0 + 0.5 * (t - START_S)))
    assert found.gross_j == pytest.approx(2.0 * 12.02 + 0.25 * (13.07**2 - 1.05**2), rel=1e-9)
    assert found.interval_ms == pytest.approx(100.0)
    assert found.net_reason == "its launch had no idle window"


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.9])
def test_a_seldom_asked_sensor_does_not_mix_the_slot_with_what_lies_around_it(phase: float) -> None:
    t0, t1 = 20.0 + phase, 32.0 + phase
    rows = power_rows(lambda t: 7.0 if t0 <= t - START_S <= t1 else 2.0, seconds=60.0, every_s=1.0)
    found = energy.of_window(source(), rows, window(t0, t1), [window(3.2, 17.4), window(35.1, 50.6)])
    assert found.gross_j == pytest.approx(84.0)
    assert found.idle_w == pytest.approx(2.0)


def test_the_order_of_readings_and_readings_told_twice_change_nothing() -> None:
    rows = power_rows(Square(1.03).watt)
    mixed = [rows[k] for k in np.random.default_rng(1).permutation(len(rows))] + rows[20:60]
    assert of(mixed).gross_j == of(rows).gross_j


def test_a_gap_of_three_periods_is_borne_and_a_longer_one_is_not() -> None:
    rows = power_rows(lambda _: 5.0)
    assert of(rows[:50] + rows[52:]).gross_j == pytest.approx(5.0 * 12.02)
    with pytest.raises(Untold, match=r"^gap of 0\.4 s in VDD_IN$"):
        of(rows[:50] + rows[53:])
    with pytest.raises(Untold, match=r"^no reading of VDD_IN after it$"):
        of(rows[:125])
    with pytest.raises(Untold, match=r"^no reading of VDD_IN before it$"):
        of(rows[20:])
    with pytest.raises(Untold, match=r"^no reading of VDD_IN$"):
        of([])


def test_a_gap_beside_the_window_is_no_matter() -> None:
    rows = power_rows(lambda _: 5.0)
    assert of(rows[:2] + rows[40:], t0=4.5, t1=14.5).gross_j == pytest.approx(50.0)


def test_current_is_multiplied_by_the_voltage_that_was_last_read() -> None:
    curr = [row(START_S + k / 10, "rail.r.curr", 1000.0, "mA") for k in range(151)]
    volt = [row(START_S + k, "rail.r.volt", 5000.0 if k < 7 else 4000.0, "mV") for k in range(16)]
    found = energy.of_window(source(), curr + volt, window(1.0, 13.0))
    assert found.gross_j == pytest.approx(5.0 * 6 + 4.0 * 6, abs=0.06)
    with pytest.raises(Untold, match="gap in the voltage of VDD_IN"):
        energy.of_window(source(), curr + volt[:5] + volt[10:], window(1.0, 13.0))
    broken = [{**one, "value": None, "error": "EIO"} for one in volt]
    with pytest.raises(Untold, match=r"no voltage of VDD_IN \(EIO\)"):
        energy.of_window(source(), curr + broken, window(1.0, 13.0))


@pytest.mark.parametrize("wave", [Square(), Square(0.83)])
def test_a_counter_is_exact_between_its_readings_wherever_it_wraps(wave: Square) -> None:
    moments = [START_S + k for k in range(16)]
    moments += [START_S + 1.05, START_S + 13.07]
    for start_uj in (0, 9_999_999, 4_200_000):
        raw = [round(wave.between(START_S, t) * 1e6) + start_uj for t in moments]
        rows = [row(t, "rail.r.energy", uj % 10_000_000, "uJ") for t, uj in zip(moments, raw, strict=True)]
        truth_j = wave.between(START_S + 1.05, START_S + 13.07)
        assert of(rows, COUNTER).gross_j == pytest.approx(truth_j, rel=1e-6)


def test_a_counter_above_its_range_is_borne_until_it_goes_back() -> None:
    rising = [12_000_000 + k * 5_000_000 for k in range(16)]
    assert of(counts(rising), COUNTER).gross_j == pytest.approx(5.0 * 12.02)
    with pytest.raises(Untold, match="the counter of package-0 went back from above its range"):
        of(counts([*rising[:6], 1_000_000, *rising[7:]]), COUNTER)


def test_a_counter_that_goes_back_without_a_range_is_refused() -> None:
    values = [k * 5_000_000 for k in range(6)] + [k * 5_000_000 for k in range(10)]
    with pytest.raises(Untold, match="went back, and nobody knows where it wraps"):
        of(counts(values), Rail("rail.r", "energy1"))


def test_a_counter_that_was_set_back_is_told_from_one_that_wraps() -> None:
    wide = Rail("rail.r", "package-0", range_uj=262_143_328_850)
    values = [100_000_000 + k * 5_000_000 for k in range(6)] + [k * 5_000_000 for k in range(10)]
    with pytest.raises(Untold, match="the counter of package-0 jumped"):
        of(counts(values), wide)


def test_the_rails_of_a_scope_are_added() -> None:
    rows = power_rows(lambda _: 5.0) + power_rows(lambda _: 1.5, "rail.s.power")
    found = of(rows, Rail("rail.r", "CPU", lsb_w=0.04), Rail("rail.s", "SOC", lsb_w=0.02))
    assert found.gross_j == pytest.approx(6.5 * 12.02)
    assert found.lsb_w == pytest.approx(0.06)
    assert of(rows, Rail("rail.r", "CPU", lsb_w=0.04), Rail("rail.s", "SOC")).lsb_w is None
    with pytest.raises(Untold, match="no reading of CV"):
        of(rows, R, Rail("rail.t", "CV"))


@pytest.mark.parametrize(
    ("rail", "every_s", "watt", "slot_s"),
    [
        (Rail("rail.r", "VDD_IN", lsb_w=0.04, interval_ms=7), 0.1, 5.0, 10),  # the class: 10 s
        (Rail("rail.r", "VDD_IN", lsb_w=1.0), 0.1, 5.0, 20),  # 1000 steps of 1 W in 0.1 s at 5 W
        (Rail("rail.r", "VDD_IN", lsb_w=1.3), 0.1, 5.0, 26),
        (Rail("rail.r", "VDD_IN", interval_ms=2253), 0.1, 5.0, 23),  # ten values of a slow sensor
        (Rail("rail.r", "VDD_IN"), 2.0, 5.0, 20),  # ten values of one that is seldom asked
    ],
)
def test_a_window_too_short_for_its_sensor_names_one_that_would_do(
    rail: Rail, every_s: float, watt: float, slot_s: int
) -> None:
    rows = power_rows(lambda _: watt, seconds=60.0, every_s=every_s)
    with pytest.raises(Untold, match=rf"^below the sensor's resolution: a slot of {slot_s} s would do$"):
        of(rows, rail, t0=1.0, t1=1.0 + slot_s - 0.6, least_s=10.0)
    assert of(rows, rail, t0=1.0, t1=1.0 + slot_s, least_s=10.0).gross_j == pytest.approx(watt * slot_s)


def test_a_plug_that_reads_zero_tells_nothing() -> None:
    with pytest.raises(Untold, match="its sensor reads 0 W"):
        of(power_rows(lambda _: 0.0), Rail("rail.r", "plug", lsb_w=1.0))


def test_the_interval_holds_the_energy_of_windows_like_this_one() -> None:
    rng, held = np.random.default_rng(5), 0
    for _ in range(100):
        parts = 6.0 + rng.normal(0.0, 0.3, 10)
        low, high = energy.bootstrap(parts)
        held += low <= 60.0 <= high
    assert 80 <= held <= 98
    assert energy.bootstrap(parts) == energy.bootstrap(parts)


def test_a_baseline_may_move_by_two_steps_of_a_coarse_sensor() -> None:
    def watt(t: float) -> float:
        return 5.0 if 12 <= t - START_S <= 24 else 2.0 if t - START_S < 12 else 2.3

    rows = power_rows(watt, seconds=40.0)
    idle = [window(1, 11), window(25, 35)]
    coarse = energy.of_window(source(Rail("rail.r", "VDD_IN", lsb_w=0.2)), rows, window(12, 24), idle)
    assert coarse.idle_w == pytest.approx(2.15)
    assert coarse.net_j == pytest.approx((5.0 - 2.15) * 12, rel=0.01)
    fine = energy.of_window(source(), rows, window(12, 24), idle)
    assert (fine.net_j, fine.net_reason) == (None, "the idle board took 2.00 W before the slot and 2.30 W after it")


def test_a_slot_that_takes_less_than_the_idle_board_has_no_net_energy() -> None:
    rows = power_rows(lambda t: 1.9 if 12 <= t - START_S <= 24 else 2.0, seconds=40.0)
    found = energy.of_window(source(), rows, window(12, 24), [window(1, 11), window(25, 35)])
    assert (found.net_j, found.net_reason) == (None, "it took no more than the idle board")


def test_a_hole_in_an_idle_window_costs_the_net_energy_alone() -> None:
    rows = power_rows(lambda t: 5.0 if 12 <= t - START_S <= 24 else 2.0, seconds=40.0)
    found = energy.of_window(source(), rows[:30] + rows[60:], window(12, 24), [window(1, 11), window(25, 35)])
    assert found.gross_j == pytest.approx(60.0, rel=0.01)
    assert found.net_reason == "idle: gap of 3.1 s in VDD_IN"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -256000.0, -1.0, 2e10, "12"])
def test_a_value_that_cannot_be_counts_as_none(value: object) -> None:
    column = flow.columns_of([{**one, "value": value} for one in power_rows(lambda _: 5.0)])["rail.r.power"]
    assert (column.t_ns.size, column.errors, column.period_ns) == (0, ("implausible",), S / 10)


def test_readings_of_heat_and_clocks_are_not_looked_at() -> None:
    assert flow.columns_of([row(START_S, "zone.cpu", 51000.0, "mC"), row(START_S, "policy0.cur", 1.0, "kHz")]) == {}
