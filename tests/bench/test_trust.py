"""What is counted as a call, as found and as too noisy to tell; and that 5 % more work is really run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from bench import chains, trust
from bench.experiments import SEES, Comparison, Experiment, band
from bench.figures import exactly
from bench.restless import restless
from bench.rows import Row
from run_support import wait_for

BLOCKS = 12


def comparison(shift: float, sd: float, word: str, *, blocks: int = BLOCKS, raw_p: float = 0.5) -> Comparison:
    differences = shift + sd * np.random.default_rng(3).normal(size=blocks)
    return Comparison(word, float(np.exp(shift)), differences, raw_p)


SAME = comparison(0.0, 0.002, "same")
FOUND = comparison(0.05, 0.002, "slower")
MISSED = comparison(0.05, 0.002, "undecided")
NOISY = comparison(0.05, 0.06, "undecided")


def experiments(same: Comparison, more: Comparison, count: int) -> list[Experiment]:
    return [Experiment(same, more, BLOCKS, 0)] * count


def rows(*taken: Experiment) -> list[Row]:
    return trust.rows(taken, exactly(1.05))


def test_the_runtime_runs_every_layer_and_the_models_differ_in_nothing_else(tmp_path: Path) -> None:
    base, again, more = chains.three(tmp_path)
    assert base.read_bytes() == again.read_bytes()
    assert [layers(path, tmp_path) for path in (base, more)] == [20, 21]
    feed = {"x": np.random.default_rng(1).random((chains.ROWS, chains.WIDTH), np.float32)}
    for path in (base, more):
        (out,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feed)
        assert np.linalg.norm(out) == pytest.approx(np.linalg.norm(feed["x"]), rel=1e-3)


def layers(path: Path, folder: Path) -> int:
    """MatMul nodes that are left after the runtime's own optimisation."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(options.optimized_model_filepath).graph.node
    return sum("MatMul" in node.op_type or "Gemm" in node.op_type for node in nodes)


def test_the_band_of_one_per_cent_lets_three_of_thirty_pass() -> None:
    assert [band(runs) for runs in (10, 30, 100)] == [2, 3, 5]


def test_a_comparison_is_judged_again_at_the_level_of_a_gate() -> None:
    assert (SAME.strict_word, FOUND.strict_word) == ("same", "slower")
    few = comparison(0.05, 0.002, "invalid", blocks=7)
    assert few.strict_word == "invalid"
    assert few.smallest_effect == np.inf
    assert FOUND.smallest_effect < SEES < NOISY.smallest_effect


def test_runs_that_saw_less_than_they_should_are_not_counted_but_told() -> None:
    found = rows(*experiments(SAME, FOUND, 9), *experiments(SAME, MISSED, 1), *experiments(SAME, NOISY, 2))[2]
    assert found.figure is not None
    assert found.figure.value == 90
    assert found.ok
    assert "9 of 10 runs" in found.note
    assert "the other 2 (undecided 2)" in found.note


def test_more_than_one_miss_in_ten_fails() -> None:
    assert rows(*experiments(SAME, FOUND, 8), *experiments(SAME, MISSED, 2))[2].ok is False


def test_where_every_run_was_too_noisy_it_is_told_how_often_it_was_found_and_no_bound_is_claimed() -> None:
    loud = comparison(0.05, 0.06, "slower")
    found = rows(*experiments(SAME, NOISY, 3), *experiments(SAME, loud, 1))[2]
    assert found.figure is not None
    assert (found.figure.value, found.bound) == (25, None)
    assert "1 of 4 runs" in found.note
    assert "none did" in found.note


def test_calls_of_identical_files_count_beside_those_of_raw_iterations() -> None:
    wolf = comparison(0.02, 0.001, "slower", raw_p=1e-9)
    called, raw = rows(*experiments(SAME, FOUND, 8), *experiments(wolf, FOUND, 2))[:2]
    assert (called.figure, called.ok) == (exactly(2, called.note), True)
    assert rows(*experiments(wolf, FOUND, 3))[0].ok is False
    assert raw.figure is not None
    assert raw.figure.value == 2


def test_under_load_one_false_difference_is_too_many() -> None:
    wolf = comparison(-0.05, 0.001, "faster")
    calm = {"note": experiments(SAME, NOISY, 2), "drop": [Experiment(SAME, MISSED, 12, 3)]}
    assert [row.ok for row in trust.loaded_rows(calm)[:2]] == [True, True]
    assert [row.figure.value for row in trust.loaded_rows(calm)[2:] if row.figure] == [0, 25]
    assert trust.loaded_rows({**calm, "drop": experiments(wolf, FOUND, 1)})[0].ok is False
    assert trust.loaded_rows({**calm, "drop": experiments(SAME, wolf, 1)})[1].ok is False


def test_the_load_spins_on_every_cpu_and_ends_with_its_context() -> None:
    with restless():
        wait_for(lambda: len(spinning()) == len(os.sched_getaffinity(0)), "a process on each CPU")
    assert not spinning()


def spinning() -> list[Path]:
    """The children of this process that make the load."""
    mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path("/proc") / pid for pid in mine if b"restless.py" in (Path("/proc") / pid / "cmdline").read_bytes()]
