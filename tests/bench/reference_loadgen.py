"""MLPerf LoadGen, SingleStream, over the agent's own session: `python -I reference_loadgen.py FOLDER JSON`."""

from __future__ import annotations

import gc
import importlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

P50 = re.compile(r"^50\.00 percentile latency \(ns\)\s*:\s*(\d+)$", re.MULTILINE)


def main(folder: str, asked: dict[str, Any]) -> None:
    """Pins first, as the runner does: the threads of the runtime inherit it."""
    os.sched_setaffinity(0, [asked["cpu"]])
    session = open_session(asked["model"], asked["arrays"])
    until = time.perf_counter() + asked["warmup_s"]
    while time.perf_counter() < until:
        session.call(session.binding)
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.stdout.write(json.dumps({"p50_ns": single_stream(session, asked["slot_s"], folder)}) + "\n")


def open_session(model: str, arrays: str) -> Any:
    import numpy as np

    from farm_agents import runtime

    session = runtime.Session(model, runtime.settings(runtime.CPU, 1, {}))
    session.bind(dict(np.load(arrays)))
    return session


def single_stream(session: Any, slot_s: float, folder: str) -> int:
    """The median that LoadGen itself measured, from issuing a query to hearing of its completion."""
    loadgen = importlib.import_module("mlperf_loadgen")  # it brings no types
    call, binding = session.call, session.binding
    complete, response = loadgen.QuerySamplesComplete, loadgen.QuerySampleResponse

    def issue(samples: Any) -> None:
        call(binding)
        complete([response(sample.id, 0, 0) for sample in samples])

    with tempfile.TemporaryDirectory(dir=folder) as logs:
        sut = loadgen.ConstructSUT(issue, lambda: None)
        qsl = loadgen.ConstructQSL(1, 1, lambda _: None, lambda _: None)
        loadgen.StartTestWithLogSettings(sut, qsl, _settings(loadgen, slot_s), _logging(loadgen, logs))
        loadgen.DestroyQSL(qsl)
        loadgen.DestroySUT(sut)
        return _p50_ns((Path(logs) / "mlperf_log_summary.txt").read_text())


def _settings(loadgen: Any, slot_s: float) -> Any:
    settings = loadgen.TestSettings()
    settings.scenario = loadgen.TestScenario.SingleStream
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.single_stream_expected_latency_ns = 1000
    settings.min_duration_ms = int(slot_s * 1000)
    settings.min_query_count = 50
    return settings


def _logging(loadgen: Any, folder: str) -> Any:
    where = loadgen.LogOutputSettings()
    where.outdir = folder
    where.copy_summary_to_stdout = False
    settings = loadgen.LogSettings()
    settings.log_output = where
    settings.enable_trace = False
    return settings


def _p50_ns(summary: str) -> int:
    found = P50.search(summary)
    if found is None:
        raise ValueError(f"LoadGen gave no median:\n{summary}")
    return int(found[1])


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
