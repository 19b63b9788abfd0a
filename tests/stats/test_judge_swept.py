"""A run that sweeps the clocks of a board: judged at the highest that was held, shown at each."""

from dataclasses import replace

import pytest

from farm_lab import physics
from farm_reports.judge import results as judge
from farm_reports.judge.evidence import unpinned
from farm_reports.parts import Optimum, Sweep
from farm_reports.results import Results
from swept_support import CLOCKS, NAMES, POINTS, WATT, judged, point, records
from tables_support import POINT, launches, tables


def sweep(results: Results, variant: str = "int8") -> Sweep:
    return next(one for one in results.sweeps if one.variant == variant)


def test_each_variant_has_a_step_at_each_clock_the_lowest_first() -> None:
    found = judged()
    assert [one.variant for one in found.sweeps] == list(NAMES)
    steps = sweep(found).steps
    assert [step.pin_khz for step in steps] == sorted(CLOCKS)
    times = [step.latency_p50_ms.value or 0.0 for step in steps]
    assert [round(time / times[-1], 3) for time in times] == [4.0, 1.6, 1.0]
    assert [step.temp_max_c.value for step in steps] == [46.0, 55.0, 64.0]
    assert all(step.held for step in steps)
    assert sweep(found).best_latency == Optimum(pin_khz=2_400_000)
    assert sweep(found).best_energy.pin_khz is None
    assert sweep(found).best_energy.reason == "no power sensor"


def test_the_clock_that_takes_least_energy_is_named() -> None:
    found = sweep(judged(records(energy=True)))
    assert found.best_energy == Optimum(pin_khz=1_500_000)
    energies = [step.energy_mj.value or 0.0 for step in found.steps]
    assert energies[1] / energies[2] == pytest.approx(WATT[1_500_000] * 1.6 / WATT[2_400_000], rel=1e-6)


@pytest.mark.parametrize(("idle_w", "best"), [(0.05, 600_000), (1.2, 1_500_000), (8.0, 2_400_000)])
def test_it_is_the_one_that_the_physics_of_a_board_makes_it(
    monkeypatch: pytest.MonkeyPatch, idle_w: float, best: int
) -> None:
    """P = idle + max (f / fmax) ** 2.5, and an inference lasts fmax / f times as long."""
    board = physics.Hardware(p_idle_w=idle_w, trip_c=None, opps=(tuple(sorted(CLOCKS)),))
    for khz in CLOCKS:
        monkeypatch.setitem(WATT, khz, power_w(board, khz))
    assert dict(WATT) == pytest.approx({khz: idle_w + board.p_max_w * (khz / CLOCKS[0]) ** 2.5 for khz in CLOCKS})
    assert sweep(judged(records(energy=True))).best_energy == Optimum(pin_khz=best)
    assert best == min(CLOCKS, key=lambda khz: WATT[khz] / khz)


def power_w(board: physics.Hardware, khz: int) -> float:
    """Under full load, once the clock is set."""
    now, told = physics.start(board), [physics.Knobs("performance", khz, khz)]
    for _ in range(2):
        now = physics.step(board, now, physics.Load(1.0), told, 0.1)
    return now.power_w


def test_clocks_that_take_about_the_same_are_not_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WATT, 600_000, WATT[1_500_000] / 2.5)
    found = sweep(judged(records(energy=True))).best_energy
    assert found == Optimum(pin_khz=None, tied=[600_000, 1_500_000], reason="their intervals overlap")


def test_the_run_is_judged_at_the_highest_clock_and_m_counts_it_once() -> None:
    limits = {"latency_p50": "2ms"}
    found = judged(limits=limits, ship=("int8",))
    assert (found.verdict, found.ship[0].variant) == ("passed", "int8")
    assert {cell.board for gate in found.gates for cell in gate.cells} == {"rpi5"}
    assert [len(gate.cells) for gate in found.gates] == [1, 1]
    assert found.ship[0].point_key == POINTS[0]
    assert {sweep(found).reference_khz, sweep(found, "fp32").reference_khz} == {2_400_000}
    slow = next(cell for cell in found.cells if (cell.variant, cell.point_key) == ("int8", POINTS[2]))
    assert slow.fit.verdict == "no"


def test_relative_limits_of_a_sweep_have_the_level_of_one_point() -> None:
    limits, ship = {"latency_p50": "-10%"}, ("int8",)
    swept = judged(limits=limits, ship=ship)
    alone = judge(tables(records()[: 2 * 8], names=NAMES, points=POINTS[:1], limits=limits, ship=ship))
    assert swept.gates[0].cells[0].high == pytest.approx(alone.gates[0].cells[0].high)


