"""The stand-in runner of `--load synthetic`: it speaks the runner's protocol, sleeps instead of working, and its truth is known.

It stands alone: `python -I -S synthetic.py TRUTH BOARD SEED [--weather FILE]` reads one job from stdin. FILE is what the
physics of the board says of it ten times a second: a slower clock makes the truth slower. An evaluate launch over a dataset
is handed to the agent's real runner, since accuracy has no truth file; everything else is invented from TRUTH.
A launch may be a quarter of a second of eight boards at once, so it imports what the interpreter has built in and no more:
`json` alone would double its start-up.
"""

from __future__ import annotations

import math
import os
import sys
import time
from _json import encode_basestring_ascii, make_encoder, make_scanner
from _random import Random

TYPE_CHECKING = False  # without the import of `typing`
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    Json = dict[str, Any]

TRUTH: Json = {
    "format": "farm.truth/1",
    "ms": {},  # variant NAME, or BOARD/NAME, -> latency of an iteration
    "default_ms": 20.0,
    "floor_ms": 0.01,
    "sd": 0.02,  # of the logarithm: iterations within a launch, launches, boards
    "launch_sd": 0.003,
    "board_sd": 0.01,
    "own_s": 0.0,  # of a launch beside warm-up and slot: import, load, canary
    "sleep_s": None,  # a number: every launch takes exactly so long, from the start of its process
    "duty": 1.0,  # of its CPU that a launch would have kept busy: what the physics of the board heats it by
}
FLOOR = "@floor"
MOST = 5_000  # iterations of a slot: enough for every quantile, small on the wire
LOOK_NS = 50_000_000  # between two looks at the clock
CHUNK = 2_500
IMPORT_BYTES = 44_000_000
LOAD_FACTOR = 2.6  # bytes above the import that a byte of model takes
NS = 1_000_000_000
NO_REASON = "a stand-in measured nothing"
RISING_MC, RISING_NS = 500, 10 * NS  # a board whose heat moves faster is not at rest
WINDOW_SD = 0.002  # of the logarithm of a window's median
CLOCK_NS, MEMORY_NS = 50_000, 5_000_000  # of the canary, at the highest clock; the memory's own never changes
SEEN = {
    "governor": "governor",
    "freq_khz": "khz",
    "freq_min_khz": "low_khz",
    "freq_max_khz": "high_khz",
    "temp_mc": "temp_mc",
    "throttled_bits": "bits",
}  # facts at a slot's start and end, by the names that the physics has for them
UNSEEN = (
    "eff_khz", "warmup_n", "warmup_windows", "warmup_coarse", "freq_transitions", "cooling_state_max", "buffer_bytes",
    "temp_mc_launch", "idle_before_ns", "idle_after_ns", "pss", "uss", "swap_pss", "nvmap_import", "nvmap",
    *(f"{name}_{when}" for name in ("governor", "freq_khz", "freq_min_khz", "freq_max_khz", "temp_mc",
                                    "throttled_bits", "devfreq_hz") for when in ("start", "end")),
)  # fmt: skip
STATES = {"cooling.cpufreq": ("cool", "state"), "policy0.max": ("high_khz", "limit"), "throttled_bits": ("bits", "")}
MOST_CHANGES = 2_000  # of them in a slot


class Launch:
    """A job, the truth about its variant, and whose chance decides.

    `start_ns`: monotonic, of the process. `weather`: the file, None without physics; `seen`: what it said.
    """

    def __init__(
        self, job: Json, truth: Json, board: str, seed: str, *, start_ns: int | None = None, weather: str | None = None
    ) -> None:
        self.job = job
        self.truth = truth
        self.board = board
        self.seed = seed
        self.start_ns = time.monotonic_ns() if start_ns is None else start_ns
        self.weather = weather
        self.seen: list[Json] = []

    @property
    def measures(self) -> bool:
        return bool(self.job["kind"] == "measure")

    def chance(self, *about: str) -> Random:
        """Numbers that depend on these texts alone."""
        return Random(int.from_bytes("/".join((self.seed, self.board, *about)).encode(), "big"))

    def base_ns(self) -> float:
        """The true latency of this launch: variant x board x launch."""
        name = str(self.job["model"].get("name"))
        default = self.truth["floor_ms"] if name == FLOOR else self.truth["default_ms"]
        board = lognormal(self.chance(), 0.0, self.truth["board_sd"])
        launch = lognormal(self.chance(self.job["launch"]), 0.0, self.truth["launch_sd"])
        told = self.truth["ms"]
        return float(told.get(f"{self.board}/{name}", told.get(name, default))) * 1e6 * board * launch

    @property
    def soaks(self) -> bool:
        return self.measures and self.job["point"].get("mode") == "sustained"

    def look(self) -> float:
        """How many times slower than at its highest clock the board is now; what else it shows is kept."""
        self.seen.append(self.sight())
        return 1.0 / float(self.seen[-1]["speed"])

    def sight(self) -> Json:
        said = decoded(text_of(self.weather)) if self.weather else {"speed": 1.0}
        return {**said, "t_ns": time.monotonic_ns()}


