"""Cycles counted by the kernel: with real counters as far as this machine has any, and a named reason where not."""

import os
import platform
import threading
import time
from pathlib import Path

import pytest

from farm_agents import cycles
from farm_agents.cycles import Count, Cycles, Nothing, Uncounted
from farm_agents.sysfs import Sysfs
from sampler_support import tree

CPU_CLOCK = (cycles.SOFTWARE, 0)  # ns on a CPU, of a task as good as its task clock: a processor of exactly 1 GHz
MS = 1_000_000
SOURCES = cycles.EVENTS


def burn(cpu_ns: int) -> None:
    """So much time of a CPU, by the clock of this thread."""
    until = time.thread_time_ns() + cpu_ns
    while time.thread_time_ns() < until:
        pass


def test_what_the_kernel_takes_is_64_bytes_that_begin_with_type_size_and_config() -> None:
    packed = cycles.attributes((4, 0x11))
    assert len(packed) == 64
    assert packed[:16] == bytes([4, 0, 0, 0, 64, 0, 0, 0, 0x11, 0, 0, 0, 0, 0, 0, 0])
    flags = int.from_bytes(packed[40:48], "little")
    assert [bit for bit in range(64) if flags >> bit & 1] == [0, 1, 5, 6]


def test_a_clock_that_stands_for_a_processor_of_1_ghz_is_told_as_1_ghz() -> None:
    counter = Cycles([CPU_CLOCK])
    counter.start()
    burn(20 * MS)
    fact = counter.stop()
    counter.close()
    assert fact["eff_khz"] == pytest.approx(1_000_000, rel=0.01)


def test_threads_that_come_later_are_counted_and_only_between_start_and_stop() -> None:
    counter = Cycles([])
    helper = threading.Thread(target=burn, args=(30 * MS,))
    burn(10 * MS)
    counter.start()
    helper.start()
    helper.join()
    counter._switch(cycles.DISABLE)
    took = counter._read()[0].since(counter.earlier[0])
    burn(10 * MS)
    assert counter._read()[0].since(counter.earlier[0]) == took
    counter.close()
    assert 30 * MS <= took.value < 40 * MS


def test_a_second_slot_is_counted_from_its_own_start() -> None:
    counter = Cycles([CPU_CLOCK])
    for _ in range(2):
        counter.start()
        burn(5 * MS)
        assert counter.stop()["eff_khz"] == pytest.approx(1_000_000, rel=0.05)
    counter.close()


def test_this_machine_counts_its_cycles_or_says_why_it_cannot() -> None:
    counter = cycles.counter(Sysfs(), sorted(os.sched_getaffinity(0)))
    counter.start()
    burn(20 * MS)
    fact = counter.stop()
    if isinstance(counter, Nothing):
        assert fact["eff_khz"] is None
        assert fact["eff_khz_reason"]
    else:
        counter.close()
        assert 100_000 < fact["eff_khz"] < 10_000_000


def test_a_kernel_that_refuses_an_event_is_quoted_by_its_error_and_nothing_stays_open() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are counted
    with pytest.raises(Uncounted, match="ENOENT: no hardware counters"):
        Cycles([CPU_CLOCK, (1 << 30, 0)])
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_an_architecture_whose_calls_nobody_knows_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(Uncounted, match="vax"):
        Cycles([CPU_CLOCK])


def test_a_simulated_board_is_not_counted(tmp_path: Path) -> None:
    counter = cycles.counter(Sysfs(str(tmp_path)), [0])
    counter.start()
    assert counter.stop() == {"eff_khz": None, "eff_khz_reason": cycles.SIMULATED}


@pytest.mark.parametrize(
    ("files", "root", "why"),
    [
        ({}, True, cycles.NO_EVENTS),
        ({cycles.PARANOID: "2", f"{SOURCES}/software/type": "1"}, True, cycles.NO_PROCESSOR),
        ({cycles.PARANOID: "2", f"{SOURCES}/arm_dsu_0/type": "9"}, True, cycles.NO_PROCESSOR),
        ({cycles.PARANOID: "2", f"{SOURCES}/cpu/type": "4"}, False, None),
        ({cycles.PARANOID: "4", f"{SOURCES}/cpu/type": "4"}, True, None),
        ({cycles.PARANOID: "4", f"{SOURCES}/cpu/type": "4"}, False,
         "EACCES: perf_event_paranoid is 4, an ordinary account may count nothing"),
    ],
)  # fmt: skip
def test_the_reason_is_named_before_anything_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], why: str | None, *, root: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    assert cycles.reason(tree(tmp_path, files)) == why


BIG_LITTLE = {
    f"{SOURCES}/armv8_cortex_a55/type": "8", f"{SOURCES}/armv8_cortex_a55/cpus": "0-3",
    f"{SOURCES}/armv8_cortex_a76/type": "9", f"{SOURCES}/armv8_cortex_a76/cpus": "4-7",
}  # fmt: skip
HYBRID = {f"{SOURCES}/cpu_core/type": "4", f"{SOURCES}/cpu_core/cpus": "0-3",
          f"{SOURCES}/cpu_atom/type": "10", f"{SOURCES}/cpu_atom/cpus": "4-7"}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "cpus", "events"),
    [
        ({f"{SOURCES}/cpu/type": "4"}, [0], [(0, 0)]),
        ({f"{SOURCES}/armv8_pmuv3_0/type": "8"}, [0], [(0, 0)]),
        (BIG_LITTLE, [4, 5], [(9, 0x11)]),
        (BIG_LITTLE, [3, 4], [(8, 0x11), (9, 0x11)]),
        (HYBRID, [0, 4], [(0, 10 << 32), (0, 4 << 32)]),
        ({**BIG_LITTLE, f"{SOURCES}/armv8_cortex_a76/cpus": "nonsense"}, [4], [(8, 0x11), (9, 0x11)]),
    ],
)
def test_one_event_for_each_kind_of_core_that_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cpus: list[int], events: object
) -> None:
    found = tree(tmp_path, {cycles.PARANOID: "1", **files})
    monkeypatch.setattr(os.path, "realpath", lambda _: "/")
    assert cycles.processors(found, cpus) == events


def test_a_source_without_a_type_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tree(tmp_path, {cycles.PARANOID: "1", **BIG_LITTLE, f"{SOURCES}/armv8_cortex_a76/type": "x"})
    monkeypatch.setattr(os.path, "realpath", lambda _: "/")
    with pytest.raises(Uncounted, match="armv8_cortex_a76 does not tell its type"):
        cycles.processors(found, [4])


def test_the_cycles_of_both_kinds_of_cores_make_one_clock() -> None:
    little, big = Count(600_000_000, 1_000 * MS, 400 * MS), Count(1_400_000_000, 1_000 * MS, 600 * MS)
    assert cycles.khz([little, big], Count(1_000 * MS, 1_000 * MS, 1_000 * MS)) == {"eff_khz": 2_000_000}


@pytest.mark.parametrize(
    ("counted", "clock", "why"),
    [
        (Count(10**9, 1_000 * MS, 500 * MS), Count(1_000 * MS, 1_000 * MS, 1_000 * MS), "in 50% of the time"),
        (Count(0, 0, 0), Count(0, 0, 0), cycles.NOTHING_RAN),
    ],
    ids=["shared with somebody else", "a slot without a moment on a CPU"],
)
def test_what_was_counted_in_a_part_of_the_time_is_no_clock(counted: Count, clock: Count, why: str) -> None:
    fact = cycles.khz([counted], clock)
    assert fact["eff_khz"] is None
    assert why in fact["eff_khz_reason"]
