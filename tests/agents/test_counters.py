"""Counters over a slot: what passed between two readings, of the process and of the board."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agents_support as parts
from agents_support import Client, tree
from farm_agents import counters, procfs, wire
from farm_agents.counters import BOARD
from farm_agents.sysfs import Sysfs

Start = Callable[..., Client]
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
STAT = """cpu  0 0 0 0 0 0 0 0 0 0
cpu0 {0} 2 3 1000 500 4 5 6 70 80
cpu1 {1} 0 0 1000 0 0 0 0 0 0
cpu10 9999 0 0 0 0 0 0 0 0 0
intr 1 2 3
ctxt 77
"""


def pressure(us: int) -> dict[str, str]:
    line = "{} avg10=1.00 avg60=0.04 avg300=0.00 total={}\n"
    return {"proc/pressure/cpu": line.format("some", us) + line.format("full", 10 * us)}


def policy(number: int, cpus: str, transitions: int) -> dict[str, str]:
    folder = f"sys/devices/system/cpu/cpufreq/policy{number}"
    return {f"{folder}/related_cpus": f"{cpus}\n", f"{folder}/stats/total_trans": f"{transitions}\n"}


def counting(busy: tuple[int, int], us: int, swapped: int, transitions: tuple[int, int]) -> dict[str, str]:
    """A board's counters; `busy` in ticks."""
    return {
        "proc/stat": STAT.format(*busy),
        "proc/vmstat": f"nr_free_pages 1\npswpin {swapped}\npswpout {2 * swapped}\n",
        **pressure(us),
        **policy(0, "0 1", transitions[0]),
        **policy(2, "2 3", transitions[1]),
    }


# A board on which none of it exists: the files are there, so that the machine's own are not read, and say nothing.
SILENT = {"proc/stat": "", "proc/vmstat": "", "proc/pressure/cpu": ""}


def passed(root: Path, start: dict[str, str], end: dict[str, str], cpus: list[int]) -> dict[str, Any]:
    found = tree(root, **start)
    sources = counters.sources(found, cpus)
    before = sources.before()
    tree(root, **end)
    return dict(counters.facts(before, sources.after()))


def test_what_passed_on_the_board_between_two_readings(tmp_path: Path) -> None:
    start, end = counting((100, 10), 5_000, 7, (40, 1)), counting((1_100, 510), 6_250, 9, (43, 100))
    facts = passed(tmp_path, start, end, [0, 1])
    assert facts["psi_cpu_some_us"] == 1_250
    assert (facts["swap_in_pages"], facts["swap_out_pages"]) == (2, 4)
    assert facts["freq_transitions"] == 3
    assert facts["foreign_cpu_ns"] == 1_500 * TICK_NS - facts["cpu_ns"]
    assert [name for name in facts if name.endswith("_reason")] == []


def test_other_cpus_and_their_policies_do_not_count(tmp_path: Path) -> None:
    start, end = counting((100, 10), 0, 0, (40, 1)), counting((100, 9_000), 0, 0, (40, 100))
    facts = passed(tmp_path, start, end, [0])
    assert (facts["foreign_cpu_ns"], facts["freq_transitions"]) == (0, 0)


