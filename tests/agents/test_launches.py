"""Launches through a real agent, a real runner and a real onnxruntime."""

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import agents_support as parts
from agents_support import Board, Client
from farm_agents import wire
from farm_lab import synthetic
from farm_orchestrator.model import PRESETS

Start = Callable[..., Client]


def outputs_of(board: Board, launch: parts.Launch) -> dict[str, Any]:
    """The file that an evaluate launch names, checked against what it says of it."""
    (said,) = launch.of(wire.Outputs)
    path = board.base / "scratch" / said.launch / said.name
    assert (parts.sha256(path.read_bytes()), path.stat().st_size) == (said.sha256, said.size)
    with np.load(path) as arrays:
        return dict(arrays)


def golden(board: Board, tmp_path: Path, **arrays: Any) -> str:
    return board.push(parts.save_arrays(tmp_path / "golden.npz", **arrays))


def test_a_measure_launch_brings_samples_and_every_fact_or_the_reason_why_not(
    client: Client, mlp: Path, ones: Path
) -> None:
    launch = client.launch(mlp, ones)
    facts = launch.done.facts
    assert launch.stages == ["import", "verify", "load", "bind", "first", "warmup", "slot", "send"]
    assert len(launch.latency_ns) == facts["n"] >= 50
    assert min(launch.latency_ns) > 0
    assert facts["capped"] or facts["slot_t1_ns"] - facts["slot_t0_ns"] >= parts.QUICK["slot_s"] * 1e9
    assert facts["wall_ns"] >= facts["slot_t1_ns"] - facts["slot_t0_ns"]
    assert facts["threads"] == 1
    assert facts["cpus"] == [0]
    assert facts["providers"] == [parts.CPU]
    assert facts["options"]["session.intra_op.allow_spinning"] == "1"
    names = [
        "import_ms",
        "load_ms",
        "first_ms",
        "second_ms",
        "warmup_ms",
        "warmup_n",
        "warmup_windows",
        "warmup_coarse",
        "slides",
        "steady",
        "steady_broken",
        "slot_t0_ns",
        "slot_t1_ns",
        "clock_resolution_ns",
        "cpu_ns",
        "wall_ns",
        "cpu_per_wall",
        "run_queue_ns",
        "nvcsw",
        "nivcsw",
        "minflt",
        "majflt",
        "rss_import",
        "hwm_load",
        "rss_load",
        "hwm_run",
        "peak_memory",
        "page_size",
        "n",
        "capped",
        "threads",
        "cpus",
        "providers",
        "options",
        "output_digest",
        "output_finite",
        "golden_sqnr_db",
        "golden_max_abs",
        "golden_exact",
        "python",
        "numpy",
        "onnxruntime",
        "governor",
        "freq_khz_start",
        "freq_khz_end",
        "temp_mc_launch",
        "temp_mc_start",
        "temp_mc_end",
        "boot_id",
        *(f"canary_{part}_{when}_ns" for part in ("clock", "memory") for when in ("before", "after")),
        *("psi_cpu_some_us", "foreign_cpu_ns", "swap_in_pages", "swap_out_pages", "freq_transitions"),
        *("cooling_state_max", "rss_run", "pss", "uss", "swap_pss", "nvmap_import", "nvmap"),
        *("cgroup_peak", "cgroup_oom_kills"),
        *(f"{name}_{when}" for name in ("throttled_bits", "governor", "devfreq_hz") for when in ("start", "end")),
        *(f"freq_{limit}_khz_{when}" for limit in ("min", "max") for when in ("start", "end")),
    ]
    assert [name for name in names if facts.get(name) is None and not facts.get(f"{name}_reason")] == []


def test_the_labs_stand_in_names_every_fact_of_a_real_launch(client: Client, mlp: Path, ones: Path) -> None:
    real = client.launch(mlp, ones).done.facts
    asked = json.loads(wire.encode(parts.job(mlp, client.board.push(ones))))
    truth = {**synthetic.TRUTH, "sleep_s": 0.0}
    said = [*synthetic.perform(synthetic.Launch(asked, truth, "vb001", "1"))][-1]["facts"]
    own = {
        "boot_id",
        "throttle",
        "time_in_state",
        "sampler",
        "onnxruntime_build",
        "cgroup_peak",
        "cgroup_oom_kills",
    }  # of the supervisor, and of a build
    assert {name for name in real if not name.endswith("_reason")} - own <= said.keys()


