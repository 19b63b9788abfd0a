"""The canary: two graphs that are always the same bytes, timed beside the slot, and never the reason a launch fails."""

import ast
import hashlib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

import agents_support as parts
import canary_graphs
from agents_support import Client
from farm_agents import canary, runtime, wire
from farm_agents.canary import Canary, Part
from farm_agents.clock import MonotonicClock
from farm_agents.failure import LaunchFailed
from farm_agents.fakes import FakeClock, ScriptedRuntime
from farm_agents.sysfs import Sysfs

Start = Callable[..., Client]
SIDES = ["canary_clock_before_ns", "canary_clock_after_ns", "canary_memory_before_ns", "canary_memory_after_ns"]
PINNED = {
    "CLOCK": "26c5a0ac3cf807d2d1cab9b0c0d0a554088c95c82572e00f0997ffa9dea593ba",
    "MEMORY": "adfe4a484ef5ea1cfb0adafc0dcaee2da2273953e38f64d8ac74b96de3cb5283",
}
MIB = 1 << 20


def cache(root: Path, *caches: str) -> Sysfs:
    for index, size in enumerate(caches):
        folder = root / f"sys/devices/system/cpu/cpu0/cache/index{index}"
        folder.mkdir(parents=True)
        (folder / "size").write_text(f"{size}\n")
    return Sysfs(str(root))


def small(root: Path, slot_ns: int = 0) -> Canary:
    """Over 4 KiB: the memory's graph is as quick as the clock's."""
    return canary.make(cache(root, "1K"), [0], slot_ns)


class Failing:
    binding = None

    def __init__(self, error: Exception) -> None:
        self.error = error

    def call(self, binding: Any) -> None:
        del binding
        raise self.error


def test_the_graphs_are_those_of_the_script_and_pinned_by_their_digests() -> None:
    assert canary_graphs.sources() in Path(canary.__file__).read_text()
    for name, data in (("CLOCK", canary.CLOCK), ("MEMORY", canary.MEMORY)):
        assert hashlib.sha256(data).hexdigest() == PINNED[name]


def test_the_scripts_lines_are_the_graphs() -> None:
    names = {
        line.targets[0].id: ast.literal_eval(line.value.args[0])
        for line in ast.parse(canary_graphs.sources()).body
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and isinstance(line.value, ast.Call)
    }
    assert {name: bytes.fromhex(text) for name, text in names.items()} == {
        "CLOCK": canary_graphs.clock(),
        "MEMORY": canary_graphs.memory(),
    }


def test_the_graphs_are_valid_and_compute_what_they_say() -> None:
    import onnx

    for data in (canary.CLOCK, canary.MEMORY):
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    random = np.random.default_rng(1).standard_normal((2, 32, 32)).astype(np.float32) / 8
    x, w = random
    chained = runtime.Session(canary.CLOCK, runtime.settings(parts.CPU, 1, {})).run({"x": x, "w": w})["y"]
    expected = x @ np.linalg.matrix_power(w.astype(np.float64), canary_graphs.LINKS)
    np.testing.assert_allclose(chained, expected, rtol=1e-3, atol=1e-6)
    added = runtime.Session(canary.MEMORY, runtime.settings(parts.CPU, 1, {})).run({"x": x[0]})["y"]
    np.testing.assert_array_equal(added, x[0] + x[0])


def test_its_matrices_fit_a_first_level_cache_and_never_become_denormal(tmp_path: Path) -> None:
    inputs, output = canary._squares()
    assert sum(array.nbytes for array in (*inputs.values(), output)) <= 16 << 10
    (clock, _) = small(tmp_path).parts
    assert clock.runtime is not None
    clock.runtime.call(clock.runtime.binding)
    assert (clock.output == 1).all()


def test_the_memorys_graph_writes_into_the_array_it_was_given_and_leaves_what_it_reads(tmp_path: Path) -> None:
    (_, streams) = small(tmp_path).parts
    assert streams.runtime is not None
    assert (streams.output.nbytes, float(streams.output[0])) == (2048, 1.0)
    for _ in range(3):
        streams.runtime.call(streams.runtime.binding)
    assert (streams.output == 2).all()


@pytest.mark.parametrize(
    ("last_cache", "size"), [(512 << 10, 2 * MIB), (3 * MIB, 12 * MIB), (32 * MIB, 64 * MIB), (None, 16 * MIB)]
)
def test_memory_is_four_last_caches_but_no_more_than_64_mib(last_cache: int | None, size: int) -> None:
    assert canary.footprint_bytes(last_cache) == size


def test_a_short_slot_has_short_pieces(tmp_path: Path) -> None:
    """20 pieces a launch: no more than a twentieth of any slot."""
    for k, (slot_s, piece_ms) in enumerate([(0.5, 1.0), (5.0, 10.0), (12.0, 10.0), (600.0, 10.0)]):
        assert small(tmp_path / str(k), int(slot_s * 1e9)).piece_ns == piece_ms * 1e6


