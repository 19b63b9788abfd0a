"""Models that differ by 5 % of work and in nothing else: chains of equal layers, all of which the runtime really runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from agents_support import CPU, save_model, tensor
from bench.figures import Figure, interleaved, ratio

ROWS, WIDTH = 384, 192
LAYERS, MORE_LAYERS = 20, 21
CALLS = 20  # of each model in turn
ROUNDS = 15


def three(folder: Path) -> tuple[Path, Path, Path]:
    """The baseline, the same file under a second name, and a variant with 5 % more layers: some 3 ms on one thread."""
    folder.mkdir(parents=True, exist_ok=True)
    base = chain(folder / "base.onnx", LAYERS)
    again = folder / "again.onnx"
    again.write_bytes(base.read_bytes())
    return base, again, chain(folder / "more.onnx", MORE_LAYERS)


def chain(path: Path, layers: int) -> Path:
    """Y = x w w ... w. The weights are a rotation, so that no value grows or becomes denormal however often."""
    turned, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(WIDTH, WIDTH)))
    names = ["x", *(f"h{layer}" for layer in range(1, layers)), "y"]
    nodes = [helper.make_node("MatMul", [names[at], "w"], [names[at + 1]]) for at in range(layers)]
    weights = [numpy_helper.from_array(turned.astype(np.float32), "w")]
    return save_model(path, nodes, [tensor("x", [ROWS, WIDTH])], [tensor("y", [ROWS, WIDTH])], weights)


def truth(base: Path, more: Path) -> Figure:
    """The ratio of their times, call by call in turns, in one process."""
    taken = interleaved({"more": _median_ns(more), "base": _median_ns(base)}, ROUNDS)
    return ratio(taken["more"], taken["base"])


def _median_ns(path: Path) -> Callable[[], float]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=[CPU])
    feed = {"x": np.random.default_rng(2).random((ROWS, WIDTH), np.float32)}
    return lambda: float(np.median([_call_ns(session, feed) for _ in range(CALLS)]))


def _call_ns(session: onnxruntime.InferenceSession, feed: dict[str, NDArray[np.float32]]) -> int:
    begin = time.perf_counter_ns()
    session.run(None, feed)
    return time.perf_counter_ns() - begin
