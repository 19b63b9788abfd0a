"""The runner's median latency against other loops over the same models, and its floor."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from agents_support import Board, Client, identity, ones, save_arrays, save_model, tensor
from bench import machine
from bench.figures import Figure, difference, exactly, interleaved, middle, ratio
from bench.rows import Row, at_most, below, measured
from farm_orchestrator import bundle
from run_support import DIGITS

HERE = Path(__file__).parent
LOOP = HERE / "reference_loop.c"
SPIN = HERE / "reference_spin.py"
FLOOR_LAUNCHES = 5
MOST_FLOORS = 40
STEADY = 1.1  # two spins that agree so far were run at one speed; a shared core changes it by half and more
TIMES = {"warmup_s": 0.5, "slot_s": 1.0}
BRIEF = {"warmup_s": 0.1, "slot_s": 0.3}  # a shared core keeps its speed for fractions of a second
PATIENCE_S = 120.0
US = 1e3  # nanoseconds


@dataclass(frozen=True)
class Task:
    """A model with fixed shapes, one input `x` and one output, and the arrays that hold its input."""

    model: Path
    arrays: Path
    slow: bool


@dataclass(frozen=True)
class Floor:
    """A launch of Identity between two spins: loops of plain Python on the same CPU, which feel the machine alone."""

    before_ns: float
    launch_ns: float
    after_ns: float

    @property
    def steady(self) -> bool:
        return max(self.before_ns, self.after_ns) <= STEADY * min(self.before_ns, self.after_ns)

    @property
    def spins(self) -> float:
        """The launch's latency in units of the spins around it."""
        return self.launch_ns / math.sqrt(self.before_ns * self.after_ns)


@dataclass(frozen=True)
class Other:
    """A loop that is not ours: a program for `python -I` that takes a task as JSON and says its median."""

    name: str
    program: Sequence[str]
    how: str


def floor(folder: Path, rounds: int) -> list[Row]:
    """Everything that is not the model: Identity is one, so the whole latency is the harness and the runtime."""
    del rounds
    task = Task(identity(folder / "identity.onnx"), ones(folder / "x.npz"), slow=False)
    agent = bundle.build(folder)
    taken = floors(lambda: farm_p50_ns(agent, task, BRIEF), lambda: other_p50_ns([str(SPIN)], task, BRIEF))
    launches_us = [each.launch_ns / US for each in taken]
    versus = f"plain Python around each launch; in us the launches spread by {_spread(launches_us):.0f} %"
    return [
        measured("floor of the runner, p50", middle(launches_us, "us"), "us", versus="Identity on 64 floats"),
        measured("floor of the runner, spread", spread_of(taken), "%", below(20), versus=versus),
    ]


def floors(launch: Callable[[], float], spin: Callable[[], float]) -> list[Floor]:
    """Launches until enough of them count, each between two spins; the spin after one is the spin before the next."""
    taken: list[Floor] = []
    before_ns = spin()
    while sum(floor.steady for floor in taken) < FLOOR_LAUNCHES and len(taken) < MOST_FLOORS:
        launch_ns, after_ns = launch(), spin()
        taken.append(Floor(before_ns, launch_ns, after_ns))
        before_ns = after_ns
    return taken


def spread_of(taken: Sequence[Floor]) -> Figure:
    """Over the launches during which the CPU kept its speed; the spin says so, never the launch itself.

    Raises RuntimeError where the CPU kept it too rarely.
    """
    counted = [floor for floor in taken if floor.steady]
    if len(counted) < FLOOR_LAUNCHES:
        raise RuntimeError(f"the CPU changed its speed during {len(taken) - len(counted)} of {len(taken)} launches")
    spins = [ns for floor in taken for ns in (floor.before_ns, floor.after_ns)]
    note = f"{len(counted)} launches, {len(taken) - len(counted)} more left out: the CPU changed its speed"
    return exactly(
        _spread([floor.spins for floor in counted]), f"{note}; plain Python spread by {_spread(spins):.0f} %"
    )


def _spread(values: Sequence[float]) -> float:
    """The range in percent of the median."""
    return (max(values) - min(values)) / float(np.median(values)) * 100


