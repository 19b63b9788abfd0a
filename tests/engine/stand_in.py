"""A runner without a runtime: says what a launch says, and holds a timed one as long as the file `hold` lies in base.

A variant whose name starts with "slow" takes three times the time of the others.
"""

import json
import os
import sys
import time

LATENCY_NS = 1_000_000


def main() -> None:
    job = json.loads(sys.stdin.readline())
    say("stage", job, stage="slot", t_ns=time.monotonic_ns())
    if job["kind"] == "measure":
        while os.path.exists(os.path.join(job["scene"]["base"], "hold")):  # noqa: PTH110, PTH118 - pathlib's import costs more than the launch
            time.sleep(0.01)
        latency_ns = LATENCY_NS * (3 if job["model"]["file"].startswith("slow") else 1)
        say("samples", job, first=0, t0_ns=time.monotonic_ns(), latency_ns=[latency_ns] * 60)
    facts = {"n": 60, "wall_ns": 60 * LATENCY_NS, "cpu_ns": 60 * LATENCY_NS, "threads": 1}
    say("done", job, facts={**facts, "slot_s": job["recipe"]["slot_s"], "start": job["start"]})


def say(msg: str, job: dict[str, str], **fields: object) -> None:
    sys.stdout.write(json.dumps({"msg": msg, "launch": job["launch"], **fields}) + "\n")
    sys.stdout.flush()


main()
