"""The timed loop under a clock that only moves when told to."""

import gc
from array import array

import numpy as np
import pytest

from farm_agents import loop
from farm_agents.fakes import FakeClock, ScriptedRuntime
from farm_agents.loop import Limits, Pace, Slot, Spans, Timed, Window
from farm_orchestrator.store.samples import Timed as Stored
from farm_orchestrator.store.samples import starts_ns

MS = 1_000_000


def run(runtime: ScriptedRuntime, limits: Limits, room: int = 1000) -> Timed[int]:
    buffers = loop.buffers(room, paced=limits.period_ns is not None)
    now = runtime.clock.now
    return loop.timed(runtime, runtime.clock, buffers, limits, before=now, after=now)


def slot_of(latency_ns: list[int], limits: Limits, room: int = 1000, clock: FakeClock | None = None) -> Slot:
    """The script starts with the slot: the iterations before it take no time."""
    settle = [0] * loop.SETTLE
    return run(ScriptedRuntime(clock or FakeClock(), settle + latency_ns), limits, room).slot


def test_samples_are_exactly_the_scripted_latencies() -> None:
    curve = [5 * MS, 3 * MS, 4 * MS, 2 * MS]
    slot = slot_of(curve, Limits(slot_ns=14 * MS, cap_ns=20 * MS, least=1))
    assert slot.latency_ns.tolist() == curve
    assert (slot.t1_ns - slot.t0_ns, slot.capped, slot.missed) == (14 * MS, False, None)


def test_a_slot_ends_with_the_iteration_that_reaches_its_end() -> None:
    slot = slot_of([3 * MS], Limits(slot_ns=100 * MS, cap_ns=200 * MS, least=10))
    assert slot.n == 34


def test_a_slot_with_too_few_iterations_goes_on_until_it_has_them() -> None:
    slot = slot_of([10 * MS], Limits(slot_ns=100 * MS, cap_ns=5000 * MS, least=50))
    assert slot.n == 50


def test_a_slot_that_cannot_get_its_iterations_ends_at_the_cap() -> None:
    slot = slot_of([10 * MS], Limits(slot_ns=100 * MS, cap_ns=200 * MS, least=50))
    assert (slot.n, slot.t1_ns - slot.t0_ns) == (20, 200 * MS)


def test_a_full_buffer_ends_the_slot_and_is_recorded() -> None:
    slot = slot_of([1 * MS], Limits(slot_ns=100 * MS, cap_ns=200 * MS, least=1), room=60)
    assert (slot.n, slot.capped) == (60, True)


def test_the_room_is_half_as_much_again_as_the_warm_up_promises_and_at_most_a_million() -> None:
    second = loop.SECOND_NS
    assert loop.most_iterations(Limits(second, second, 50), p50_ns=1 * MS) == 1500
    assert loop.most_iterations(Limits(second, second, 50), p50_ns=second) == 50
    assert loop.most_iterations(Limits(60 * second, 60 * second, 50), p50_ns=10) == 1_000_000
    assert loop.most_iterations(Limits(second, second, 50, period_ns=10 * MS), p50_ns=1 * MS) == 150


def test_what_the_clock_costs_is_the_floor_of_every_sample() -> None:
    slot = slot_of([0], Limits(slot_ns=1000, cap_ns=1000, least=1), clock=FakeClock(read_ns=40))
    assert set(slot.latency_ns) == {40}


def test_the_garbage_collector_is_off_in_the_slot_and_on_again_after_it() -> None:
    runtime = ScriptedRuntime(FakeClock(), [1 * MS], observe=gc.isenabled)
    run(runtime, Limits(slot_ns=50 * MS, cap_ns=50 * MS, least=1))
    assert len(runtime.seen) == 50 + loop.SETTLE
    assert not any(runtime.seen)
    assert gc.isenabled()


def test_the_counters_are_read_right_around_the_slot_and_not_around_what_precedes_it() -> None:
    timed = run(ScriptedRuntime(FakeClock(), [1 * MS]), Limits(slot_ns=50 * MS, cap_ns=50 * MS, least=1))
    assert timed.after - timed.before == 50 * MS


def window(runtime: ScriptedRuntime, spans: Spans, period_ns: float | None = None, room: int = 100) -> Window:
    return loop.window(runtime, runtime.clock, array("q", [0]) * room, Pace(spans.t0_ns, period_ns), spans)


def spans(clock: FakeClock, **changes: int) -> Spans:
    return Spans(**{"t0_ns": clock.time_ns, "window_ns": 30 * MS, "least": 10, "left_ns": 1000 * MS, **changes})