@pytest.mark.parametrize(("piece_ns", "calls"), [(1, 1), (100, 1), (101, 2), (1000, 10)])
def test_a_piece_is_filled_with_calls_and_holds_one_at_least(piece_ns: int, calls: int) -> None:
    clock = FakeClock()
    runtime = ScriptedRuntime(clock, [100])
    assert canary.piece(runtime, clock.now, piece_ns) == 100
    assert runtime.calls == calls


def test_a_run_slower_than_its_piece_is_a_piece_of_its_own() -> None:
    clock = FakeClock()
    assert canary.piece(ScriptedRuntime(clock, [7_000]), clock.now, 10) == 7_000


def test_the_clock_is_the_least_of_five_and_the_memory_their_middle() -> None:
    story = [5_000, 3_000, 9_000, 4_000, 8_000]
    clock = FakeClock()
    birds = [Part("clock", min, ScriptedRuntime(clock, story)), Part("memory", median, ScriptedRuntime(clock, story))]
    assert canary.facts(Canary(birds, 10), "before", clock.now) == {
        "canary_clock_before_ns": 3_000,
        "canary_memory_before_ns": 5_000,
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("Failed to allocate memory for requested buffer"), "OUT_OF_MEMORY"),
        (MemoryError(), "OUT_OF_MEMORY"),
        (LaunchFailed("PROVIDER_MISSING", "none"), "PROVIDER_MISSING"),
        (runtime.ERRORS[0]("the kernel is gone"), "BAD_INPUT"),
    ],
    ids=["a runtime without memory", "numpy without memory", "no provider", "an error of the runtime"],
)
def test_a_canary_that_fails_while_it_runs_is_null_with_the_reason(error: Exception, kind: str) -> None:
    clock = FakeClock()
    birds = [Part("clock", min, Failing(error)), Part("memory", median, ScriptedRuntime(clock, [7]))]
    facts = canary.facts(Canary(birds, 10), "after", clock.now)
    assert (facts["canary_clock_after_ns"], facts["canary_memory_after_ns"]) == (None, 7)
    assert kind in facts["canary_clock_after_ns_reason"]
    assert "canary_memory_after_ns_reason" not in facts


def test_a_graph_that_the_runtime_refuses_is_null_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "CLOCK", canary.CLOCK[: len(canary.CLOCK) // 2])
    facts = canary.facts(small(tmp_path), "before", MonotonicClock.now)
    assert facts["canary_clock_before_ns"] is None
    assert "INVALID_GRAPH" in facts["canary_clock_before_ns_reason"]
    assert facts["canary_memory_before_ns"] > 0


def test_a_board_with_little_free_memory_goes_without_the_memorys_graph(tmp_path: Path) -> None:
    tree = cache(tmp_path, "32K", "16M")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(f"MemAvailable: {(256 << 10) - 1} kB\n")
    facts = canary.facts(canary.make(tree, [0], 0), "before", MonotonicClock.now)
    assert facts["canary_memory_before_ns"] is None
    assert "67108864 bytes, 4 times as many must be free" in facts["canary_memory_before_ns_reason"]
    assert facts["canary_clock_before_ns"] > 0


def test_a_launch_brings_both_sides_of_both_graphs(start: Start, tmp_path: Path) -> None:
    client = start()
    assert isinstance(client.open(), wire.Hello)
    facts = client.launch(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz")).done.facts
    assert all(type(facts[name]) is int and facts[name] > 0 for name in SIDES), facts


def test_its_memory_is_not_the_models(start: Start, tmp_path: Path) -> None:
    """The graph runs over 64 MiB; the model holds a few kilobytes."""
    sysroot = tmp_path / "board"
    cache(sysroot, "64M")
    client = start()
    assert isinstance(client.open(sysroot=str(sysroot)), wire.Hello)
    facts = client.launch(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz")).done.facts
    assert facts["canary_memory_after_ns"] > 0
    assert facts["hwm_run"] - facts["rss_load"] < 16 * MIB


def test_where_it_cannot_run_the_launch_goes_on(start: Start, tmp_path: Path) -> None:
    sysroot = tmp_path / "board"
    cache(sysroot, "64M")
    (sysroot / "proc").mkdir()
    (sysroot / "proc/meminfo").write_text("MemTotal: 262144 kB\nMemAvailable: 131072 kB\n")
    client = start()
    assert isinstance(client.open(sysroot=str(sysroot)), wire.Hello)
    facts = client.launch(parts.mlp(tmp_path / "mlp.onnx"), parts.ones(tmp_path / "ones.npz")).done.facts
    assert [facts[name] for name in SIDES[2:]] == [None, None]
    assert all("134217728 are" in facts[f"{name}_reason"] for name in SIDES[2:])
    assert facts["n"] >= 50