class Soak:
    """A warm-up: its windows, each with its end and its median. Only a sustained launch tells of them."""

    def __init__(self, t0_ns: int) -> None:
        self.t0_ns = self.t1_ns = t0_ns
        self.t_ns: list[int] = []
        self.median_ns: list[int] = []
        self.seen: list[Json] = []
        self.held_ns: int | None = None
        self.held_by: str | None = None

    def add(self, length_ns: int, median_ns: int, seen: Json) -> None:
        self.t1_ns += length_ns
        self.t_ns.append(self.t1_ns)
        self.median_ns.append(median_ns)
        self.seen.append(seen)
        if seen.get("cool") and self.held_ns is None:
            self.held_ns, self.held_by = self.t1_ns, f"cooling device at state {seen['cool']}"

    @property
    def s(self) -> float:
        return (self.t1_ns - self.t0_ns) / NS

    def rests(self, recipe: Json) -> bool:
        """Whether latency and heat stand; where nobody tells of heat the latency decides alone."""
        windows: int = recipe["windows"]
        temps = [one["temp_mc"] for one in self.seen[-windows:] if one.get("temp_mc") is not None]
        levels = [math.log(ns) for ns in self.median_ns[-windows:]]
        if len(levels) < windows or rise(levels) > recipe["half_max"]:
            return False
        span_ns = (self.t_ns[-1] - self.t_ns[-windows]) / 2
        return not temps or (len(temps) == windows and rise(temps) * RISING_NS <= RISING_MC * span_ns)


def rise(values: list[float]) -> float:
    """How far the means of the two halves are apart."""
    half = len(values) // 2
    return abs(sum(values[-half:]) - sum(values[:half])) / half


class Slot:
    """Invented iterations; `missed`: paced calls that overran their period."""

    def __init__(self, t0_ns: int, latency_ns: list[int], duration_ns: int, period_ns: int) -> None:
        self.t0_ns = t0_ns
        self.latency_ns = latency_ns
        self.start_delay_ns = [0] * len(latency_ns) if period_ns else None
        self.duration_ns = duration_ns
        self.capped = len(latency_ns) == MOST
        self.missed = sum(ns > period_ns for ns in latency_ns) if period_ns else 0


