"""The stand-in runner of `--load synthetic`: it speaks the runner's protocol, sleeps instead of working, and its truth is known.

It stands alone: `python -I synthetic.py TRUTH BOARD SEED` reads one job from stdin. An evaluate launch over a dataset
is handed to the agent's real runner, since accuracy has no truth file; everything else is invented from TRUTH.
"""

import json
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
TRUTH: Json = {
    "format": "farm.truth/1",
    "ms": {},  # variant NAME -> latency of an iteration
    "default_ms": 20.0,
    "floor_ms": 0.01,
    "sd": 0.02,  # of the logarithm: iterations within a launch, launches, boards
    "launch_sd": 0.003,
    "board_sd": 0.01,
    "sleep_s": None,  # a number: every launch takes exactly so long
}
FLOOR = "@floor"
MOST = 5_000  # iterations of a slot: enough for every quantile, small on the wire
CHUNK = 2_500
IMPORT_BYTES = 44_000_000
LOAD_FACTOR = 2.6  # bytes above the import that a byte of model takes
NS = 1_000_000_000
NO_REASON = "a stand-in measured nothing"


@dataclass(frozen=True)
class Launch:
    """A job, the truth about its variant, and whose chance decides."""

    job: Json
    truth: Json
    board: str
    seed: str

    @property
    def measures(self) -> bool:
        return bool(self.job["kind"] == "measure")

    def chance(self, *about: str) -> random.Random:
        return random.Random("/".join((self.seed, self.board, *about)))  # noqa: S311 - seeded noise, not security

    def base_ns(self) -> float:
        """The true latency of this launch: variant x board x launch."""
        name = str(self.job["model"].get("name"))
        default = self.truth["floor_ms"] if name == FLOOR else self.truth["default_ms"]
        board = self.chance().lognormvariate(0.0, self.truth["board_sd"])
        launch = self.chance(self.job["launch"]).lognormvariate(0.0, self.truth["launch_sd"])
        return float(self.truth["ms"].get(name, default)) * 1e6 * board * launch


@dataclass(frozen=True)
class Slot:
    """Invented iterations; `missed`: paced calls that overran their period."""

    t0_ns: int
    latency_ns: list[int]
    start_delay_ns: list[int] | None
    duration_ns: int
    capped: bool
    missed: int


def main(arguments: list[str]) -> None:
    truth, board, seed = arguments[:3]
    line = sys.stdin.buffer.readline()
    launch = Launch(json.loads(line), {**TRUTH, **json.loads(Path(truth).read_text())}, board, seed)
    if launch.truth["sleep_s"] is None and launch.job["feeds"].get("rows") is not None:
        hand_over(line)
    for message in perform(launch):
        sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
        sys.stdout.flush()


def perform(launch: Launch) -> Iterator[Json]:
    """The launch as the wire's lines; time passes between them."""
    start_ns = time.monotonic_ns()
    for name in ("import", "verify", "load", "bind", "first", *(("warmup",) if launch.measures else ())):
        yield stage(launch, name)
    warmup_s = launch.job["recipe"]["warmup_s"] if launch.measures else 0.0
    sleep(launch, warmup_s)
    yield stage(launch, "slot")
    slot = invent(launch)
    sleep(launch, slot.duration_ns / NS if launch.measures else slot.latency_ns[0] / NS)
    if launch.truth["sleep_s"] is not None:
        time.sleep(max(0.0, launch.truth["sleep_s"] - (time.monotonic_ns() - start_ns) / NS))
    yield stage(launch, "send")
    if launch.measures:
        yield from samples(launch, slot)
    yield {"msg": "done", "launch": launch.job["launch"], "facts": facts(launch, slot, warmup_s), "findings": []}


