"""Small models, a board's folder and a client that speaks the wire to a real agent."""

import hashlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper

from farm_agents import wire
from farm_agents.sysfs import Sysfs

PATIENCE_S = 60.0
CPU = "CPUExecutionProvider"
QUICK = {"warmup_s": 0.02, "slot_s": 0.05, "slot_cap_s": 1.0, "warmup_iterations": 10, "min_iterations": 50}
VARIANT = "ab" * 32


def save_model(
    path: Path, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], weights: Any = ()
) -> Path:
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def tensor(name: str, shape: Any, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def identity(path: Path) -> Path:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    return save_model(path, nodes, [tensor("x", [1, 64])], [tensor("y", [1, 64])])


def mlp(path: Path, width: int = 32, seed: int = 0) -> Path:
    """x[1, 64] -> y[1, 8] through one hidden layer; `width` sets the size of the file."""
    random = np.random.default_rng(seed)
    weights = [
        onnx.numpy_helper.from_array(random.standard_normal((64, width)).astype(np.float32), "a"),
        onnx.numpy_helper.from_array(random.standard_normal((width, 8)).astype(np.float32), "b"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "b"], ["y"]),
    ]
    return save_model(path, nodes, [tensor("x", ["batch", 64])], [tensor("y", ["batch", 8])], weights)


def not_a_number(path: Path) -> Path:
    """Finite inputs, but the logarithm of a negative number."""
    nodes = [
        helper.make_node("Abs", ["x"], ["p"]),
        helper.make_node("Neg", ["p"], ["n"]),
        helper.make_node("Log", ["n"], ["y"]),
    ]
    return save_model(path, nodes, [tensor("x", [1, 64])], [tensor("y", [1, 64])])


def double_conv(path: Path) -> Path:
    weights = [helper.make_tensor("w", TensorProto.DOUBLE, [1, 1, 1, 1], [1.0])]
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    shape = [1, 1, 8, 8]
    inputs, outputs = tensor("x", shape, TensorProto.DOUBLE), tensor("y", shape, TensorProto.DOUBLE)
    return save_model(path, nodes, [inputs], [outputs], weights)


def endless(path: Path) -> Path:
    """A Loop of 2^62 trips."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["state", "one"], ["next"])],
        "body",
        [tensor("i", [], TensorProto.INT64), tensor("go", [], TensorProto.BOOL), tensor("state", [1, 64])],
        [tensor("on", [], TensorProto.BOOL), tensor("next", [1, 64])],
        [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    weights = [
        helper.make_tensor("trips", TensorProto.INT64, [], [1 << 62]),
        helper.make_tensor("yes", TensorProto.BOOL, [], [1]),
    ]
    nodes = [helper.make_node("Loop", ["trips", "yes", "x"], ["y"], body=body)]
    return save_model(path, nodes, [tensor("x", [1, 64])], [tensor("y", [1, 64])], weights)


def forty_gigabytes(path: Path) -> Path:
    """A shape that comes in as data, so that nothing is folded at load."""
    fill = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("Cast", ["x"], ["shape"], to=TensorProto.INT64),
        helper.make_node("ConstantOfShape", ["shape"], ["y"], value=fill),
    ]
    return save_model(path, nodes, [tensor("x", [2])], [tensor("y", [None, None])])


def save_arrays(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def ones(path: Path) -> Path:
    return save_arrays(path, x=np.ones((1, 64), np.float32))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Board:
    """The agent's folder, filled as a push fills it."""

    base: Path

    def push(self, path: Path) -> str:
        data = path.read_bytes()
        digest = sha256(data)
        self.stored(digest).parent.mkdir(parents=True, exist_ok=True)
        self.stored(digest).write_bytes(data)
        return digest

    def stored(self, digest: str) -> Path:
        return self.base / "cas" / digest[:2] / digest

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.base / "journal.jsonl").read_text().splitlines()]

    def holder(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads((self.base / "lock").read_text()))


