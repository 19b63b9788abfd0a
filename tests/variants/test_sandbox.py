"""Whatever a model does, it does it to a process that may die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

import variants_support as make
from farm_orchestrator.errors import FarmError
from farm_orchestrator.variants.sandbox import SCRIPT, Job, Sandbox
from variants_corpus import MADE

FLOATS = {"x": "float32"}


def job(folder: Path, name: str, content: bytes, shape: tuple[int, ...]) -> Job:
    """The model `content` on ones."""
    work = folder / name
    work.mkdir()
    (work / "model.onnx").write_bytes(content)
    np.savez(work / "feeds.npz", x=np.ones(shape, np.float32))
    return Job.of(work / "model.onnx", len(content), work / "feeds.npz", FLOATS, work)


def peak_kb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a_bomb_ends_by_its_memory_limit_and_a_loop_by_its_cpu_limit(tmp_path: Path) -> None:
    bomb = job(tmp_path, "bomb", MADE["bomb_constantofshape"](), (1, 1))
    loop = job(tmp_path, "loop", MADE["endless_loop"](), (1,))
    good = job(tmp_path, "good", make.dense().SerializeToString(), (1, 4))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before = peak_kb()
    with Sandbox() as sandbox:
        ended = sandbox.run([bomb, loop, good])
    assert peak_kb() - before < 200_000
    assert (ended[0].signal, ended[0].outputs) == (0, ())
    assert "alloc" in ended[0].detail
    assert ended[1].signal in (signal.SIGXCPU, signal.SIGKILL)
    assert (ended[2].kind, ended[2].outputs) == (None, ("logits",))


def test_the_limits_grow_with_the_model(tmp_path: Path) -> None:
    small, large = (Job.of(tmp_path, size, tmp_path, {}, tmp_path) for size in (1000, 3 << 30))
    assert (small.memory, small.cpu_s) == (4 << 30, 4)
    assert (large.memory, large.cpu_s) == (12 << 30, 4 + 32)


def test_a_child_over_its_wall_time_is_ended(tmp_path: Path) -> None:
    loop = job(tmp_path, "loop", MADE["endless_loop"](), (1,))
    with Sandbox() as sandbox:
        ended = sandbox.run([Job(**{**vars(loop), "cpu_s": 3600, "wall_s": 0.5})])
    assert ended[0].signal == signal.SIGKILL


def test_the_child_sees_no_environment_no_stdin_and_its_own_folder(tmp_path: Path) -> None:
    work = tmp_path / "w"
    work.mkdir()
    probe = (
        "import json, os, sys; sys.argv = ['']; "
        f"namespace = {{'__name__': 'sandboxed'}}; exec(open({str(SCRIPT)!r}).read(), namespace); "
        "namespace['attempt'] = lambda job: {'kind': None, 'detail': json.dumps("
        "[os.getcwd(), os.read(0, 1).decode(), sorted(os.listdir('/proc/self/fd'))]), 'outputs': []}; "
        "namespace['main']()"
    )
    body = {"model": "", "feeds": "", "tensors": {}, "folder": str(work), "memory": 4 << 30, "cpu_s": 4, "wall_s": 60}
    order = json.dumps({"workers": 1, "jobs": [body]}).encode() + b"\n"
    with subprocess.Popen([sys.executable, "-c", probe], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order)
        process.stdin.flush()
        line = json.loads(process.stdout.readline())
    folder, read, handles = json.loads(line["detail"])
    assert (folder, read) == (str(work), "")
    assert len(handles) == 5  # 0, 1, 2, the pipe of the result, and the listing itself


def test_the_sandbox_ends_its_children_when_nobody_listens(tmp_path: Path) -> None:
    loop = job(tmp_path, "loop", MADE["endless_loop"](), (1,))
    body = {**vars(loop), "cpu_s": 3600, "wall_s": 3600.0}
    process = subprocess.Popen(
        [sys.executable, "-I", str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"workers": 1, "jobs": [body]}).encode() + b"\n")
    process.stdin.close()
    assert process.wait(timeout=60) == 1
    assert process.stdout.read() == b""  # the child, who shared this pipe, is gone too
    process.stdout.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_outputs_that_are_no_tensors_are_told(tmp_path: Path) -> None:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    sequence = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    made = make.model([node], [make.value("x", [1, 4])], [sequence]).SerializeToString()
    with Sandbox() as sandbox:
        ended = sandbox.run([job(tmp_path, "sequence", made, (1, 4))])
    assert "only tensors can be measured" in ended[0].detail


def test_outputs_beyond_the_limit_are_told_before_they_fill_the_disk(tmp_path: Path) -> None:
    nodes = [*make.constant_of("big", [70_000_000], 1.0), helper.make_node("Add", ["x", "big"], ["y"])]
    made = make.model(nodes, [make.value("x", [1])], [make.value("y", [70_000_000])]).SerializeToString()
    with Sandbox() as sandbox:
        ended = sandbox.run([job(tmp_path, "big", made, (1,))])
    assert (ended[0].kind, ended[0].detail) == (
        "MemoryError",
        "the outputs take 280,000,000 bytes, 268,435,456 at most",
    )
    assert not list((tmp_path / "big").glob("outputs*"))


def test_a_sandbox_that_dies_is_an_error_of_the_farm(tmp_path: Path) -> None:
    good = job(tmp_path, "good", make.dense().SerializeToString(), (1, 4))
    with Sandbox() as sandbox:
        sandbox._process.kill()
        sandbox._process.wait()
        with pytest.raises(FarmError, match="sandbox"):
            sandbox.run([good])
