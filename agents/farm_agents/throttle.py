"""The verdict on a slot: whether the processor was held back in it, and what of that could be seen at all; pure."""

from dataclasses import asdict
from typing import Dict, Mapping, Optional

from farm_agents import edges, evidence, knobs
from farm_agents.evidence import Case, Planned
from farm_agents.fact import told
from farm_agents.watch import Watch
from farm_agents.wire import Json

NONE, SUSPECTED, CONFIRMED, UNKNOWN = "none", "suspected", "confirmed", "unknown"
LIVE = 0xF  # bits of get_throttled that tell of now
MOST_EVIDENCE = 32
NO_SOURCE = "nothing that could be read here counts or tells throttling"
NO_TIMES = "no cpufreq policy of the measured CPUs counts the time at each clock"


def judged(facts: Json, watch: Watch, targets: Mapping[str, int]) -> Json:
    """The facts of a launch with the verdict in place of the edges of its slot, if one was measured.

    `targets`: kHz of each policy that was to be pinned.
    """
    found = facts.get("edges")
    if not isinstance(found, dict):
        return facts
    for row in found.get("seen", ()):
        watch.add(row)
    rest = {name: value for name, value in facts.items() if name != "edges"}
    case = case_of(rest, found, watch, targets)
    return {**rest, **_times(case), **verdict(case, unread(case, found))}


def case_of(facts: Json, found: Json, watch: Watch, targets: Mapping[str, int]) -> Case:
    t0_ns, t1_ns = (int(facts.get("slot_t{}_ns".format(end), 0)) for end in (0, 1))
    before, after = (dict(found[when]["values"]) for when in ("before", "after"))
    return Case(
        facts=facts,
        kinds=found["kinds"],
        before=before,
        after=after,
        t0_ns=t0_ns,
        t1_ns=t1_ns,
        seen=watch.within(t0_ns, t1_ns),
        planned=planned(facts, before, targets),
        passive_mc=found.get("passive_mc", {}),
        levels=found.get("levels", ()),
        firmware=bool(found.get("firmware")) or type(facts.get("throttled_bits_start")) is int,
        calibrated_khz=found.get("calibrated_khz"),
    )


def planned(facts: Json, before: Json, targets: Mapping[str, int]) -> Dict[str, Planned]:
    """What was pinned; else, where the governor always takes the highest clock, the limit that it found."""
    pin = facts.get("pin") or {}
    if pin.get("knobs"):
        return {
            policy: _pinned(khz, before.get(policy + ".max", khz), pin["strategy"]) for policy, khz in targets.items()
        }
    if {facts.get("governor_start"), facts.get("governor_end")} != {knobs.GOVERNOR}:
        return {}
    limits = {name[: -len(".max")]: khz for name, khz in before.items() if name.endswith(".max")}
    return {policy: Planned(khz, held=False, fixed=True) for policy, khz in limits.items()}


def _pinned(khz: int, limit_khz: int, strategy: str) -> Planned:
    """What was given back before the slot holds nothing in it."""
    held = limit_khz <= khz or strategy == knobs.USERSPACE
    return Planned(khz, held=held, fixed=held and strategy in knobs.HOLDING)


def verdict(case: Case, missing: Mapping[str, str]) -> Json:
    """The fact `throttle`; `missing`: why something was not read, said where nothing else was."""
    found = [one for rule in evidence.RULES for one in rule(case)][:MOST_EVIDENCE]
    word = CONFIRMED if any(one.sure for one in found) else SUSPECTED if found else NONE
    known = found or watched(case)
    rows = [{name: value for name, value in asdict(one).items() if name != "sure"} for one in found]
    why = "; ".join([NO_SOURCE, *("{}: {}".format(*each) for each in missing.items())])
    return {
        "throttle": {"verdict": word if known else UNKNOWN, "evidence": rows, "before": held_before(case)},
        **({} if known else {"throttle_reason": why}),
        **({"throttle_unread": dict(missing)} if missing else {}),
    }


def watched(case: Case) -> bool:
    """Whether a source was there that would have shown a processor held back."""
    counted = any(case.rose(name) is not None for name in case.of_kind(edges.COUNTER))
    told_states = any(case.points(name) for name in case.of_kind(edges.STATE_NOW)) or bool(case.bits())
    measured = None not in (case.number("eff_khz"), case.calibrated_khz)
    policies = [] if case.firmware else [policy for policy, plan in case.planned.items() if plan.fixed]
    return counted or told_states or measured or any(case.spent(policy) is not None for policy in policies)


def held_before(case: Case) -> Optional[bool]:
    """Whether it was so when the slot began; None where no state was told then."""
    states = [case.before[name] > 0 for name in case.of_kind(edges.STATE_NOW) if name in case.before]
    limits = [] if case.firmware else [
        case.before[policy + ".max"] < plan.khz
        for policy, plan in case.planned.items() if plan.held and policy + ".max" in case.before
    ]  # fmt: skip
    start = case.facts.get("throttled_bits_start")
    found = [*states, *limits, *([bool(start & LIVE)] if type(start) is int else [])]
    return any(found) if found else None


def unread(case: Case, found: Json) -> Dict[str, str]:
    """Why a source tells nothing of this slot."""
    why = {**found["before"]["unread"], **found["after"]["unread"]}
    for name in case.of_kind(edges.COUNTER):
        if name not in why and case.rose(name) is None:
            why[name] = "went back from {} to {}".format(case.before.get(name), case.after.get(name))
    for policy in case.of_kind(edges.RESIDENCY):
        if policy not in why and case.spent(policy) is None:
            why[policy] = "its times went back"
    return why


def _times(case: Case) -> Json:
    spent = {policy: case.spent(policy) for policy in case.of_kind(edges.RESIDENCY)}
    found = {policy: {str(khz): n for khz, n in ticks.items()} for policy, ticks in spent.items() if ticks is not None}
    return told("time_in_state", found or None, NO_TIMES)
