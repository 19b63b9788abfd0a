"""A runner without a runtime: says what a launch says, and holds a timed one as long as the file `hold` lies in base.

A variant whose name starts with "slow" takes three times the time of the others. A profile launch waits for `hold-profile`
to go; a variant that starts with "shy" fails in it, "mute" sends no trace, "cut" one that lacks calls, "odd" one that is none.
"""

import hashlib
import json
import os
import sys
import time
from typing import Any

LATENCY_NS = 1_000_000
CALLS = 55


def main() -> None:
    job = json.loads(sys.stdin.readline())
    say("stage", job, stage="slot", t_ns=time.monotonic_ns())
    if job["kind"] == "measure":
        while os.path.exists(os.path.join(job["scene"]["base"], "hold")):  # noqa: PTH110, PTH118 - pathlib's import costs more than the launch
            time.sleep(0.01)
        latency_ns = LATENCY_NS * (3 if job["model"]["file"].startswith("slow") else 1)
        say("samples", job, first=0, t0_ns=time.monotonic_ns(), latency_ns=[latency_ns] * 60)
    if job["kind"] == "profile":
        profile(job)
        return
    facts = {"n": 60, "wall_ns": 60 * LATENCY_NS, "cpu_ns": 60 * LATENCY_NS, "threads": 1}
    say("done", job, facts={**facts, "slot_s": job["recipe"]["slot_s"], "start": job["start"]})


def profile(job: dict[str, Any]) -> None:
    while os.path.exists(os.path.join(job["scene"]["base"], "hold-profile")):  # noqa: PTH110, PTH118 - as above
        time.sleep(0.01)
    name = job["model"]["file"]
    if name.startswith("shy"):
        say("failed", job, stage="slot", kind="CRASH(SIGSEGV)", detail="only while it is watched", facts={})
        return
    if not name.startswith("mute"):
        send(job, b"no trace" if name.startswith("odd") else trace(CALLS - 9 if name.startswith("cut") else CALLS))
    say("done", job, facts={"n": CALLS - 5, "calls": CALLS})


def trace(calls: int) -> bytes:
    """As onnxruntime writes it: two operators, one of them known by the name of the graph's output."""
    lines = []
    for call in range(calls):
        start = 1000 * call
        for name, op, us in (("y_nchwc", "Abs", 60), ("ReorderOutput", "ReorderOutput", 20)):
            args = {"op_name": op, "provider": "CPUExecutionProvider"}
            lines.append({"cat": "Node", "name": name + "_kernel_time", "ts": start + 1, "dur": us, "args": args})
        lines.append({"cat": "Session", "name": "model_run", "ts": start, "dur": 2000, "args": {}})
    return ("[\n" + ",\n".join(map(json.dumps, lines)) + "\n]\n").encode()


def send(job: dict[str, Any], body: bytes) -> None:
    path = os.path.join(job["scene"]["base"], "scratch", job["launch"], "trace.json")  # noqa: PTH118 - as above
    with open(path, "wb") as file:  # noqa: PTH123 - as above
        file.write(body)
    say("outputs", job, name="trace.json", size=len(body), sha256=hashlib.sha256(body).hexdigest())


def say(msg: str, job: dict[str, Any], **fields: object) -> None:
    sys.stdout.write(json.dumps({"msg": msg, "launch": job["launch"], **fields}) + "\n")
    sys.stdout.flush()


main()