def test_the_time_that_the_process_worked_itself_is_not_foreign(tmp_path: Path) -> None:
    """0.2 s of work, and 0.3 s that the board says its CPU worked in all."""
    sources = counters.sources(tree(tmp_path, **counting((100, 0), 0, 0, (0, 0))), [0])
    before = sources.before()
    until = time.process_time_ns() + 200_000_000
    while time.process_time_ns() < until:
        pass
    tree(tmp_path, **counting((100 + 300_000_000 // TICK_NS, 0), 0, 0, (0, 0)))
    facts = counters.facts(before, sources.after())
    assert facts["cpu_ns"] >= 200_000_000
    assert facts["foreign_cpu_ns"] == max(0, 300_000_000 - facts["cpu_ns"])


def test_ticks_that_lag_behind_the_process_are_no_negative_load(tmp_path: Path) -> None:
    start = counting((100, 10), 0, 0, (0, 0))
    assert passed(tmp_path, start, start, [0])["foreign_cpu_ns"] == 0


def test_a_board_that_counts_nothing_is_null_with_a_reason_each_and_never_zero(tmp_path: Path) -> None:
    facts = passed(tmp_path, SILENT, SILENT, [0])
    assert {name: facts[name] for name in BOARD} == dict.fromkeys(BOARD)
    assert {name: facts[f"{name}_reason"] for name in BOARD} == BOARD
    assert facts["nivcsw"] >= 0


def test_a_counter_that_vanishes_during_the_slot_is_null(tmp_path: Path) -> None:
    facts = passed(tmp_path, counting((1, 1), 1, 1, (1, 1)), {"proc/pressure/cpu": ""}, [0])
    assert (facts["psi_cpu_some_us"], facts["psi_cpu_some_us_reason"]) == (None, BOARD["psi_cpu_some_us"])
    assert facts["swap_in_pages"] == 0


@pytest.mark.parametrize("cpus", [[], [0, 5]], ids=["nobody pinned it", "a CPU that is not told"])
def test_cpus_that_are_not_told_make_foreign_load_unknown(tmp_path: Path, cpus: list[int]) -> None:
    assert procfs.busy_ns(tree(tmp_path, **counting((1, 1), 0, 0, (0, 0))), cpus) is None


def test_idle_and_waiting_for_a_disk_is_no_work_but_what_a_hypervisor_took_is(tmp_path: Path) -> None:
    found = tree(tmp_path, **{"proc/stat": STAT.format(1, 0)})
    assert procfs.busy_ns(found, [0]) == (1 + 2 + 3 + 4 + 5 + 6) * TICK_NS


def test_lines_that_are_no_counter_are_left_alone(tmp_path: Path) -> None:
    odd = {"proc/stat": "cpu0 1 2 3\ncpu1 a b c d e f g h\ncpu2 1 1 1 1 1 1 1 1\n", "proc/vmstat": "pswpin x\n"}
    found = tree(tmp_path, **odd, **{"proc/pressure/cpu": "full avg10=0.00 total=9\n"})
    assert procfs.ticks(found) == {2: [1] * 8}
    assert (procfs.swap_in_pages(found), procfs.psi_cpu_some_us(found)) == (None, None)


def test_transitions_are_unknown_where_one_policy_does_not_count(tmp_path: Path) -> None:
    found = tree(tmp_path, **policy(0, "0", 5), **{"sys/devices/system/cpu/cpufreq/policy1/related_cpus": "1\n"})
    assert counters.sources(found, [0]).board()["freq_transitions"] == 5
    assert counters.sources(found, [0, 1]).board()["freq_transitions"] is None


def test_a_tree_without_proc_is_answered_by_the_machine(tmp_path: Path) -> None:
    assert procfs.ticks(Sysfs(str(tmp_path))).keys() == procfs.ticks(Sysfs()).keys()


def test_another_process_on_the_same_cpu_is_seen_as_foreign() -> None:
    """The other one works for 0.3 s on the clock of its own CPU time, while this one waits for it."""
    cpu = min(os.sched_getaffinity(0))
    burn = f"import os, time; os.sched_setaffinity(0, [{cpu}])\nwhile time.process_time() < 0.3: pass"
    sources = counters.sources(Sysfs(), [cpu])
    before = sources.before()
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert counters.facts(before, sources.after())["foreign_cpu_ns"] > 200_000_000


def test_a_launch_carries_every_counter_or_the_reason_why_not(start: Start, tmp_path: Path) -> None:
    client = start()
    assert isinstance(client.open(), wire.Hello)
    facts = client.launch(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz")).done.facts
    assert [name for name in BOARD if facts[name] is None and not facts[f"{name}_reason"]] == []
    assert 0 <= facts["foreign_cpu_ns"] <= 2 * facts["wall_ns"] + 4 * TICK_NS


def test_a_launch_reads_the_counters_of_the_tree_it_was_given(start: Start, tmp_path: Path) -> None:
    sysroot = tmp_path / "board"
    tree(sysroot, **SILENT, **policy(0, "0", 12))
    client = start()
    assert isinstance(client.open(sysroot=str(sysroot)), wire.Hello)
    facts = client.launch(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz")).done.facts
    assert (facts["freq_transitions"], facts["psi_cpu_some_us"], facts["foreign_cpu_ns"]) == (0, None, None)


def test_what_a_board_swaps_to_is_told_by_device(tmp_path: Path) -> None:
    head = "Filename                                Type            Size            Used            Priority\n"
    rows = "/dev/zram0                              partition       553008          0               5\nodd line\n"
    assert procfs.swaps(tree(tmp_path, **{"proc/swaps": head + rows})) == {"/dev/zram0": 553008 * 1024}
    assert procfs.swaps(tree(tmp_path, **{"proc/swaps": ""})) == {}