def test_every_chunk_of_samples_names_the_start_of_the_slot_and_continues_the_last(
    client: Client, tmp_path: Path, ones: Path
) -> None:
    launch = client.launch(parts.identity(tmp_path / "identity.onnx"), ones, recipe={"slot_s": 0.3})
    chunks = launch.of(wire.Samples)
    assert {chunk.t0_ns for chunk in chunks} == {launch.done.facts["slot_t0_ns"]}
    lengths = [len(chunk.latency_ns) for chunk in chunks]
    assert [chunk.first for chunk in chunks] == [sum(lengths[:k]) for k in range(len(lengths))]


def test_the_slot_is_free_of_page_faults(client: Client, tmp_path: Path, ones: Path) -> None:
    facts = client.launch(parts.identity(tmp_path / "identity.onnx"), ones, recipe={"slot_s": 0.3}).done.facts
    assert facts["minflt"] <= 2 * facts["n"] / 1000


def test_a_paced_launch_carries_the_start_delay_of_each_iteration(client: Client, mlp: Path, ones: Path) -> None:
    launch = client.launch(mlp, ones, point={"pace_hz": 200.0}, recipe={"slot_s": 0.2, "min_iterations": 10})
    delays = [ns for chunk in launch.of(wire.Samples) for ns in chunk.start_delay_ns]
    assert len(delays) == launch.done.facts["n"]
    assert min(delays) >= 0
    assert launch.done.facts["n"] <= 41
    assert isinstance(launch.done.facts["missed"], int)


def test_threads_default_to_as_many_as_the_cpus_of_the_point(client: Client, mlp: Path, ones: Path) -> None:
    facts = client.launch(mlp, ones, point={"cpus": "all", "threads": None}).done.facts
    assert facts["threads"] == len(facts["cpus"]) == facts["options"]["intra_op_num_threads"]


def test_cpus_that_the_board_does_not_have_are_refused_before_the_load(client: Client, mlp: Path, ones: Path) -> None:
    failed = client.launch(mlp, ones, point={"cpus": "0,4000"}).failed
    assert (failed.stage, failed.kind) == ("import", "BAD_INPUT")
    assert "this process may use" in failed.detail


def test_symbolic_dimensions_are_bound_by_name_and_recorded(client: Client, mlp: Path, ones: Path) -> None:
    facts = client.launch(mlp, ones, feeds={"dims": {"batch": 1}}).done.facts
    assert facts["options"]["free_dimensions"] == {"batch": 1}


def test_an_evaluate_launch_runs_the_rows_one_by_one(client: Client, board: Board, mlp: Path, tmp_path: Path) -> None:
    rows = np.arange(5 * 64, dtype=np.uint8).reshape(5, 64)
    arrays = parts.save_arrays(tmp_path / "rows.npz", images=rows)
    feeds = {"arrays": {"x": "images"}, "scale": {"x": 0.0625}, "rows": 5}
    launch = client.launch(mlp, arrays, kind="evaluate", feeds=feeds)
    outputs = outputs_of(board, launch)
    single = parts.save_arrays(tmp_path / "row3.npz", x=(rows[3:4] * np.float32(0.0625)).astype(np.float32))
    alone = outputs_of(board, client.launch(mlp, single, kind="evaluate", launch="2.1"))
    assert outputs["y"].shape == (5, 8)
    assert launch.done.facts["rows"] == 5
    np.testing.assert_allclose(outputs["y"][3:4], alone["y"], rtol=1e-5)


def test_rows_end_with_the_time_they_have_and_the_reason_is_told(
    client: Client, board: Board, mlp: Path, tmp_path: Path
) -> None:
    arrays = parts.save_arrays(tmp_path / "rows.npz", x=np.ones((5, 64), np.float32))
    launch = client.launch(
        mlp, arrays, kind="evaluate", feeds={"arrays": {"x": "x"}, "rows": 5}, recipe={"rows_s": 0.0}
    )
    facts = launch.done.facts
    assert outputs_of(board, launch)["y"].shape == (1, 8)
    assert (facts["rows"], facts["rows_asked"], facts["rows_reason"]) == (1, 5, "0 s were over")


def test_a_dry_load_sends_the_outputs_of_the_common_inputs(client: Client, board: Board, mlp: Path, ones: Path) -> None:
    launch = client.launch(mlp, ones, kind="evaluate")
    assert outputs_of(board, launch)["y"].shape == (1, 8)
    assert launch.of(wire.Samples) == []