def test_a_window_lasts_for_its_time_and_for_its_count() -> None:
    clock = FakeClock()
    fast = window(ScriptedRuntime(clock, [1 * MS]), spans(clock))
    assert (fast.n, fast.elapsed_ns, fast.latency_ns.tolist()) == (30, 30 * MS, [1 * MS] * 30)
    slow = window(ScriptedRuntime(clock, [20 * MS]), spans(clock))
    assert (slow.n, slow.elapsed_ns) == (10, 200 * MS)


def test_a_window_ends_where_no_time_is_left() -> None:
    clock = FakeClock()
    minutes = window(ScriptedRuntime(clock, [300_000 * MS]), spans(clock))
    assert minutes.n == 1


def test_a_window_of_many_iterations_keeps_the_last_ones() -> None:
    clock = FakeClock()
    kept = window(ScriptedRuntime(clock, [3 * MS] * 20 + [1 * MS]), spans(clock, window_ns=100 * MS), room=16)
    assert (kept.n, kept.latency_ns.tolist()) == (60, [1 * MS] * 16)


def test_a_window_keeps_the_pace_of_the_point() -> None:
    clock = FakeClock()
    runtime = ScriptedRuntime(clock, [3 * MS])
    window(runtime, spans(clock, window_ns=100 * MS, least=5), period_ns=20 * MS)
    assert np.diff(runtime.started_ns).tolist() == [20 * MS] * 5


def test_a_clock_that_goes_back_ends_a_window_with_no_length() -> None:
    clock = FakeClock(start_ns=100_000 * MS)
    back = window(ScriptedRuntime(clock, [1 * MS] * 5 + [-3000 * MS]), spans(clock))
    assert (back.n, back.elapsed_ns) == (6, 0)


def test_a_clock_that_stands_ends_a_window_by_its_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MOST", 1000)
    clock = FakeClock()
    assert window(ScriptedRuntime(clock, [0]), spans(clock)).n == 1000


def test_iterations_that_nobody_times_are_fewer_for_a_slow_model() -> None:
    fast, slow = ScriptedRuntime(FakeClock(), [1 * MS]), ScriptedRuntime(FakeClock(), [60_000 * MS])
    loop.again(fast, fast.clock, 10)
    loop.again(slow, slow.clock, 10)
    assert (fast.calls, slow.calls) == (10, 1)


def stalled() -> tuple[ScriptedRuntime, Slot]:
    """50 Hz, 3 ms, one stall of 60 ms in the third call; each sleep ends 50 us late."""
    script = [0] * loop.SETTLE + [3 * MS, 3 * MS, 63 * MS] + [3 * MS] * 100
    runtime = ScriptedRuntime(FakeClock(oversleep_ns=50_000), script)
    limits = Limits(slot_ns=200 * MS, cap_ns=200 * MS, least=1, period_ns=20 * MS)
    return runtime, run(runtime, limits).slot


def test_a_stall_in_paced_mode_is_one_missed_call_and_no_burst_follows() -> None:
    runtime, slot = stalled()
    starts = [ns - slot.t0_ns for ns in runtime.started_ns[loop.SETTLE :]]
    assert [round(ns / MS) for ns in starts] == [0, 20, 40, 120, 140, 160, 180, 200]
    assert slot.missed == 1


def test_paced_mode_records_how_late_each_call_started() -> None:
    _, slot = stalled()
    assert slot.start_delay_ns is not None
    assert slot.start_delay_ns.tolist() == [50_000] * slot.n


def test_times_of_paced_samples_are_the_deadline_plus_the_delay() -> None:
    runtime, slot = stalled()
    stored = Stored(slot.t0_ns, np.array(slot.latency_ns), np.array(slot.start_delay_ns), 50.0)
    assert starts_ns(stored).tolist() == runtime.started_ns[loop.SETTLE :]


def test_times_of_tight_samples_are_the_slots_start_plus_the_latencies_before() -> None:
    clock = FakeClock()
    runtime = ScriptedRuntime(clock, [0] * loop.SETTLE + [5 * MS, 3 * MS, 4 * MS])
    slot = run(runtime, Limits(slot_ns=20 * MS, cap_ns=20 * MS, least=1)).slot
    stored = Stored(slot.t0_ns, np.array(slot.latency_ns), None, None)
    assert starts_ns(stored).tolist() == runtime.started_ns[loop.SETTLE :]
