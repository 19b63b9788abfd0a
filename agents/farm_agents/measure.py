"""A measure launch: warm-up, peak memory, one slot, its samples."""

from typing import Iterator, List

from farm_agents import clock, counters, loop, memory, sysfs
from farm_agents.counters import Counters
from farm_agents.feeds import Inputs
from farm_agents.loop import Limits, Slot, Timed, Warm
from farm_agents.runtime import Session
from farm_agents.scene import Scene, Voice
from farm_agents.spec import Work
from farm_agents.wire import Json, Readings, Samples

CHUNK = 16384  # iterations per line: far below 1 MiB with any latency
PEAK_ITERATIONS = 5
COARSE = 100  # a latency of fewer clock steps than this is counted in steps


def measure(work: Work, scene: Scene, voice: Voice, session: Session, inputs: Inputs) -> List[Json]:
    """Nothing but the loop runs in the slot; everything is said afterwards."""
    del inputs
    ticking, limits = clock.MonotonicClock(), limits_of(work)
    voice.stage("warmup")
    warm = warm_up(work, scene, session, ticking, limits)
    peak_memory(scene, session)
    readings = look(scene, "start", ticking)
    voice.stage("slot")
    room = loop.buffers(loop.most_iterations(limits, warm.p50_ns), paced=limits.period_ns is not None)
    timed = loop.timed(session, ticking, room, limits, before=counters.before, after=counters.after)
    readings += look(scene, "end", ticking)
    voice.stage("send")
    scene.facts.update(facts_of(timed))
    scene.facts["clock_resolution_ns"] = clock.smallest_step_ns(ticking.now)
    for chunk in chunks(work.launch, timed.slot):
        voice.say(chunk)
    if readings:
        voice.say(Readings(work.launch, readings))
    return findings(timed.slot, limits, warm.p50_ns, scene.facts["clock_resolution_ns"])


def limits_of(work: Work) -> Limits:
    recipe, pace_hz = work.recipe, work.point.pace_hz
    return Limits(
        slot_ns=int(recipe.slot_s * loop.SECOND_NS),
        cap_ns=int(max(recipe.slot_s, recipe.slot_cap_s) * loop.SECOND_NS),
        least=recipe.min_iterations,
        period_ns=None if pace_hz is None else loop.SECOND_NS / pace_hz,
    )


def warm_up(work: Work, scene: Scene, session: Session, ticking: clock.Clock, limits: Limits) -> Warm:
    recipe = work.recipe
    least_ns = int(recipe.warmup_s * loop.SECOND_NS)
    warm = loop.warm_up(session, ticking, least_ns, recipe.warmup_iterations, limits.period_ns)
    scene.facts.update(warmup_ms=warm.elapsed_ns / 1e6, warmup_n=warm.n)
    return warm


def peak_memory(scene: Scene, session: Session) -> None:
    """Read before the sample buffer exists: the peak is the model's."""
    reason = memory.reset_peak()
    for _ in range(PEAK_ITERATIONS):
        session.call(session.binding)
    facts = scene.facts
    facts.update(memory.peak_facts("hwm_run", reason))
    peaks = [facts[name] for name in ("hwm_load", "hwm_run")]
    facts["peak_memory"] = None if None in peaks else max(peaks)
    if None in peaks:
        facts["peak_memory_reason"] = facts.get("hwm_run_reason") or facts.get("hwm_load_reason")


def look(scene: Scene, when: str, ticking: clock.Clock) -> List[Json]:
    """Clock and heat beside the slot, never in it."""
    cpus, tree, facts = scene.cpus or [], scene.tree, scene.facts
    for name, value, reason in (
        ("governor", sysfs.governor(tree, cpus), "no cpufreq policy tells a governor"),
        ("freq_khz_" + when, sysfs.freq_khz(tree, cpus), "no cpufreq policy tells a clock"),
        ("temp_mc_" + when, sysfs.temp_mc(tree), "no thermal zone of the processor answers"),
    ):
        facts[name] = value
        if value is None:
            facts[name + "_reason"] = reason
    return sysfs.readings(tree, ticking.now())


def facts_of(timed: "Timed[Counters]") -> Json:
    slot, room = timed.slot, timed.slot.room
    return {
        "slot_t0_ns": slot.t0_ns,
        "slot_t1_ns": slot.t1_ns,
        "n": slot.n,
        "capped": slot.capped,
        "missed": slot.missed,
        "buffer_bytes": len(room.latency_ns) * (16 if room.start_delay_ns is not None else 8),
        **counters.facts(timed.before, timed.after),
    }


def chunks(launch: str, slot: Slot) -> Iterator[Samples]:
    latency_ns, delay_ns = slot.latency_ns, slot.start_delay_ns
    for first in range(0, slot.n, CHUNK):
        cut = slice(first, first + CHUNK)
        delays = None if delay_ns is None else delay_ns[cut].tolist()
        yield Samples(launch, first, slot.t0_ns, latency_ns[cut].tolist(), delays)


def findings(slot: Slot, limits: Limits, p50_ns: int, step_ns: int) -> List[Json]:
    found = []
    if slot.n < limits.least:
        text = "{} iterations in {:.1f} s, {} were wanted".format(slot.n, limits.cap_ns / 1e9, limits.least)
        found.append({"name": "FEW_ITERATIONS", "text": text})
    if 0 < p50_ns < COARSE * step_ns:
        text = "the clock moves in steps of {} ns, an inference takes {} ns".format(step_ns, p50_ns)
        found.append({"name": "TIMER", "text": text})
    return found