@dataclass
class Launch:
    """Everything an agent said about one launch."""

    messages: list[wire.Message] = field(default_factory=list)

    @property
    def end(self) -> wire.Message:
        return self.messages[-1]

    @property
    def done(self) -> wire.Done:
        assert isinstance(self.end, wire.Done), self.end
        return self.end

    @property
    def failed(self) -> wire.Failed:
        assert isinstance(self.end, wire.Failed), self.end
        return self.end

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def stages(self) -> list[str]:
        return [stage.stage for stage in self.of(wire.Stage)]

    @property
    def latency_ns(self) -> list[int]:
        return [ns for chunk in self.of(wire.Samples) for ns in chunk.latency_ns]


class Client:
    """The orchestrator's end of the wire, over the pipes of a real agent process."""

    def __init__(self, command: Sequence[str], board: Board, **popen: Any) -> None:
        self.board = board
        self.process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **popen
        )
        self.rest = b""

    def send(self, message: wire.Message) -> None:
        self.write(wire.encode(message))

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def open(self, fence: int = 1, **fields: Any) -> wire.Message:
        self.send(wire.Open(wire.VERSION, fence, str(self.board.base), **fields))
        return self.read()

    def read(self) -> wire.Message:
        """The next message that is no beat. Fails the test when none comes."""
        while True:
            message = wire.decode(self.line())
            if not isinstance(message, wire.Beat):
                return message

    def line(self) -> bytes:
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE_S
        while b"\n" not in self.rest:
            ready = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, "the agent said nothing more"
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            assert chunk, f"the agent ended: {self.errors()}"
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def errors(self) -> str:
        assert self.process.stderr is not None
        return str(self.process.stderr.read(), "utf-8", "replace")

    def prepare(self, files: Sequence[Path], *digests: str) -> wire.Message:
        """Pushes a variant (its first file is the model) and lays it out."""
        entries = [{"name": path.name, "sha256": self.board.push(path), "size": path.stat().st_size} for path in files]
        self.send(wire.Prepare([{"sha256": VARIANT, "files": entries}], list(digests)))
        return self.read()

    def hear(self) -> Launch:
        """All messages of the running launch up to its end."""
        launch = Launch()
        while not launch.messages or not isinstance(launch.end, wire.Done | wire.Failed):
            launch.messages.append(self.read())
        return launch

    def until(self, stage: str) -> None:
        """Waits until the running launch says that it has entered a stage."""
        while True:
            message = self.read()
            assert not isinstance(message, wire.Done | wire.Failed), message
            if isinstance(message, wire.Stage) and message.stage == stage:
                return

    def start(self, model: Path, arrays: Path, **changes: Any) -> None:
        """Pushes, prepares and sends a quick job on CPU 0, changed as the test wants it."""
        digest = self.board.push(arrays)
        golden = [changes["golden"]] if changes.get("golden") else []
        ready = self.prepare([model], digest, *golden)
        assert ready == wire.Ready([]), ready
        self.send(job(model, digest, **changes))

    def launch(self, model: Path, arrays: Path, **changes: Any) -> Launch:
        self.start(model, arrays, **changes)
        return self.hear()

    def end(self) -> int:
        """End of stdin: the agent goes."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


def tree(root: Path, **files: str) -> Sysfs:
    """These files below `root`, by their paths."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Sysfs(str(root))


def job(model: Path, digest: str, **changes: Any) -> wire.Job:
    feeds = {"sha256": digest, "arrays": {"x": "x"}, "scale": {}, "rows": None, **changes.pop("feeds", {})}
    point = {"provider": CPU, "cpus": "0", "threads": 1, "pace_hz": None, **changes.pop("point", {})}
    body = {"variant": VARIANT, "file": model.name, "bytes": model.stat().st_size, "quantised": False}
    fields: dict[str, Any] = {
        "launch": "1.1",
        "kind": "measure",
        "model": {**body, **changes.pop("body", {})},
        "feeds": feeds,
        "point": point,
        "recipe": {**QUICK, **changes.pop("recipe", {})},
        "deadline_s": PATIENCE_S,
        **changes,
    }
    return wire.Job(**fields)


def wait_for(what: Callable[[], object], why: str) -> None:
    """Polls a state under a generous deadline."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def script(path: Path, body: str) -> Path:
    """An executable Python program that stands in for the runner."""
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return path