def test_scratch_of_the_last_launch_stays_until_the_next_one_starts(
    client: Client, board: Board, mlp: Path, ones: Path
) -> None:
    client.launch(mlp, ones, kind="evaluate")
    assert (board.base / "scratch" / "1.1" / "outputs.npz").exists()
    client.launch(mlp, ones, kind="evaluate", launch="2.1")
    assert [path.name for path in (board.base / "scratch").iterdir()] == ["2.1"]


def test_the_golden_output_of_the_same_model_is_no_finding(
    client: Client, board: Board, mlp: Path, ones: Path, tmp_path: Path
) -> None:
    own = outputs_of(board, client.launch(mlp, ones, kind="evaluate"))
    done = client.launch(mlp, ones, golden=golden(board, tmp_path, **own), launch="2.1").done
    assert (done.facts["golden_exact"], done.facts["golden_max_abs"]) == (True, 0.0)
    assert [finding["name"] for finding in done.findings if finding["name"] == "BOARD_DIFFERS"] == []


def test_the_golden_output_of_another_model_is_a_finding_and_the_launch_goes_on(
    client: Client, board: Board, mlp: Path, ones: Path, tmp_path: Path
) -> None:
    other = parts.mlp(tmp_path / "other.onnx", seed=1)
    foreign = outputs_of(board, client.launch(other, ones, kind="evaluate"))
    launch = client.launch(mlp, ones, golden=golden(board, tmp_path, **foreign), launch="2.1")
    assert "BOARD_DIFFERS" in [finding["name"] for finding in launch.done.findings]
    assert launch.done.facts["golden_sqnr_db"] < 40
    assert launch.latency_ns


def test_few_iterations_are_a_finding_and_the_data_is_kept(client: Client, mlp: Path, ones: Path) -> None:
    launch = client.launch(
        mlp, ones, point={"pace_hz": 20.0}, recipe={"slot_s": 0.1, "slot_cap_s": 0.2, "warmup_iterations": 1}
    )
    assert "FEW_ITERATIONS" in [finding["name"] for finding in launch.done.findings]
    assert 0 < len(launch.latency_ns) < 50


def test_a_model_that_never_rests_is_a_finding_and_the_last_slot_is_kept(client: Client, mlp: Path, ones: Path) -> None:
    never = {"drift_max": 0.0, "half_max": 0.0, "spread_max": 0.0}
    recipe = {"warmup_max_s": 0.2, "window_s": 0.005, **never}
    launch = client.launch(mlp, ones, recipe=recipe)
    facts = launch.done.facts
    (finding,) = [found for found in launch.done.findings if found["name"] == "NOT_STEADY"]
    assert "at most 0.00%" in finding["text"]
    assert (facts["steady"], facts["warmup_windows"], facts["slides"]) == (False, 12, 0)
    assert facts["warmup_ms"] >= 200
    assert len(launch.latency_ns) == facts["n"] >= 50


def test_a_launch_of_the_quick_preset_is_warmed_up_within_its_bounds(client: Client, mlp: Path, ones: Path) -> None:
    facts = client.launch(mlp, ones, recipe=PRESETS["quick"].to_json()).done.facts
    assert facts["warmup_ms"] >= 300
    assert facts["steady"] in {True, False}
    assert (facts["warmup_windows"], facts["warmup_coarse"]) == (12, False)
    assert facts["slot_t1_ns"] - facts["slot_t0_ns"] >= 0.5e9


def test_a_provider_that_is_not_there_is_refused_before_the_load(client: Client, mlp: Path, ones: Path) -> None:
    launch = client.launch(mlp, ones, point={"provider": "QNNExecutionProvider"})
    assert launch.failed.kind == "PROVIDER_MISSING"
    assert "CPUExecutionProvider" in launch.failed.detail


def test_an_operator_without_a_kernel_is_not_implemented(client: Client, tmp_path: Path) -> None:
    model = parts.double_conv(tmp_path / "double.onnx")
    arrays = parts.save_arrays(tmp_path / "x.npz", x=np.ones((1, 1, 8, 8)))
    failed = client.launch(model, arrays).failed
    assert (failed.stage, failed.kind) == ("load", "NOT_IMPLEMENTED")


