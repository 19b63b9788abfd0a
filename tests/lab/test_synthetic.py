"""The stand-in runner keeps the runner's protocol, tells its truth, and admits what it is."""

import io
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm_agents import wire
from farm_lab import synthetic
from farm_orchestrator.intake import Answer, Intake
from farm_orchestrator.model import PRESETS, Point

RECIPE = {**PRESETS["quick"].to_json(), "warmup_s": 0.0, "slot_s": 0.05, "slot_cap_s": 0.2}


def job(name: str = "fp32", launch: str = "7.1", kind: str = "measure", **changes: Any) -> wire.Job:
    body = {
        "launch": launch, "kind": kind, "recipe": RECIPE, "point": Point().to_json(), "deadline_s": 60.0,
        "model": {"name": name, "variant": "a" * 64, "file": "m.onnx", "bytes": 1_000_000, "quantised": False},
        "feeds": {"sha256": "b" * 64, "arrays": {}, "scale": {}, "rows": None},
    }  # fmt: skip
    return wire.Job(**{**body, **changes})


def launch_of(asked: wire.Job, board: str = "vb001", seed: str = "1", **truth: Any) -> synthetic.Launch:
    body = json.loads(wire.encode(asked))
    return synthetic.Launch(body, {**synthetic.TRUTH, "sleep_s": 0.0, **truth}, board, seed)


def answer_of(launch: synthetic.Launch) -> Answer:
    """What the orchestrator makes of the lines."""
    return taken(launch.job["launch"], launch.job["kind"], [json.dumps(m).encode() for m in synthetic.perform(launch)])


def taken(launch: str, kind: str, lines: list[bytes]) -> Answer:
    intake = Intake(launch, kind)
    *before, last = [intake.take(wire.decode(line), len(line)) for line in lines]
    assert before == [None] * len(before)
    assert last is not None
    return last