def test_energies_of_two_sensors_are_not_compared() -> None:
    plug = {"scope": "wall_ac", "source": "meter.plug", "sensor_class": "C"}
    whole = records(energy=True)
    other = [replace(one, facts={**one.facts, "energy": {**one.facts["energy"], **plug}}) if one.point == POINTS[0] else one
             for one in whole]  # fmt: skip
    assert sweep(judged(other)).best_energy.reason == "they were measured at 2 places"


def test_a_run_that_is_not_complete_names_no_clock() -> None:
    found = sweep(judged(records(energy=True), partial=True))
    assert found.best_energy == found.best_latency == Optimum(pin_khz=None, reason="the run is not complete")


def test_a_clock_that_was_not_held_is_not_the_one_to_judge_by() -> None:
    found = judged(records(unheld=2_400_000), limits={"latency_p50": "2ms"}, ship=("int8",))
    assert sweep(found).reference_khz == 1_500_000
    assert (found.verdict, found.ship[0].variant) == ("failed", None)  # 2.7 ms at 1.5 GHz
    top = sweep(found).steps[-1]
    assert (top.held, top.held_reason) == (False, "EACCES scaling_governor")


def test_a_clock_that_was_not_held_is_neither_the_fastest_nor_the_cheapest() -> None:
    one = sweep(judged(records(energy=True, unheld=2_400_000)))
    assert one.best_latency == one.best_energy == Optimum(pin_khz=1_500_000)
    bare = [replace(each, facts={**each.facts, "pin": None}) for each in records(energy=True)]
    none = sweep(judged(bare))
    reason = "the clock was held at 0 of 3 points"
    assert none.best_latency == none.best_energy == Optimum(pin_khz=None, reason=reason)


def test_a_clock_that_was_lost_in_one_launch_still_stands() -> None:
    whole = records()
    lost = {**whole[0].facts["pin"], "held": False, "reason": "changed by something else"}
    found = judged([replace(whole[0], facts={**whole[0].facts, "pin": lost}), *whole[1:]])
    assert sweep(found).reference_khz == 2_400_000
    assert sweep(found, "fp32").steps[-1].held_reason == "changed by something else"


def test_where_no_clock_was_held_the_highest_decides() -> None:
    bare = [replace(one, facts={**one.facts, "pin": None}) for one in records()]
    assert sweep(judged(bare)).reference_khz == 2_400_000
    assert sweep(judged(bare)).steps[0].held_reason == "the agent did not say"


def test_thread_counts_have_a_sweep_each() -> None:
    both = [*records(), *(replace(one, id=one.id + 1000, block=one.block + 100) for one in records(threads=2))]
    points = (*POINTS, *(point(khz, 2) for khz in CLOCKS))
    found = judge(tables(both, names=NAMES, points=points))
    assert [(one.variant, one.setting) for one in found.sweeps] == [
        ("fp32", {"threads": 1}), ("int8", {"threads": 1}), ("fp32", {"threads": 2}), ("int8", {"threads": 2}),
    ]  # fmt: skip
    assert all(len(one.steps) == len(CLOCKS) for one in found.sweeps)


def test_a_board_of_a_sweep_that_has_one_point_says_why() -> None:
    found = judge(tables(names=NAMES, unswept={"rpi5": "no cpufreq policy"}))
    assert sweep(found).steps == []
    assert (sweep(found).reason, sweep(found).best_energy.reason) == ("no cpufreq policy", "no cpufreq policy")


def test_a_run_without_a_sweep_has_none_and_is_judged_as_ever() -> None:
    threads = tuple(POINT.replace("/1/stock/", f"/{count}/stock/") for count in (1, 2))
    found = [*launches(names=NAMES, point=threads[0]),
             *(replace(one, id=one.id + 50, block=one.block + 50) for one in launches(names=NAMES, point=threads[1]))]  # fmt: skip
    results = judge(tables(found, names=NAMES, points=threads, limits={"latency_p50": "+5%"}, ship=("int8",)))
    assert results.sweeps == []
    assert len(results.gates[0].cells) == 2


def test_the_clock_is_taken_out_of_a_point() -> None:
    assert unpinned(("b", "v", POINTS[0])) == unpinned(("b", "v", POINTS[1])) != unpinned(("b", "v", point(1, 2)))