def against_loadgen(folder: Path, rounds: int) -> list[Row]:
    program = [str(HERE / "reference_loadgen.py"), str(folder)]
    return _rows(folder, rounds, Other("LoadGen", program, "its SingleStream scenario over the agent's own session"))


def against_loop(folder: Path, rounds: int) -> list[Row]:
    """Where there is no C compiler this raises, and says so."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("no C compiler on this machine")
    library = folder / "loop.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(LOOP)], check=True)
    program = [str(HERE / "reference_c.py"), str(library)]
    return _rows(folder, rounds, Other("loop in C", program, "OrtApi::Run of the library in the same wheel"))


def _rows(folder: Path, rounds: int, other: Other) -> list[Row]:
    agent = bundle.build(folder)
    return [_row(agent, task, rounds, other) for task in tasks(folder)]


def _row(agent: Path, task: Task, rounds: int, other: Other) -> Row:
    arms: dict[str, Callable[[], float]] = {
        "farm": partial(farm_p50_ns, agent, task),
        "other": partial(other_p50_ns, other.program, task),
    }
    taken = interleaved(arms, rounds)
    ms = float(np.median(taken["other"])) / 1e6
    versus, model = f"{ms:.3f} ms, {other.how}; fresh processes on one CPU", task.model.stem
    if task.slow:
        figure = ratio(taken["farm"], taken["other"])
        return measured(f"runner p50 / {other.name}, {model}", figure, "x", at_most(1.01), versus=versus)
    figure = difference(taken["farm"] / US, taken["other"] / US)
    return measured(f"runner p50 - {other.name}, {model}", figure, "us", at_most(5), versus=versus)


def tasks(folder: Path) -> tuple[Task, ...]:
    """One model above half a millisecond, one below."""
    return (
        Task(matmuls(folder / "matmuls.onnx"), save_arrays(folder / "matmuls.npz", x=_noise(64, 512)), slow=True),
        Task(
            distilled(folder / "distilled.onnx"), save_arrays(folder / "digit.npz", x=_noise(1, 1, 32, 32)), slow=False
        ),
    )


def matmuls(path: Path, layers: int = 6) -> Path:
    """Layers of 512 x 512 over 64 rows: about a millisecond on one CPU."""
    names = ["x", *(f"h{i}" for i in range(1, layers)), "y"]
    nodes = [helper.make_node("MatMul", [names[i], f"w{i}"], [names[i + 1]]) for i in range(layers)]
    weights = [numpy_helper.from_array(_noise(512, 512, seed=i) / 512, f"w{i}") for i in range(layers)]
    return save_model(path, nodes, [tensor("x", [64, 512])], [tensor("y", [64, 512])], weights)


def distilled(path: Path) -> Path:
    """The smallest example with its batch fixed, which the C API's oldest functions can load as the agent does."""
    model = onnx.load(DIGITS / "distilled.onnx")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, path)
    return path


def _noise(*shape: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(seed).random(shape, np.float32)


def farm_p50_ns(agent: Path, task: Task, times: Mapping[str, float] = TIMES) -> float:
    """One launch of the real agent: supervisor, fresh runner, samples over the wire."""
    client = Client([sys.executable, "-I", str(agent)], Board(agent.parent / "base"))
    try:
        client.open()
        recipe = {**times, "slot_cap_s": 3.0}
        launch = client.launch(task.model, task.arrays, recipe=recipe, point={"cpus": str(machine.last_cpu())})
        return float(np.median(launch.latency_ns))
    finally:
        client.close()


def other_p50_ns(program: Sequence[str], task: Task, times: Mapping[str, float] = TIMES) -> float:
    """The same on the other side: a fresh interpreter, pinned, warmed up and timed as long."""
    asked = {"model": str(task.model), "arrays": str(task.arrays), "cpu": machine.last_cpu(), **times}
    said = subprocess.run(
        [sys.executable, "-I", *program, json.dumps(asked)],
        check=False, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    if said.returncode:
        raise RuntimeError(f"{program[0].rpartition('/')[2]}: {said.stderr.strip()[-500:]}")
    return float(json.loads(said.stdout.splitlines()[-1])["p50_ns"])