def main(arguments: list[str]) -> NoReturn:
    start_ns = process_start_ns()
    truth, board, seed = arguments[:3]
    weather = arguments[4] if arguments[3:4] == ["--weather"] else None
    line = sys.stdin.buffer.readline()
    launch = Launch(
        decoded(line.decode()), {**TRUTH, **decoded(text_of(truth))}, board, seed, start_ns=start_ns, weather=weather
    )
    if launch.truth["sleep_s"] is None and launch.job["feeds"].get("rows") is not None:
        hand_over(line)
    for message in perform(launch):
        sys.stdout.write(encoded(message) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Python's farewell would come on top of the launch


def process_start_ns() -> int:
    """Monotonic: so far this process ran, or waited for a CPU. Never too early, so no launch comes out too short."""
    try:
        waited_ns = int(text_of("/proc/self/schedstat").split()[1])
    except OSError:  # a kernel that does not count it
        waited_ns = 0
    return time.monotonic_ns() - time.process_time_ns() - waited_ns


def perform(launch: Launch) -> Iterator[Json]:
    """The launch as the wire's lines; time passes between them."""
    yield stage(launch, "import")
    work(launch, launch.truth["own_s"])
    for name in ("verify", "load", "bind", "first", *(("warmup",) if launch.measures else ())):
        yield stage(launch, name)
    soak = warmed(launch)
    yield stage(launch, "slot")
    slot = invent(launch)
    last = list(samples(launch, slot) if launch.measures else ())
    work(launch, left_s(slot) if launch.measures else slot.latency_ns[0] / NS)
    launch.look()
    last.append(done(launch, slot, soak))
    if launch.truth["sleep_s"] is not None:
        sleep(launch.truth["sleep_s"] - (time.monotonic_ns() - launch.start_ns) / NS)
    yield stage(launch, "send")
    yield from last


def warmed(launch: Launch) -> Soak:
    """The least warm-up; a sustained launch soaks until the board's heat stands, or for the most."""
    recipe, soak = launch.job["recipe"], Soak(time.monotonic_ns())
    if not launch.soaks:
        soak.t1_ns += int(recipe["warmup_s"] * NS) if launch.measures else 0
        work(launch, soak.s)
        return soak
    chance = launch.chance(launch.job["launch"], "soak")
    middle, length_ns = math.log(launch.base_ns()), max(1, int(recipe["window_s"] * NS))
    most_s = max(recipe["warmup_s"], recipe["warmup_max_s"])
    while soak.s < recipe["warmup_s"] or (soak.s < most_s and not soak.rests(recipe)):
        seen = launch.sight()
        median_ns = round(lognormal(chance, middle, WINDOW_SD) / float(seen["speed"]))
        work(launch, (soak.t1_ns + length_ns - time.monotonic_ns()) / NS)
        soak.add(length_ns, median_ns, seen)
    return soak


def invent(launch: Launch) -> Slot:
    """Latencies until the slot is full and the least count reached, or the cap.

    Where the clock may change their time passes meanwhile.
    """
    recipe, pace_hz = launch.job["recipe"], launch.job["point"].get("pace_hz")
    period_ns = 0 if pace_hz is None else int(NS / pace_hz)
    chance = launch.chance(launch.job["launch"], "iterations")
    middle, sd = math.log(launch.base_ns()), launch.truth["sd"]
    end_ns, cap_ns = recipe["slot_s"] * NS, max(recipe["slot_s"], recipe["slot_cap_s"]) * NS
    latency: list[int] = []
    t0_ns, passed_ns, looked_ns, slow = time.monotonic_ns(), 0, 0, launch.look()
    while (
        len(latency) < MOST and passed_ns < cap_ns and (passed_ns < end_ns or len(latency) < recipe["min_iterations"])
    ):
        if launch.weather and launch.measures and passed_ns - looked_ns >= LOOK_NS:
            work(launch, (t0_ns + passed_ns - time.monotonic_ns()) / NS)
            looked_ns, slow = passed_ns, launch.look()
        latency.append(max(1, round(lognormal(chance, middle, sd) * slow)))
        passed_ns += latency[-1] if not period_ns else period_ns * math.ceil(latency[-1] / period_ns)
    return Slot(t0_ns, latency, passed_ns, period_ns)


def left_s(slot: Slot) -> float:
    return (slot.t0_ns + slot.duration_ns - time.monotonic_ns()) / NS


def lognormal(chance: Random, middle: float, sd: float) -> float:
    """By Box and Muller; `middle` and `sd` are those of the logarithm."""
    radius = math.sqrt(-2.0 * math.log(1.0 - chance.random()))
    return math.exp(middle + sd * radius * math.cos(math.tau * chance.random()))


def work(launch: Launch, seconds: float) -> None:
    if launch.truth["sleep_s"] is None:
        sleep(seconds)


def sleep(seconds: float) -> None:
    """What was said before is heard before."""
    sys.stdout.flush()
    time.sleep(max(0.0, seconds))


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


def done(launch: Launch, slot: Slot, soak: Soak) -> Json:
    return {"msg": "done", "launch": launch.job["launch"], "facts": facts(launch, slot, soak), "findings": []}


def facts(launch: Launch, slot: Slot, soak: Soak) -> Json:
    """Every fact of a launch; what a stand-in cannot know is null with its reason."""
    base_ms, size = launch.base_ns() / 1e6, launch.job["model"]["bytes"]
    loaded = IMPORT_BYTES + round(LOAD_FACTOR * size)
    shown = seen_facts(launch.seen) if launch.measures else {}
    absent = ("governor", *(UNSEEN if launch.measures else ()), "numpy", "onnxruntime",
              "output_digest", "golden_sqnr_db", "golden_max_abs", "golden_exact", "operators")  # fmt: skip
    return {
        "synthetic": True,
        "import_ms": 80.0, "load_ms": 5.0 + size / 1e6, "first_ms": 2 * base_ms, "second_ms": base_ms,
        "rss_import": IMPORT_BYTES, "hwm_load": loaded, "rss_load": loaded, "page_size": 4096,
        "threads": launch.job["point"].get("threads") or 1, "cpus": None, "cpus_reason": NO_REASON,
        "providers": [launch.job["point"]["provider"]], "options": {}, "output_finite": True,
        "python": sys.version.split()[0],
        **dict.fromkeys(absent), **{f"{name}_reason": NO_REASON for name in absent if name not in shown}, **shown,
        **({"edges": edges(launch.seen)} if launch.measures else {}),
        **(soak_facts(launch, soak) if launch.soaks else {}),
        **(slot_facts(launch, slot, soak.s, loaded) if launch.measures else {"peak_memory": loaded, "n": 1}),
    }  # fmt: skip


def soak_facts(launch: Launch, soak: Soak) -> Json:
    found = {
        "window_ms": launch.job["recipe"]["window_s"] * 1e3, "t0_ns": soak.t0_ns, "t_ns": soak.t_ns,
        "median_ns": soak.median_ns, "held_ns": soak.held_ns, "held_by": soak.held_by,
    }  # fmt: skip
    watched = any(one.get("cool") is not None for one in soak.seen)
    reason = "nothing told that heat took clock away" if watched else NO_REASON
    return {"soak": {**found, **({} if soak.held_ns is not None else {"held_ns_reason": reason})}}


def seen_facts(seen: list[Json]) -> Json:
    """What a real runner would have read beside its slot; nothing where the board has no physics."""
    found = {"temp_mc_launch": seen[0].get("temp_mc"), "governor": seen[0].get("governor")}
    for name, key in SEEN.items():
        found.update({f"{name}_start": seen[0].get(key), f"{name}_end": seen[-1].get(key)})
    changes = [one["changes"] for one in seen if "changes" in one]
    states = [one["cool"] for one in seen if one.get("cool") is not None]
    found["freq_transitions"] = changes[-1] - changes[0] if changes else None
    found["cooling_state_max"] = max(states) if states else None
    return {name: value for name, value in found.items() if value is not None}


def edges(seen: list[Json]) -> Json:
    """What a real runner reads around its slot, and a sampler in it: the agent's verdict on throttling goes by it."""
    told = {name: key for name, (key, _) in STATES.items() if all(one.get(key) is not None for one in seen)}
    ends = ({name: one[key] for name, key in told.items()} for one in (seen[0], seen[-1]))
    before, after = ({"values": values, "unread": {}} for values in ends)
    rows = [{"t_ns": one["t_ns"], "source": name, "value": one[key]} for at, one in enumerate(seen[1:])
            for name, key in told.items() if one[key] != seen[at][key]]  # fmt: skip
    kinds = {name: STATES[name][1] for name in told}
    return {"kinds": kinds, "before": before, "after": after, "seen": rows[:MOST_CHANGES]}


def slot_facts(launch: Launch, slot: Slot, warmup_s: float, loaded: int) -> Json:
    busy_ns = sum(slot.latency_ns)
    slow = {"before": 1.0 / launch.seen[0]["speed"], "after": 1.0 / launch.seen[-1]["speed"]}
    return {
        "warmup_ms": warmup_s * 1e3, "slides": 0, "steady": True, "steady_broken": [],  # its latencies know no drift
        "slot_t0_ns": slot.t0_ns, "slot_t1_ns": slot.t0_ns + slot.duration_ns,
        "clock_resolution_ns": 1, "cpu_ns": busy_ns, "wall_ns": slot.duration_ns,
        "cpu_per_wall": busy_ns / slot.duration_ns, "run_queue_ns": 0,
        "nvcsw": 0, "nivcsw": 0, "minflt": 0, "majflt": 0, "hwm_run": loaded, "peak_memory": loaded,
        "psi_cpu_some_us": 0, "foreign_cpu_ns": 0, "swap_in_pages": 0, "swap_out_pages": 0, "rss_run": loaded,
        **{f"canary_clock_{when}_ns": round(CLOCK_NS * times) for when, times in slow.items()},
        **{f"canary_memory_{when}_ns": MEMORY_NS for when in slow},
        "n": len(slot.latency_ns), "capped": slot.capped, "missed": slot.missed,
    }  # fmt: skip


def hand_over(line: bytes) -> NoReturn:
    """Becomes the agent's real runner; the agent is the parent, and its command line says how it was started."""
    words = text_of(f"/proc/{os.getppid()}/cmdline").split("\0")
    agent = words[: words.index("--runner")]
    job = os.memfd_create("job")
    os.write(job, line)
    os.lseek(job, 0, os.SEEK_SET)
    os.dup2(job, 0)
    os.execv(agent[0], [*agent, "runner"])  # noqa: S606 - its own kind of program, without a shell


def text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs more than the rest of the start-up
        return file.read()


class Plain:
    """What a scanner is told: JSON as it is written."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def decoded(text: str) -> Json:
    scan: Any = make_scanner
    body: Json = scan(Plain)(text.strip(), 0)[0]
    return body


def encoded(message: Json) -> str:
    sort_keys = skip_keys = allow_nan = False
    write = make_encoder(None, str, encode_basestring_ascii, None, ":", ",", sort_keys, skip_keys, allow_nan)
    return "".join(write(message, 0))


if __name__ == "__main__":
    main(sys.argv[1:])
