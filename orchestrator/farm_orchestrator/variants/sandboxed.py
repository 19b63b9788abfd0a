"""Runs in a process of its own: forks one short-lived child per model, each under hard limits.

Started as a plain script with an empty environment; it may import the standard library, numpy and onnxruntime only.
stdin: one JSON line {"workers": int, "jobs": [job]}, then open for as long as the parent wants the results.
stdout: one JSON line per job that has ended: {"job": index, "signal": int, "code": int, "kind": str | null,
"detail": str, "outputs": [names]}. A job: the fields of sandbox.Job.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

OUTPUT_LIMIT = 256 << 20
Json = dict[str, Any]


def main() -> None:
    if sys.platform == "linux":  # elsewhere a fork does not survive what these libraries start
        import numpy as np  # noqa: F401 - every child inherits them
        import onnxruntime  # noqa: F401

        gc.freeze()
    order = json.loads(sys.stdin.buffer.readline())
    waiting = list(enumerate(order["jobs"]))
    running: dict[int, Json] = {}
    while waiting or running:
        while waiting and len(running) < order["workers"]:
            index, job = waiting.pop(0)
            started = start(index, job)
            running[started["pipe"]] = started
        settle(running)


def start(index: int, job: Json) -> Json:
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(job, writes)
    os.close(writes)
    return {"job": index, "pid": pid, "pipe": reads, "deadline": time.monotonic() + job["wall_s"], "said": b""}


def settle(running: dict[int, Json]) -> None:
    """Takes in what children say; ends those over their time, and all of them once the parent is gone."""
    patience = min(each["deadline"] for each in running.values()) - time.monotonic()
    ready, _, _ = select.select([*running, 0], [], [], max(0.0, patience))
    if 0 in ready and not os.read(0, 1):
        for each in running.values():
            os.kill(each["pid"], signal.SIGKILL)
            os.waitpid(each["pid"], 0)
        sys.exit(1)
    for pipe in ready:
        if pipe in running:
            said = os.read(pipe, 1 << 16)
            running[pipe]["said"] += said
            if not said:
                end(running.pop(pipe))
    for each in running.values():
        if time.monotonic() >= each["deadline"]:
            os.kill(each["pid"], signal.SIGKILL)


def end(each: Json) -> None:
    os.close(each["pipe"])
    _, status = os.waitpid(each["pid"], 0)
    code = os.waitstatus_to_exitcode(status)
    said = json.loads(each["said"]) if code == 0 and each["said"] else {"kind": None, "detail": "", "outputs": []}
    line = {"job": each["job"], "signal": -code if code < 0 else 0, "code": max(code, 0), **said}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def child(job: Json, writes: int) -> None:
    """Never returns."""
    os.closerange(3, writes)
    os.closerange(writes + 1, 256)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    os.chdir(job["folder"])
    confine(job)
    os.write(writes, json.dumps(attempt(job)).encode())
    os._exit(0)


def confine(job: Json) -> None:
    limits = [
        (resource.RLIMIT_CPU, job["cpu_s"]),
        (resource.RLIMIT_FSIZE, 2 * OUTPUT_LIMIT),
        (resource.RLIMIT_CORE, 0),
    ]
    if sys.platform == "linux":  # macOS refuses a limit on address space
        limits.append((resource.RLIMIT_AS, job["memory"]))
    for which, most in limits:
        resource.setrlimit(which, (most, most))


def attempt(job: Json) -> Json:
    """One inference; the outputs go to outputs.npz in the order of the names."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    errors: list[type[Exception]] = [MemoryError, RuntimeError, ValueError, TypeError, OSError]
    errors += [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    try:
        return {"kind": None, "detail": "", "outputs": infer(job, onnxruntime)}
    except tuple(errors) as error:
        return {"kind": type(error).__name__, "detail": str(error)[:4000], "outputs": []}


def infer(job: Json, onnxruntime: Any) -> list[str]:
    """The names of the outputs; the outputs themselves are on the disk by then."""
    import numpy as np

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(job["model"], options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    with np.load(job["feeds"], allow_pickle=False) as stored:
        arrays = {name: stored[job["arrays"].get(name, name)] for name in tensors_of(session, job)}
    outputs = all_rows(session, names, arrays, job) if job["rows"] else session.run(names, cast(arrays, session, job))
    keep(dict(zip(names, outputs, strict=True)))
    return names


def tensors_of(session: Any, job: Json) -> Json:
    """Input -> dtype: as the job knows it, else as the session says."""
    numpy_names = {"float": "float32", "double": "float64"}
    kinds = {given.name: given.type.removeprefix("tensor(").removesuffix(")") for given in session.get_inputs()}
    return job["tensors"] or {name: numpy_names.get(kind, kind) for name, kind in kinds.items()}


def cast(arrays: Json, session: Any, job: Json) -> Json:
    """Stored x scale = value in the graph's type; scaled in float32, or float64 for wide types, as on a board."""
    import numpy as np

    fed = {}
    for name, dtype in tensors_of(session, job).items():
        array, factor = arrays[name], job["scale"].get(name)
        if factor is not None:
            wide = np.float64 if np.dtype(dtype).itemsize == 8 or array.dtype.itemsize == 8 else np.float32
            array = array.astype(wide) * wide(factor)
        fed[name] = array.astype(dtype, copy=False)
    return fed


def all_rows(session: Any, names: list[str], arrays: Json, job: Json) -> list[Any]:
    """The rows one by one until they or the time are over; each output concatenated."""
    import numpy as np

    until = time.monotonic() + job["rows_s"]
    done: list[Any] = []
    while len(done) < job["rows"] and (not done or time.monotonic() < until):
        row = {name: array[len(done) : len(done) + 1] for name, array in arrays.items()}
        done.append(session.run(names, cast(row, session, job)))
    stacked = [np.stack if done[0][index].ndim == 0 else np.concatenate for index in range(len(names))]
    return [join([row[index] for row in done]) for index, join in enumerate(stacked)]


def keep(outputs: Json) -> None:
    import numpy as np

    for name, output in outputs.items():
        if not isinstance(output, np.ndarray):
            raise TypeError(f"output {name} is a {type(output).__name__}; only tensors can be measured")
    size = sum(output.nbytes for output in outputs.values())
    if size > OUTPUT_LIMIT:
        raise MemoryError(f"the outputs take {size:,} bytes, {OUTPUT_LIMIT:,} at most")
    np.savez("outputs.npz", *[each.astype(str) if each.dtype.kind == "O" else each for each in outputs.values()])


if __name__ == "__main__":
    main()
