"""What a process and its board hold of memory, read from files."""

from pathlib import Path

import pytest

from farm_agents import memory
from farm_agents.sysfs import Sysfs

MIB = 1 << 20


def board(root: Path, text: str) -> Sysfs:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/meminfo").write_text(text)
    return Sysfs(str(root))


def test_what_a_process_holds_grows_with_what_it_touches() -> None:
    before = memory.steady_facts()
    held = bytearray(b"1") * (64 * MIB)
    after = memory.steady_facts()
    assert len(held) == 64 * MIB
    for name in ("rss_run", "pss", "uss"):
        assert 60 * MIB < after[name] - before[name] < 80 * MIB
    assert after["uss"] <= after["pss"] <= after["rss_run"] + MIB
    assert after["swap_pss"] >= 0


def test_a_kernel_without_smaps_rollup_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ROLLUP", "/proc/self/none")
    facts = memory.steady_facts()
    assert facts["rss_run"] > 0
    for name in ("pss", "uss", "swap_pss"):
        assert (facts[name], facts[name + "_reason"]) == (None, memory.NO_ROLLUP)


def test_memory_for_the_gpu_of_a_jetson_is_told_as_a_difference(tmp_path: Path) -> None:
    jetson = board(tmp_path, "MemTotal: 7802880 kB\nNvMapMemFree:       0 kB\nNvMapMemUsed:   20480 kB\n")
    assert memory.nvmap_facts(jetson, 5 * MIB) == {"nvmap": 15 * MIB}
    other = board(tmp_path, "MemTotal: 7802880 kB\n")
    assert memory.nvmap_facts(other, None) == {"nvmap": None, "nvmap_reason": memory.NO_NVMAP}


def test_free_memory_ends_at_the_limit_of_the_launch(tmp_path: Path) -> None:
    large = board(tmp_path, "MemAvailable: 1073741824 kB\n")
    taken = memory.resident_bytes()
    assert taken is not None
    assert memory.free_bytes(large, None) == 1 << 40
    assert memory.free_bytes(large, 1) == 0
    assert abs((memory.free_bytes(large, taken + 100 * MIB) or 0) - 100 * MIB) < 8 * MIB
    assert memory.free_bytes(board(tmp_path, "MemAvailable: 4 kB\n"), taken + 100 * MIB) == 4096
