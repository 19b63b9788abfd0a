"""A process that may crash, hang or eat memory in our stead."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from farm_orchestrator.errors import FarmError

SCRIPT = Path(__file__).with_name("sandboxed.py")
MEMORY = 4 << 30
CPU_S = 4
BYTES_PER_CPU_S = 100_000_000
WALL_FACTOR = 15  # a busy machine is no reason to refuse a model


@dataclass(frozen=True)
class Job:
    """One model and one input, or with `rows` so many of them. `tensors`: input -> the dtype that the graph takes.

    `folder` receives outputs.npz. `arrays`: input -> its array where their names differ; stored x `scale` = value.
    """

    model: str
    feeds: str
    tensors: Mapping[str, str]
    folder: str
    memory: int
    cpu_s: int
    wall_s: float
    arrays: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    rows: int | None = None
    rows_s: float = 0.0

    @classmethod
    def of(cls, model: Path, size: int, feeds: Path, tensors: Mapping[str, str], folder: Path) -> Self:
        cpu_s = CPU_S + size // BYTES_PER_CPU_S
        memory = max(MEMORY, 4 * size)
        return cls(str(model), str(feeds), tensors, str(folder), memory, cpu_s, float(WALL_FACTOR * cpu_s))

    def over_rows(self, arrays: Mapping[str, str], scale: Mapping[str, float], rows: int, rows_s: float) -> Self:
        """The same model over the rows of a dataset, as many as fit into `rows_s`."""
        cpu_s, wall_s = self.cpu_s + math.ceil(rows_s), self.wall_s + rows_s
        return replace(self, arrays=arrays, scale=scale, rows=rows, rows_s=rows_s, cpu_s=cpu_s, wall_s=wall_s)


@dataclass(frozen=True)
class Ended:
    """How a job ended. `signal` 0: by itself; `kind` None: with outputs."""

    job: int
    signal: int
    code: int
    kind: str | None
    detail: str
    outputs: tuple[str, ...]


class Sandbox:
    """Started early, because its imports take as long as ours; serves one batch."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(SCRIPT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End of stdin ends it and its children; the kill is for when it cannot listen."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]  # a pipe was asked for
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def run(self, jobs: Sequence[Job]) -> dict[int, Ended]:
        """How each job ended, by its index. Raises FarmError where the sandbox itself cannot run."""
        order = {"workers": os.cpu_count() or 1, "jobs": [asdict(job) for job in jobs]}
        ended = {each.job: each for each in self._serve(order)}
        if len(ended) != len(jobs):
            raise FarmError(f"the sandbox that tries models ended early: {self._last_words()}")
        return ended

    def _serve(self, order: dict[str, object]) -> Iterator[Ended]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - pipes were asked for
        assert stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()
        for line in stdout:
            body = json.loads(line)
            yield Ended(**{**body, "outputs": tuple(body["outputs"])})

    def _last_words(self) -> str:
        stderr = self._process.stderr
        lines = stderr.read().decode(errors="replace").strip().splitlines() if stderr else []
        return lines[-1] if lines else "without a word"