def test_half_a_model_is_an_invalid_graph(client: Client, mlp: Path, ones: Path) -> None:
    mlp.write_bytes(mlp.read_bytes()[:-2000])
    failed = client.launch(mlp, ones).failed
    assert (failed.stage, failed.kind) == ("load", "INVALID_GRAPH")


@pytest.mark.parametrize(
    ("arrays", "stage"),
    [({"z": np.ones((1, 64), np.float32)}, "bind"), ({"x": np.ones((1, 63), np.float32)}, "first")],
    ids=["a missing array", "a wrong shape"],
)
def test_inputs_that_do_not_fit_the_graph_are_bad_input(
    client: Client, mlp: Path, tmp_path: Path, arrays: dict[str, Any], stage: str
) -> None:
    failed = client.launch(mlp, parts.save_arrays(tmp_path / "bad.npz", **arrays)).failed
    assert (failed.stage, failed.kind) == (stage, "BAD_INPUT")
    assert "x" in failed.detail


def test_inputs_with_one_flipped_byte_fail_at_verify(client: Client, board: Board, mlp: Path, ones: Path) -> None:
    digest = board.push(ones)
    assert client.prepare([mlp], digest) == wire.Ready([])
    spoilt = bytearray(board.stored(digest).read_bytes())
    spoilt[len(spoilt) // 2] ^= 0xFF
    board.stored(digest).write_bytes(spoilt)
    client.send(parts.job(mlp, digest))
    failed = client.hear().failed
    assert (failed.stage, failed.kind) == ("verify", "BAD_INPUT")
    assert digest in failed.detail


def test_an_endless_loop_ends_at_the_deadline(client: Client, tmp_path: Path, ones: Path) -> None:
    failed = client.launch(parts.endless(tmp_path / "endless.onnx"), ones, deadline_s=3.0).failed
    assert (failed.stage, failed.kind) == ("first", "TIMEOUT")


def test_forty_gigabytes_are_out_of_memory(start: Start, tmp_path: Path) -> None:
    """The limit on address space stands in for a small board and keeps this machine whole."""
    limit = 4 << 30
    client = start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert isinstance(client.open(), wire.Hello)
    model = parts.forty_gigabytes(tmp_path / "bomb.onnx")
    arrays = parts.save_arrays(tmp_path / "shape.npz", x=np.array([100_000, 100_000], np.float32))
    failed = client.launch(model, arrays).failed
    assert (failed.stage, failed.kind) == ("first", "OUT_OF_MEMORY")


def test_a_model_too_large_for_the_free_memory_is_not_loaded(client: Client, mlp: Path, ones: Path) -> None:
    failed = client.launch(mlp, ones, body={"bytes": 1 << 50}).failed
    assert (failed.stage, failed.kind) == ("verify", "OUT_OF_MEMORY")
    assert "available" in failed.detail


def test_an_output_that_is_not_finite_fails_the_launch(client: Client, tmp_path: Path, ones: Path) -> None:
    failed = client.launch(parts.not_a_number(tmp_path / "nan.onnx"), ones).failed
    assert (failed.stage, failed.kind) == ("first", "NON_FINITE")


def test_a_failed_launch_leaves_the_agent_ready_for_the_next(
    client: Client, tmp_path: Path, mlp: Path, ones: Path
) -> None:
    assert client.launch(parts.not_a_number(tmp_path / "nan.onnx"), ones).failed
    assert client.launch(mlp, ones, launch="2.1").done


def test_peak_memory_of_a_small_model_does_not_remember_a_large_one(
    client: Client, mlp: Path, ones: Path, tmp_path: Path
) -> None:
    alone = client.launch(mlp, ones).done.facts
    large = client.launch(parts.mlp(tmp_path / "large.onnx", width=200_000), ones, launch="2.1").done.facts
    after = client.launch(mlp, ones, launch="3.1").done.facts
    assert large["peak_memory"] > 1.5 * alone["peak_memory"]
    assert abs(after["peak_memory"] / alone["peak_memory"] - 1) < 0.05


def test_the_peak_of_the_run_does_not_hold_the_peak_of_the_load(client: Client, ones: Path, tmp_path: Path) -> None:
    facts = client.launch(parts.mlp(tmp_path / "large.onnx", width=200_000), ones).done.facts
    assert facts["hwm_run"] < facts["hwm_load"] == facts["peak_memory"]
