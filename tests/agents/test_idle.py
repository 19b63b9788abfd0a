"""Idle windows around a slot: the runner waits, says when, and reads the board's counters of energy at their ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
from agents_support import Client, Launch
from farm_agents import idle, sampling, wire
from farm_agents.fakes import FakeClock, ScriptedRuntime
from farm_agents.loop import SECOND_NS, Limits
from farm_agents.sources import sources
from farm_agents.spec import Work, read
from farm_agents.sysfs import Sysfs
from sampler_support import BOARD, tree
from warmup_support import MS, asked

COUNTER = "rail.rapl@intel-rapl:0.energy"


@pytest.fixture(scope="module")
def rested(tmp_path_factory: pytest.TempPathFactory, pyz: Path) -> Iterator[Launch]:
    """A launch with idle windows, on a board with a counter and a power sensor."""
    folder = tmp_path_factory.mktemp("rested")
    board = tree(folder / "tree", {**BOARD, "sys/devices/system/cpu/online": f"0-{max(os.sched_getaffinity(0))}"})
    begun = Client([sys.executable, "-I", str(pyz)], parts.Board(folder / "base"))
    begun.open(sysroot=board.root, deadman_s=parts.PATIENCE_S)
    yield begun.launch(parts.mlp(folder / "mlp.onnx"), parts.ones(folder / "ones.npz"), recipe={"idle_s": 0.4})
    begun.close()


def work(folder: Path, idle_s: object) -> Work:
    """A job that wants idle windows, as the agent reads it."""
    model = parts.identity(folder / "identity.onnx")
    return read(parts.job(model, "0" * 64, recipe={"idle_s": idle_s}))


def rows(launch: Launch) -> list[dict[str, Any]]:
    return [row for message in launch.of(wire.Readings) for row in message.readings]


def test_the_windows_lie_right_before_and_after_the_slot(rested: Launch) -> None:
    facts = rested.done.facts
    (before, begun), (ended, after) = facts["idle_before_ns"], facts["idle_after_ns"]
    assert before + 0.4 * SECOND_NS <= begun < facts["slot_t0_ns"] < facts["slot_t1_ns"] < ended
    assert ended - facts["slot_t1_ns"] >= idle.REST_NS
    assert after - ended >= 0.4 * SECOND_NS


def test_a_warm_up_of_some_iterations_lies_between_the_first_window_and_the_slot(rested: Launch) -> None:
    facts = rested.done.facts
    assert facts["slot_t0_ns"] - facts["idle_before_ns"][1] >= SECOND_NS


def test_counters_are_read_at_each_end_and_the_sampler_watches_to_the_last(rested: Launch) -> None:
    facts, told = rested.done.facts, rows(rested)
    seen = sorted(row["t_ns"] for row in told if row["source"] == COUNTER and row["value"] == 123456789)
    for edge in (*facts["idle_before_ns"], *facts["idle_after_ns"]):
        assert any(edge <= t_ns <= edge + SECOND_NS // 2 for t_ns in seen)
    power = [row["t_ns"] for row in told if row["source"].endswith(".power")]
    assert min(power) < facts["idle_before_ns"][0]
    assert max(power) > facts["idle_after_ns"][1]


def test_a_job_that_wants_none_waits_for_nothing_and_says_so() -> None:
    facts: dict[str, Any] = {}
    clock, (rule, limits) = FakeClock(), asked("standard")
    assert idle.window(Sysfs("/nowhere"), clock, 0.0, facts, "before") == []
    idle.again(ScriptedRuntime(clock, [MS]), clock, rule, limits, 0.0)
    assert facts == {"idle_before_ns": None, "idle_before_ns_reason": idle.NOT_WANTED}
    assert clock.now() == FakeClock().now()


def test_the_iterations_after_a_window_keep_the_pace_of_the_slot() -> None:
    clock, (rule, _) = FakeClock(), asked("standard")
    runtime = ScriptedRuntime(clock, [MS])
    began = clock.now()
    idle.again(runtime, clock, rule, Limits(SECOND_NS, SECOND_NS, 10, period_ns=100.0 * MS), 30.0)
    assert 3 * SECOND_NS <= clock.now() - began <= 3.2 * SECOND_NS
    assert runtime.calls in range(29, 33)


def test_a_counter_that_is_closed_or_speaks_nonsense_is_left_out(tmp_path: Path) -> None:
    board = tree(
        tmp_path, {**BOARD, "sys/class/powercap/intel-rapl:1/energy_uj": "", "sys/class/hwmon/hwmon7/name": "x"}
    )
    (tmp_path / "sys/class/powercap/intel-rapl:2").mkdir()
    assert [row["source"] for row in idle.counted(board, lambda: 7)] == [COUNTER]


def test_a_chip_that_counts_joules_is_a_source_of_its_own(tmp_path: Path) -> None:
    board = tree(tmp_path, {"sys/class/hwmon/hwmon0/name": "ltc2947", "sys/class/hwmon/hwmon0/energy1_input": "41",
                            "sys/class/hwmon/hwmon0/curr1_input": "5", "sys/class/hwmon/hwmon0/in1_input": "5"})  # fmt: skip
    found = [source.name for source in sources(board, [0]).found if source.name.startswith("rail.")]
    assert found == ["rail.ltc2947@class/energy1.energy"]
    assert idle.counted(board, lambda: 7) == [
        {"t_ns": 7, "source": found[0], "value": 41, "unit": "uJ", "error": None}
    ]  # fmt: skip


def test_the_sampler_makes_room_for_the_windows(tmp_path: Path) -> None:
    plan = sources(tree(tmp_path), [0])
    short, long = (sampling.order(work(tmp_path, idle_s), plan, free=True)["period_ns"] for idle_s in (0.0, 3600.0))
    assert long > short


@pytest.mark.parametrize("bad", [-1.0, "30", 1e9, None])
def test_an_idle_time_that_is_none_is_refused(tmp_path: Path, bad: object) -> None:
    with pytest.raises(wire.WireError, match="no duration"):
        work(tmp_path, bad)
