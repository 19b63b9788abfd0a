"""Slips of the pen: told at once, with nothing started, nothing imported that takes time, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import variants_support as make
from run_support import DIGITS, Desk

HEAVY = ("pandas", "celery", "fabric", "paramiko", "onnx", "onnxruntime", "rich", "sqlalchemy", "numpy", "scipy")
WATCHED = f"""
import sys
started = []
sys.addaudithook(lambda event, args: started.append(event) if event in {{
    "subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"}} else None)
from farm_orchestrator.cli import call
code = call(sys.argv[1:])
print("heavy", [name for name in {HEAVY} if name in sys.modules], "started", started)
sys.exit(code)
"""
WITH_ROWS = "dataset: {file: d.npz, inputs: {x: a}, labels: y}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere"],
        [str(DIGITS), "--nope"],
        [str(DIGITS), "--preset", "fast"],
        [str(DIGITS), "--boards", "rpi5-*"],
        [str(DIGITS), "--inventory", "none.yaml"],
        [str(DIGITS), "--max-blocks", "3"],
        [str(DIGITS), "--preset", "mlperf"],
        [str(DIGITS), "--baseline", "fp99"],
        [str(DIGITS), "--min-boards", "2"],
    ],
)
def test_a_slip_starts_no_process_imports_nothing_heavy_and_leaves_nothing(desk: Desk, arguments: list[str]) -> None:
    (desk.folder / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "run", *arguments],
        cwd=desk.folder, env=desk.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout == "heavy [] started []\n"
    assert [path.name for path in desk.folder.iterdir()] == ["home"]


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_traceback_of_a_refusal_is_for_those_who_ask_and_changes_no_exit_code(desk: Desk, place: str) -> None:
    said = desk.farm(*(["-vv", "run", "nowhere"] if place == "before" else ["run", "nowhere", "-vv"]))
    assert said.code == 2
    assert "Traceback" in said.err
    assert "farm: nowhere: there is no such file or directory" in said.err.splitlines()


@pytest.mark.parametrize(
    ("yaml", "fragments"),
    [
        ("inputs:\n  x: {dtype: int64, range: [0, 5]}\n", ["variants.yaml:2", "is float32, not int64", "or leave them"]),
        ("inputs:\n  x: {shape: [1, 63]}\n", ["variants.yaml:2", "has shape [N, 64], not [1, 63]", "or leave them"]),
        ("inputs:\n  x: {dtype: flot32}\n", ["variants.yaml:2:14", "did you mean 'float32'"]),
        ("inputs:\n  X: {shape: [1, 64]}\n", ["variants.yaml:2", "no variant has an input X", "did you mean x"]),
        (WITH_ROWS, ["variants.yaml:1", "the labels y have shape [9], the dataset 10 rows", "one label per row"]),
        (WITH_ROWS.replace("y}", "z}"), ["d.npz has no array z", "it holds a, y"]),
        (WITH_ROWS.replace("d.npz", "e.npz"), ["variants.yaml:1:17", "there is no file e.npz"]),
        ("baselne: fp32\n", ["variants.yaml:1:1", "there is no such key", "did you mean 'baseline'"]),
        ("variants:\n  '../x': {file: fp32.onnx}\n", ["variants.yaml:2:3", "write for example 'x'"]),
        ("variants:\n  x: {file: ../fp32.onnx}\n", ["variants.yaml:2:13", "without '..'"]),
        ("variants:\n  x: {file: a.onnx}\n  x: {file: b.onnx}\n", ["variants.yaml:3:3", "stands twice; first in line 2"]),
        ("limits: {latency_p50: 30 bananas}\n", ["variants.yaml:1:23", "write for example 30ms"]),
        ("ship: [int8]\n", ["variants.yaml:1:8", "no variant is called 'int8'; there are fp32"]),
        ("inputs: [1\n", ["variants.yaml:2:1", "expected ',' or ']'"]),
    ],
)  # fmt: skip
def test_a_slip_in_variants_yaml_is_told_with_its_place_and_its_mend(
    desk: Desk, yaml: str, fragments: list[str]
) -> None:
    folder = make.folder(desk.folder / "models", {"fp32": make.dense(64)}, yaml)
    np.savez(folder / "d.npz", a=np.zeros((10, 64), np.float32), y=np.zeros(9, np.int64))
    refused(desk, folder, fragments)


def test_a_directory_without_a_model_says_what_a_variant_is(desk: Desk) -> None:
    (desk.folder / "empty").mkdir()
    refused(desk, desk.folder / "empty", ["empty holds no .onnx file", "NAME.onnx directly in the directory"])


def test_a_name_that_a_browser_would_obey_is_refused_with_a_plain_one(desk: Desk) -> None:
    folder = make.folder(desk.folder / "models", {"fp32": make.dense(), "<script>": make.dense()})
    refused(desk, folder, ["'<script>.onnx' gives no name", "e.g. script.onnx"])


def test_two_files_of_one_name_are_refused(desk: Desk) -> None:
    folders = [make.folder(desk.folder / name, {"fp32": make.dense()}) for name in ("a", "b")]
    said = desk.farm("run", *(folder / "fp32.onnx" for folder in folders))
    assert said.code == 2
    assert "two variants are called fp32" in said.err
    assert "rename one" in said.err


def test_a_near_miss_of_a_directory_is_suggested(desk: Desk) -> None:
    (desk.folder / "models").mkdir()
    refused(desk, Path("modles"), ["did you mean models?"])


def refused(desk: Desk, path: Path, fragments: list[str]) -> None:
    said = desk.farm("run", path, "--preset", "quick")
    assert said.code == 2, said
    assert said.out == ""
    assert "Traceback" not in said.err
    assert not desk.runs()
    for fragment in fragments:
        assert fragment in said.err, said.err