def invent(launch: Launch) -> Slot:
    """Latencies until the slot is full and the least count reached, or the cap."""
    recipe, pace_hz = launch.job["recipe"], launch.job["point"].get("pace_hz")
    period_ns = 0 if pace_hz is None else int(NS / pace_hz)
    chance = launch.chance(launch.job["launch"], "iterations")
    middle, sd = math.log(launch.base_ns()), launch.truth["sd"]
    end_ns, cap_ns = recipe["slot_s"] * NS, max(recipe["slot_s"], recipe["slot_cap_s"]) * NS
    latency: list[int] = []
    passed_ns = 0
    while (
        len(latency) < MOST and passed_ns < cap_ns and (passed_ns < end_ns or len(latency) < recipe["min_iterations"])
    ):
        latency.append(max(1, round(chance.lognormvariate(middle, sd))))
        passed_ns += latency[-1] if not period_ns else period_ns * math.ceil(latency[-1] / period_ns)
    missed = sum(ns > period_ns for ns in latency) if period_ns else 0
    delays = [0] * len(latency) if period_ns else None
    return Slot(time.monotonic_ns(), latency, delays, passed_ns, len(latency) == MOST, missed)


def sleep(launch: Launch, seconds: float) -> None:
    if launch.truth["sleep_s"] is None:
        time.sleep(seconds)


def stage(launch: Launch, name: str) -> Json:
    return {"msg": "stage", "launch": launch.job["launch"], "stage": name, "t_ns": time.monotonic_ns()}


def samples(launch: Launch, slot: Slot) -> Iterator[Json]:
    for first in range(0, len(slot.latency_ns), CHUNK):
        delays = slot.start_delay_ns
        yield {
            "msg": "samples", "launch": launch.job["launch"], "first": first, "t0_ns": slot.t0_ns,
            "latency_ns": slot.latency_ns[first : first + CHUNK],
            "start_delay_ns": None if delays is None else delays[first : first + CHUNK],
        }  # fmt: skip


def facts(launch: Launch, slot: Slot, warmup_s: float) -> Json:
    """Every fact of a launch; what a stand-in cannot know is null with its reason."""
    base_ms, size = launch.base_ns() / 1e6, launch.job["model"]["bytes"]
    loaded = IMPORT_BYTES + round(LOAD_FACTOR * size)
    absent = ("governor", "freq_khz_start", "freq_khz_end", "temp_mc_start", "temp_mc_end", "numpy", "onnxruntime",
              "output_digest", "golden_sqnr_db", "golden_max_abs", "golden_exact", "operators")  # fmt: skip
    return {
        "synthetic": True,
        "import_ms": 80.0, "load_ms": 5.0 + size / 1e6, "first_ms": 2 * base_ms, "second_ms": base_ms,
        "rss_import": IMPORT_BYTES, "hwm_load": loaded, "rss_load": loaded, "page_size": 4096,
        "threads": launch.job["point"].get("threads") or 1, "cpus": None, "cpus_reason": NO_REASON,
        "providers": [launch.job["point"]["provider"]], "options": {}, "output_finite": True,
        "python": sys.version.split()[0],
        **dict.fromkeys(absent), **{f"{name}_reason": NO_REASON for name in absent},
        **(slot_facts(slot, warmup_s, loaded) if launch.measures else {"peak_memory": loaded, "n": 1}),
    }  # fmt: skip


def slot_facts(slot: Slot, warmup_s: float, loaded: int) -> Json:
    busy_ns = sum(slot.latency_ns)
    return {
        "warmup_ms": warmup_s * 1e3, "slot_t0_ns": slot.t0_ns, "slot_t1_ns": slot.t0_ns + slot.duration_ns,
        "clock_resolution_ns": 1, "cpu_ns": busy_ns, "wall_ns": slot.duration_ns,
        "cpu_per_wall": busy_ns / slot.duration_ns, "run_queue_ns": 0,
        "nvcsw": 0, "nivcsw": 0, "minflt": 0, "majflt": 0, "hwm_run": loaded, "peak_memory": loaded,
        "n": len(slot.latency_ns), "capped": slot.capped, "missed": slot.missed,
    }  # fmt: skip


def hand_over(line: bytes) -> None:
    """Becomes the agent's real runner; the agent is the parent, and its command line says how it was started."""
    words = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().split(b"\0")
    agent = words[: words.index(b"--runner")]
    job = os.memfd_create("job")
    os.write(job, line)
    os.lseek(job, 0, os.SEEK_SET)
    os.dup2(job, 0)
    os.execv(agent[0], [*agent, b"runner"])  # noqa: S606 - its own kind of program, without a shell


if __name__ == "__main__":
    main(sys.argv[1:])
