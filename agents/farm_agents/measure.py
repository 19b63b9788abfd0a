"""A measure launch: warm-up, peak memory, slots until one counts, its samples."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Iterator, List, Optional

from farm_agents import beside, canary, clock, counters, edges, idle, loop, memory, soak, steady, thermal, warmup
from farm_agents.canary import Canary
from farm_agents.counters import Counters
from farm_agents.edges import Edges
from farm_agents.feeds import Inputs
from farm_agents.loop import Limits, Runtime, Slot, Timed
from farm_agents.runtime import Session
from farm_agents.scene import Scene, Voice
from farm_agents.spec import Work
from farm_agents.steady import Glance, Settled, Trial, Warm
from farm_agents.sysfs import Sysfs
from farm_agents.warmup import Rule
from farm_agents.wire import Json, Readings, Samples

CHUNK = 16384  # iterations per line: far below 1 MiB with any latency
PEAK_ITERATIONS = 5
COARSE = 1000  # clock steps: a shorter latency is known to no better than 0.1 %


@dataclass(frozen=True)
class Conditions:
    """What of the board must rest beside the latency: its heat, the cooling that slows it down."""

    heat: bool
    cooling: bool

    def glance(self, tree: Sysfs, t_ns: int, heat: Optional[soak.Heat] = None) -> Glance:
        return Glance(
            t_ns,
            temp_mc=thermal.temp_mc(tree) if self.heat else None,
            cooling=thermal.cooling_state(tree) if self.cooling else None,
            held=heat.held() if heat is not None else None,
        )


@dataclass(frozen=True)
class Stand:
    """What a slot is measured with."""

    scene: Scene
    session: Runtime
    ticking: clock.Clock
    limits: Limits
    conditions: Conditions
    bird: Canary
    edges: Edges


def measure(work: Work, scene: Scene, voice: Voice, session: Session, inputs: Inputs) -> List[Json]:
    """Nothing but the loop runs in the slot; everything is said afterwards."""
    del inputs
    ticking, limits, rule = clock.MonotonicClock(), limits_of(work), rule_of(work)
    voice.stage("warmup")
    heat = soak.Heat(scene.tree, scene.cpus or []) if conditions_of(work).heat else None
    warm = warm_up(work, scene, session, ticking, heat)
    peak_memory(scene, session, ticking)
    bird = canary.make(scene.tree, scene.cpus or [], limits.slot_ns, scene.memory_limit)
    voice.stage("slot")
    stand = Stand(scene, session, ticking, limits, conditions_of(work), bird, edges.find(scene.tree, scene.cpus or []))
    readings = idle.window(scene.tree, ticking, work.recipe.idle_s, scene.facts, "before")
    idle.again(session, ticking, rule, limits, work.recipe.idle_s)
    settled = steady.settle(warm, rule, partial(trial, stand))
    readings += settled.trial.readings
    readings += idle.window(scene.tree, ticking, work.recipe.idle_s, scene.facts, "after")
    if work.recipe.chirp_s:
        from farm_agents import chirp  # noqa: PLC0415 - one launch of many sings, and every one pays for an import

        scene.facts["chirp"] = chirp.sing(len(scene.cpus or []), work.recipe.chirp_s)
    voice.stage("send")
    slot, step_ns = settled.trial.timed.slot, clock.smallest_step_ns(ticking.now)
    scene.facts.update({**settled.trial.facts, **steady_facts(settled), "clock_resolution_ns": step_ns})
    scene.facts["edges"].update(levels=steady.slot_levels(slot, rule), calibrated_khz=work.start.eff_khz)
    if heat is not None:
        scene.facts.update(soak.facts(settled.warm, rule.window_ns, heat))
    for chunk in chunks(work.launch, slot):
        voice.say(chunk)
    if readings:
        voice.say(Readings(work.launch, readings))
    return [*findings(slot, limits, settled.warm.p50_ns, step_ns), *not_steady(settled, rule)]


def warm_up(work: Work, scene: Scene, session: Runtime, ticking: clock.Clock, heat: Optional[soak.Heat] = None) -> Warm:
    glance = partial(conditions_of(work).glance, scene.tree, heat=heat)
    return steady.warm_up(session, ticking, rule_of(work), limits_of(work).period_ns, glance)


def trial(stand: Stand, p50_ns: int) -> Trial[Counters]:
    """One slot, its own canary on either side, and what is read beside it."""
    scene, limits = stand.scene, stand.limits
    around = counters.sources(scene.tree, scene.cpus or [])
    facts = canary.facts(stand.bird, "before", stand.ticking.now)
    readings = look(stand, facts, "start")
    start = stand.conditions.glance(scene.tree, stand.ticking.now())
    room = loop.buffers(loop.most_iterations(limits, p50_ns), paced=limits.period_ns is not None)
    edge = stand.edges.read()
    scene.cycles.start()
    timed = loop.timed(stand.session, stand.ticking, room, limits, before=around.before, after=around.after)
    facts.update(scene.cycles.stop(), edges=edges.fact(stand.edges, edge, stand.edges.read()))
    end = stand.conditions.glance(scene.tree, stand.ticking.now())
    readings += look(stand, facts, "end")
    facts.update(canary.facts(stand.bird, "after", stand.ticking.now))
    return Trial(timed, {**facts, **facts_of(timed)}, readings, (start, end))


def look(stand: Stand, facts: Json, when: str) -> List[Json]:
    """The board beside the slot, never in it."""
    scene = stand.scene
    beside.look(facts, scene.tree, scene.cpus or [], when)
    return [*idle.counted(scene.tree, stand.ticking.now), *beside.readings(scene.tree, stand.ticking.now())]


def limits_of(work: Work) -> Limits:
    recipe, pace_hz = work.recipe, work.point.pace_hz
    return Limits(
        slot_ns=int(recipe.slot_s * loop.SECOND_NS),
        cap_ns=int(max(recipe.slot_s, recipe.slot_cap_s) * loop.SECOND_NS),
        least=recipe.min_iterations,
        period_ns=None if pace_hz is None else loop.SECOND_NS / pace_hz,
    )


def conditions_of(work: Work) -> Conditions:
    """In burst mode the launch may heat the board: where it began is what its cool-down saw to."""
    return Conditions(heat=work.point.mode == "sustained", cooling=work.start.cooling)


def rule_of(work: Work) -> Rule:
    recipe = work.recipe
    return Rule(
        least_ns=int(recipe.warmup_s * loop.SECOND_NS),
        most_ns=int(recipe.warmup_max_s * loop.SECOND_NS),
        least_n=recipe.warmup_iterations,
        window_ns=int(recipe.window_s * loop.SECOND_NS),
        windows=recipe.windows,
        drift_max=recipe.drift_max,
        half_max=recipe.half_max,
        spread_max=recipe.spread_max,
    )


def peak_memory(scene: Scene, session: Session, ticking: clock.Clock) -> None:
    """Read before the sample buffer exists: the peak is the model's."""
    reason = memory.reset_peak()
    loop.again(session, ticking, PEAK_ITERATIONS)
    facts = scene.facts
    facts.update(memory.peak_facts("hwm_run", reason))
    facts.update(memory.steady_facts())
    facts.update(memory.nvmap_facts(scene.tree, facts.get("nvmap_import")))
    peaks = [facts[name] for name in ("hwm_load", "hwm_run")]
    facts["peak_memory"] = None if None in peaks else max(peaks)
    if None in peaks:
        facts["peak_memory_reason"] = facts.get("hwm_run_reason") or facts.get("hwm_load_reason")


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


