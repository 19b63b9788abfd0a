"""`--memory-limit`: what is refused, what is told, and a variant that takes more."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from onnx import helper, numpy_helper

import agents_support as parts
from farm_agents import cgroup
from farm_agents.sysfs import Sysfs
from run_support import DIGITS, QUICK, Desk

PAIR = (DIGITS / "fp32.onnx", DIGITS / "int8.onnx")
HERE = cgroup.reason(Sysfs())  # None where this machine and account can hold a limit


@pytest.mark.parametrize(("text", "why"), [
    ("180", "'180' is no size; write it like 180MB or 1.5GiB"),
    ("lots", "'lots' is no size"),
    ("-180MB", "'-180MB' is no size"),
    ("0MB", "'0MB' is no size"),
    ("180Mb", "'180Mb' is no size"),
    ("0.9x", "'0.9x' is relative, and a launch is ended at a size"),
    ("+5%", "judged by peak_memory, under limits: in variants.yaml"),
    ("4MB", "'4MB' is too small: Python and onnxruntime alone take more than 32MB"),
    ("1000000000GB", "is more than any board has"),
])  # fmt: skip
def test_what_is_no_limit_of_memory_is_refused_before_anything_starts(desk: Desk, text: str, why: str) -> None:
    said = desk.farm("run", *PAIR, "--memory-limit", text)
    assert (said.code, said.out) == (2, "")
    assert why in " ".join(said.err.split())
    assert "Traceback" not in said.err
    assert not desk.state.exists()


def test_a_dry_run_says_the_limit_and_without_one_nothing_of_it(desk: Desk) -> None:
    said = desk.farm("run", *PAIR, *QUICK, "--memory-limit", "0.5 GB", "--dry-run")
    assert "a launch that takes more than 500 MB of memory is ended, where the board can do that" in said.out
    assert "of memory is ended" not in desk.farm("run", *PAIR, *QUICK, "--dry-run").out


def greedy(path: Path) -> Path:
    """Like the other variant outside; inside it takes 400 MB."""
    weights = [
        numpy_helper.from_array(np.array([10_000, 10_000], np.int64), "shape"),
        numpy_helper.from_array(np.array([1, 8], np.int64), "last"),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0),
        helper.make_node("Expand", ["m", "shape"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["one"], keepdims=0),
        helper.make_node("Expand", ["one", "last"], ["y"]),
    ]
    return parts.save_model(path, nodes, [parts.tensor("x", [1, 64])], [parts.tensor("y", [1, 8])], weights)


def test_a_variant_over_the_limit_fails_and_the_others_are_measured(desk: Desk) -> None:
    small, large = parts.mlp(desk.folder / "small.onnx"), greedy(desk.folder / "large.onnx")
    said = desk.farm("run", small, large, *QUICK, "--memory-limit", "250MB", "--json")
    results = said.results
    assert results["run"]["memory_limit"] == 250_000_000
    cells = {cell["variant"]: cell for cell in results["cells"]}
    (folder,) = desk.runs()
    table = pq.read_table(folder / "launches.parquet").to_pylist()
    page = (folder / "report.html").read_text()
    assert cells["small"]["state"] == "measured"
    assert "A launch that took more than 250" in page
    assert {row["memory_limit"] for row in table if row["state"] == "done"} == {250_000_000}
    named = {finding["name"] for cell in cells.values() for finding in cell["findings"]}
    if HERE is None:
        assert cells["large"]["state"] == "failed"
        assert "OUT_OF_MEMORY: more than --memory-limit 250.0 MB allows" in cells["large"]["reason"]
        ended = [row for row in table if row["variant"] == "large" and row["state"] != "skipped"]
        assert len(ended) == 2  # out of memory is tried once more
        assert {(row["state"], row["memory_limit_held"], row["cgroup_oom_kills"]) for row in ended} == {
            ("failed", True, 1)
        }
        assert "MEMORY_NOT_LIMITED" not in named
    else:
        assert cells["large"]["state"] == "measured"
        assert {row["memory_limit_held"] for row in table if row["state"] == "done"} == {False}
        assert "MEMORY_NOT_LIMITED" in named
        assert "but not on local, which could not do that" in page