def run_alone(asked: wire.Job, truth: Path) -> list[bytes]:
    """The program as the agent starts it: a process, pipes, one line in."""
    command = [sys.executable, "-IS", synthetic.__file__, str(truth), "vb001", "1", "runner"]
    line = json.dumps({**json.loads(wire.encode(asked)), "scene": {"base": "/x"}}).encode() + b"\n"
    done = subprocess.run(command, input=line, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    return done.stdout.splitlines()


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    file = tmp_path / "truth.json"
    file.write_text(json.dumps({"ms": {"fast": 0.5}}))
    return file


def test_alone_over_pipes_it_keeps_the_wire(truth: Path) -> None:
    lines = run_alone(job("fast"), truth)
    answer = taken("7.1", "measure", lines)
    stages = [m.stage for m in map(wire.decode, lines) if isinstance(m, wire.Stage)]
    assert stages == ["import", "verify", "load", "bind", "first", "warmup", "slot", "send"]
    assert isinstance(answer.end, wire.Done)
    assert answer.end.facts["n"] == len(answer.latency_ns) >= RECIPE["min_iterations"]
    assert 0.45e6 < statistics.median(answer.latency_ns.tolist()) < 0.55e6


def test_a_dry_load_is_done_without_samples(truth: Path) -> None:
    answer = taken("7.1", "evaluate", run_alone(job("fast", kind="evaluate"), truth))
    assert isinstance(answer.end, wire.Done)
    assert len(answer.latency_ns) == 0
    assert answer.end.facts["output_finite"]


def test_every_launch_says_that_it_is_synthetic_and_what_it_cannot_know() -> None:
    for kind in ("measure", "evaluate"):
        end = answer_of(launch_of(job(kind=kind))).end
        assert end.facts["synthetic"] is True
        unknown = [name for name, value in end.facts.items() if value is None]
        assert unknown
        assert all(end.facts[f"{name}_reason"] for name in unknown)


def test_the_facts_are_those_of_the_real_runner() -> None:
    facts = answer_of(launch_of(job())).end.facts
    assert {
        "import_ms", "load_ms", "first_ms", "second_ms", "warmup_ms", "slot_t0_ns", "slot_t1_ns", "clock_resolution_ns",
        "cpu_ns", "wall_ns", "cpu_per_wall", "run_queue_ns", "nvcsw", "nivcsw", "minflt", "majflt", "rss_import",
        "hwm_load", "rss_load", "hwm_run", "peak_memory", "page_size", "n", "capped", "missed", "threads", "cpus",
        "providers", "options", "output_digest", "output_finite", "golden_sqnr_db", "golden_max_abs", "golden_exact",
        "python", "numpy", "onnxruntime", "governor", "freq_khz_start", "freq_khz_end", "temp_mc_start", "temp_mc_end",
        "rss_run", "pss", "uss", "swap_pss", "nvmap_import", "nvmap", "temp_mc_launch",
        "canary_clock_before_ns", "canary_clock_after_ns", "canary_memory_before_ns", "canary_memory_after_ns",
        "psi_cpu_some_us", "foreign_cpu_ns", "swap_in_pages", "swap_out_pages", "freq_transitions", "cooling_state_max",
        "throttled_bits_start", "throttled_bits_end", "governor_start", "governor_end", "devfreq_hz_start",
        "devfreq_hz_end", "freq_min_khz_start", "freq_min_khz_end", "freq_max_khz_start", "freq_max_khz_end",
    } <= facts.keys()  # fmt: skip


def test_the_truth_is_looked_up_by_the_variants_name() -> None:
    flat: dict[str, Any] = {"sd": 0.0, "launch_sd": 0.0, "board_sd": 0.0}
    found = [
        int(answer_of(launch_of(job(name), ms={"a": 1.0, "a@past": 1.05}, default_ms=3.0, **flat)).latency_ns[0])
        for name in ("a", "a@past", "other", "@floor")
    ]
    assert found == [1_000_000, 1_050_000, 3_000_000, 10_000]


def test_chance_is_seeded_by_board_launch_and_seed() -> None:
    def first(**how: Any) -> list[int]:
        launch = how.pop("launch", "7.1")
        return list(answer_of(launch_of(job(launch=launch), **how)).latency_ns[:5])

    assert first() == first()
    assert len({tuple(x) for x in (first(), first(board="vb002"), first(seed="2"), first(launch="8.1"))}) == 4


def test_a_board_shifts_all_its_variants_alike_and_a_launch_shifts_one() -> None:
    def base(name: str, launch: str, board: str, **sd: Any) -> float:
        return launch_of(job(name, launch), board=board, ms={"a": 1.0, "b": 2.0}, **sd).base_ns()

    only_board: dict[str, Any] = {"board_sd": 0.1, "launch_sd": 0.0}
    assert base("b", "1.1", "vb001", **only_board) == pytest.approx(2 * base("a", "2.1", "vb001", **only_board))
    assert base("a", "1.1", "vb001", **only_board) != base("a", "1.1", "vb002", **only_board)
    only_launch: dict[str, Any] = {"board_sd": 0.0, "launch_sd": 0.1}
    assert base("a", "1.1", "vb001", **only_launch) != base("a", "2.1", "vb001", **only_launch)


def test_spreads_are_those_of_the_truth() -> None:
    sd = 0.05
    logs = [np.log(launch_of(job(launch=f"{i}.1"), launch_sd=sd, board_sd=0.0).base_ns()) for i in range(2000)]
    assert np.std(logs) == pytest.approx(sd, rel=0.1)
    fast = launch_of(job("x"), ms={"x": 0.01}, sd=sd)
    assert np.std(np.log(answer_of(fast).latency_ns)) == pytest.approx(sd, rel=0.1)


@given(st.floats(0.001, 100.0), st.floats(0.0, 1.0), st.sampled_from([None, 0.5, 20.0, 1000.0]))
@settings(max_examples=60, deadline=None)
def test_whatever_the_truth_the_wire_and_the_times_hold(ms: float, sd: float, pace_hz: float | None) -> None:
    point = Point(pace_hz=pace_hz).to_json()
    answer = answer_of(launch_of(job("x", point=point), ms={"x": ms}, sd=sd))
    facts = answer.end.facts
    assert 1 <= len(answer.latency_ns) == facts["n"] <= synthetic.MOST
    assert facts["slot_t1_ns"] >= facts["slot_t0_ns"] + (0 if pace_hz else answer.latency_ns.sum())
    assert (answer.start_delay_ns is not None) == (pace_hz is not None)
    assert 0 < facts["cpu_per_wall"] <= 1 or pace_hz
    for message in synthetic.perform(launch_of(job("x", point=point), ms={"x": ms}, sd=sd)):
        assert len(json.dumps(message)) < wire.LINE_LIMIT


def test_a_pace_that_is_too_fast_counts_what_it_missed() -> None:
    point = Point(pace_hz=1000.0).to_json()
    facts = answer_of(launch_of(job("x", point=point), ms={"x": 5.0}, sd=0.0)).end.facts
    assert facts["missed"] == facts["n"] > 0


def test_the_time_of_a_slot_passes_while_it_is_invented(truth: Path) -> None:
    start = time.monotonic()
    lines = run_alone(job("fast"), truth)
    slot_s = taken("7.1", "measure", lines).end.facts["wall_ns"] / 1e9
    assert time.monotonic() - start >= slot_s >= RECIPE["slot_s"]


def test_what_a_launch_takes_beside_its_slot_passes_too(truth: Path) -> None:
    truth.write_text(json.dumps({"ms": {"fast": 0.5}, "own_s": 0.3}))
    start = time.monotonic()
    lines = run_alone(job("fast"), truth)
    slot_s = taken("7.1", "measure", lines).end.facts["wall_ns"] / 1e9
    assert time.monotonic() - start >= 0.3 + slot_s


def test_a_launch_can_be_made_to_take_an_exact_time_from_the_start_of_its_process(truth: Path) -> None:
    truth.write_text(json.dumps({"sleep_s": 0.4}))
    for kind, rows in (("measure", None), ("evaluate", None), ("evaluate", 8)):
        feeds: dict[str, Any] = {"sha256": "b" * 64, "arrays": {}, "scale": {}, "rows": rows}
        start_ns = time.monotonic_ns()
        lines = [wire.decode(line) for line in run_alone(job(kind=kind, feeds=feeds), truth)]
        times = [m.t_ns for m in lines if isinstance(m, wire.Stage)]
        assert 0.4e9 <= times[-1] - start_ns < 30e9
        assert isinstance(lines[-1], wire.Done)


def test_the_exact_time_counts_from_the_start_that_was_told() -> None:
    asked = launch_of(job(), sleep_s=60.0)
    asked.start_ns -= 60 * 10**9
    start = time.monotonic()
    answer_of(asked)
    assert time.monotonic() - start < 30


def alone(program: str) -> str:
    """What a fresh interpreter prints that can import the stand-in and nothing else that is not built in or near."""
    prepared = f"import sys; sys.path.append({str(Path(synthetic.__file__).parent)!r}); {program}"
    done = subprocess.run([sys.executable, "-IS", "-c", prepared], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_start_of_the_process_is_never_put_too_early() -> None:
    before_ns = time.monotonic_ns()
    told = alone("import synthetic, time; sum(range(10**6)); print(synthetic.process_start_ns(), time.monotonic_ns())")
    begun_ns, worked_ns = map(int, told.split())
    assert before_ns <= begun_ns < worked_ns


def test_its_start_up_imports_nothing_that_costs() -> None:
    new = alone("old = set(sys.modules); import synthetic; print(*sorted(set(sys.modules) - old))").split()
    assert "synthetic" in new
    assert {"json", "re", "random", "dataclasses", "typing", "pathlib", "collections", "enum"}.isdisjoint(new)


AGENT = """
import json, subprocess, sys
if sys.argv[1:2] == ["runner"]:
    job = json.loads(sys.stdin.readline())
    print("real runner", job["launch"], sys.stdin.read() == "")
else:
    done = subprocess.run([sys.argv[2], "runner"], input=sys.stdin.read(), capture_output=True, text=True)
    print(done.stdout + done.stderr, end="")
"""


def test_a_dataset_is_evaluated_by_the_agents_own_runner(tmp_path: Path, truth: Path) -> None:
    agent, runner = tmp_path / "agent.py", tmp_path / "runner"
    agent.write_text(AGENT)
    words = " ".join([sys.executable, "-IS", synthetic.__file__, str(truth), "vb001", "1"])
    runner.write_text(f"#!/bin/sh\nexec {words}\n")
    runner.chmod(0o755)
    feeds = {"sha256": "b" * 64, "arrays": {}, "scale": {}, "rows": 100}
    line = wire.encode(job(kind="evaluate", feeds=feeds)).decode()
    done = subprocess.run(
        [sys.executable, "-I", str(agent), "--runner", str(runner)],
        input=line, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "real runner 7.1 True\n"


def test_a_missing_truth_file_ends_the_runner_with_its_reason(tmp_path: Path) -> None:
    command = [sys.executable, "-I", synthetic.__file__, str(tmp_path / "gone.json"), "vb001", "1"]
    done = subprocess.run(command, input=wire.encode(job()), capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert b"gone.json" in done.stderr
    assert io.BytesIO(done.stdout).read() == b""


def test_what_the_physics_said_in_a_slot_is_told_where_it_changed_and_never_without_an_end() -> None:
    calm, hot = ({"cool": cool, "high_khz": 2_400_000} for cool in (0, 2))
    seen = [{**said, "t_ns": k} for k, said in enumerate([calm, calm, hot, hot, calm])]
    told = synthetic.edges(seen)
    assert [(row["t_ns"], row["source"], row["value"]) for row in told["seen"]] == [
        (2, "cooling.cpufreq", 2), (4, "cooling.cpufreq", 0)
    ]  # fmt: skip
    assert told["kinds"] == {"cooling.cpufreq": "state", "policy0.max": "limit"}
    restless = [{"cool": k % 2, "t_ns": k} for k in range(50_000)]
    assert len(synthetic.edges(restless)["seen"]) == synthetic.MOST_CHANGES