def steady_facts(settled: Settled[Any]) -> Json:
    warm, rest = settled.warm, settled.rest
    found: Json = {
        "warmup_ms": warm.elapsed_ns / 1e6,
        "warmup_n": warm.n,
        "warmup_windows": warm.shape.windows,
        "warmup_coarse": warm.shape.coarse,
        "slides": settled.slides,
        "steady": None if rest is None else rest.steady,
        "steady_broken": None if rest is None else list(rest.broken),
    }
    if rest is None:
        slot = settled.trial.timed.slot
        seconds = (slot.t1_ns - slot.t0_ns) / 1e9
        short = "{} iterations in {:.1f} s make fewer than {} windows".format(slot.n, seconds, warmup.FEWEST)
        found.update(steady_reason=short, steady_broken_reason=short)
    return found


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
    if p50_ns < COARSE * step_ns:
        text = "the clock moves in steps of {} ns, an inference takes {} ns".format(step_ns, p50_ns)
        found.append({"name": "TIMER", "text": text})
    return found


def not_steady(settled: Settled[Any], rule: Rule) -> List[Json]:
    rest, warm = settled.rest, settled.warm
    if rest is None or rest.steady:
        return []
    limits = {"drift": rule.drift_max, "half": rule.half_max, "spread": rule.spread_max}
    figures = {"drift": rest.drift, "half": rest.half, "spread": rest.spread}
    told = ["{} {:.2%} (at most {:.2%})".format(name, figures[name], limits[name]) for name in limits]
    if "heat" in rest.broken:
        told.append("the board heats by {:.1f} °C in 10 s".format((rest.heat_mc or 0.0) / 1000))
    if "cooling" in rest.broken:
        told.append("cooling slows the processor down, at state {} (at most 0)".format(rest.cooling))
    text = "after {:.1f} s of warm-up (slots that became warm-up: {}) the medians of the windows still move: {}".format(
        warm.elapsed_ns / 1e9, settled.slides, ", ".join(told)
    )
    return [{"name": "NOT_STEADY", "text": text}]
