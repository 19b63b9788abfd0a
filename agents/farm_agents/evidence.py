"""What in a slot shows a processor held back by heat or supply, rule by rule; pure.

Counters that rose prove it, so do states that were seen; heat alone and a falling clock only make it likely.
"""

import math
import re
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from farm_agents import edges, trend
from farm_agents.watch import Point
from farm_agents.wire import Json

COUNTER, STATE, TEMP, EFFECTIVE = "counter", "state", "temp", "effective_freq"
OF_CPU = re.compile(r"\Acpu[0-9]+\.")
STICKY = 16  # bits of get_throttled: now; so many higher: since the firmware last forgot them
BITS = {"throttled_bits": 0b1110, "undervoltage": 0b1}
STRAY_TICKS = 2  # of 10 ms at a clock that was not set
STRAY_SHARE = 0.01  # of the slot below the clock that an unpinned one should have had
LOW, LOWER = 0.02, 0.03  # share by which the measured clock lies below its calibration: likely, certain
NEAR_TRIP_MC = 3_000
SLOWED = 0.02  # of the canary's clock part, after the slot against before
RISEN_MC = 1_000  # from which on a temperature rose
TREND_P, TREND_LEAST = 0.01, 0.01  # of the latencies: chance of it without a trend, share that they rose by


@dataclass(frozen=True)
class Evidence:
    """`sure`: it proves what other evidence only makes likely. `t_first_ns`: None for a count, which has no moment."""

    source: str
    kind: str
    before: Optional[float]
    after: Optional[float]
    t_first_ns: Optional[int]
    text: str
    sure: bool = True


@dataclass(frozen=True)
class Planned:
    """The clock of a policy in kHz. `held`: it was set and checked; `fixed`: nor may it go lower by itself."""

    khz: int
    held: bool
    fixed: bool


@dataclass(frozen=True)
class Case:
    """All that is known of a slot. `before`, `after`: values by name; `seen`: readings inside the slot by source."""

    facts: Json
    kinds: Mapping[str, str]
    before: Json
    after: Json
    t0_ns: int
    t1_ns: int
    seen: Mapping[str, Sequence[Point]]
    planned: Mapping[str, Planned]
    passive_mc: Mapping[str, Optional[int]]
    levels: Sequence[float]
    firmware: bool
    calibrated_khz: Optional[float]

    def number(self, name: str) -> Optional[float]:
        """A fact."""
        value = self.facts.get(name)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def of_kind(self, kind: str) -> List[str]:
        return [name for name, is_kind in self.kinds.items() if is_kind == kind]

    def points(self, name: str) -> List[Point]:
        """Both edges and what was seen in between."""
        start = [(self.t0_ns, self.before[name])] if name in self.before else []
        end = [(self.t1_ns, self.after[name])] if name in self.after else []
        return [*start, *self.seen.get(name, ()), *end]

    def bits(self) -> List[Point]:
        """Of a Raspberry Pi's firmware, as `points`."""
        start, end = (self.facts.get("throttled_bits_" + when) for when in ("start", "end"))
        found = [(self.t0_ns, start), *self.seen.get("throttled_bits", ()), (self.t1_ns, end)]
        return [(t_ns, bits) for t_ns, bits in found if type(bits) is int]

    def rose(self, name: str) -> Optional[int]:
        """A counter; None where it was not read at both edges, or went back."""
        both = name in self.before and name in self.after
        passed = int(self.after[name] - self.before[name]) if both else None
        return passed if passed is not None and passed >= 0 else None

    def spent(self, policy: str) -> Optional[Dict[int, int]]:
        """Ticks at each clock in kHz; None where they were not counted, or the counting began anew."""
        start, end = self.before.get(policy), self.after.get(policy)
        if not start or not end:
            return None
        passed = {int(khz): ticks - start.get(khz, 0) for khz, ticks in end.items()}
        return None if min(passed.values()) < 0 else {khz: ticks for khz, ticks in passed.items() if ticks}

    def warmed_mc(self) -> float:
        """By how much the processor's temperature rose over the slot; 0 where nobody can tell."""
        start, end = self.number("temp_mc_start"), self.number("temp_mc_end")
        return end - start if start is not None and end is not None else 0.0


def _counters(case: Case) -> Iterator[Evidence]:
    """Of several CPUs that count the same, the one that counted most."""
    most: Dict[str, Tuple[int, str]] = {}
    for name in case.of_kind(edges.COUNTER):
        what, passed = OF_CPU.sub("", name), case.rose(name) or 0
        most[what] = max(most.get(what, (0, name)), (passed, name))
    for what, (passed, name) in most.items():
        if passed > 0:
            text = "{} rose by {}".format(what, passed)
            yield Evidence(name, COUNTER, case.before[name], case.after[name], None, text)


def _states(case: Case) -> Iterator[Evidence]:
    for name in case.of_kind(edges.STATE_NOW):
        points = case.points(name)
        held = [(t_ns, state) for t_ns, state in points if state > 0]
        if held:
            most = max(state for _, state in held)
            text = "{} took clock away, up to state {}".format(name, most)
            yield Evidence(name, STATE, points[0][1], most, held[0][0], text)


def _limits(case: Case) -> Iterator[Evidence]:
    """A limit below the clock that was set, or one that sank where none was."""
    for name in case.of_kind(edges.LIMIT):
        plan, points = case.planned.get(name[: -len(".max")]), case.points(name)
        bound = plan.khz if plan is not None else points[0][1] if points else 0
        under = [(t_ns, khz) for t_ns, khz in points if khz < bound]
        if under:
            lowest = min(khz for _, khz in under)
            words = "pinned to" if plan is not None and plan.held else "free up to"
            text = "its policy was limited to {} MHz, it was {} {} MHz".format(_mhz(lowest), words, _mhz(bound))
            yield Evidence(name, STATE, bound, lowest, under[0][0], text)


def _bits(case: Case) -> Iterator[Evidence]:
    """Set now, or remembered since a reading before; a memory as old as the slot's start proves nothing."""
    points = case.bits()
    for source, group in BITS.items():
        earlier = [bits for _, bits in points[:1]] + [bits for _, bits in points[:-1]]
        fresh = [(t_ns, bits & group | bits & ~was & group << STICKY) for (t_ns, bits), was in zip(points, earlier)]
        told_at = [(t_ns, bits) for t_ns, bits in fresh if bits]
        if told_at:
            every = 0
            for _, bits in told_at:
                every |= bits
            text = "get_throttled told 0x{:x}".format(every)
            yield Evidence(source, STATE, points[0][1], points[-1][1], told_at[0][0], text)


def _alarms(case: Case) -> Iterator[Evidence]:
    for name in case.of_kind(edges.ALARM):
        if case.before.get(name) == 0 and case.after.get(name, 0) > 0:
            yield Evidence(name, STATE, 0, 1, None, "{} reports too low a voltage".format(name))


def _lost_cpus(case: Case) -> Iterator[Evidence]:
    for name in case.of_kind(edges.CPUS):
        start, end = set(case.before.get(name, ())), set(case.after.get(name, ()))
        if end and start - end:
            text = "CPU {} went offline".format(", ".join(map(str, sorted(start - end))))
            yield Evidence(name, STATE, len(start), len(end), None, text)


def _residency(case: Case) -> Iterator[Evidence]:
    """Time at clocks that were not set; a firmware that sets the clock itself tells nobody."""
    for policy, plan in ({} if case.firmware else case.planned).items():
        spent = case.spent(policy) or {}
        other = {khz: n for khz, n in spent.items() if (khz != plan.khz if plan.held else khz < plan.khz)}
        most = max(other.values(), default=0) if plan.held else sum(other.values())
        least = STRAY_TICKS if plan.held else max(STRAY_TICKS, STRAY_SHARE * sum(spent.values()))
        if plan.fixed and most >= least:
            khz = max(other, key=lambda each: other[each])
            words = "{} ms at other clocks than {} MHz, most of it at {} MHz"
            text = words.format(10 * sum(other.values()), _mhz(plan.khz), _mhz(khz))
            yield Evidence(policy, COUNTER, plan.khz, khz, None, text)


def _effective(case: Case) -> Iterator[Evidence]:
    khz, reference = case.number("eff_khz"), case.calibrated_khz
    if khz is None or not reference:
        return
    below = 1 - khz / reference
    if below >= LOW:
        words = "{} MHz were measured, {:.1%} below the calibrated {} MHz"
        text = words.format(_mhz(khz), below, _mhz(reference))
        yield Evidence("eff_khz", EFFECTIVE, reference, khz, None, text, sure=below > LOWER)


def _near_trip(case: Case) -> Iterator[Evidence]:
    """Zone by zone; without readings the edges of the slot, against the first limit of any."""
    trips = {zone: trip for zone, trip in case.passive_mc.items() if trip is not None}
    seen = [(zone, trip, case.seen[zone]) for zone, trip in trips.items() if zone in case.seen]
    if not seen and trips:
        start, end = case.number("temp_mc_start"), case.number("temp_mc_end")
        known = [(t_ns, int(mc)) for t_ns, mc in ((case.t0_ns, start), (case.t1_ns, end)) if mc is not None]
        seen = [("temp_mc", min(trips.values()), known)]
    for zone, trip, points in seen:
        hot = [(t_ns, mc) for t_ns, mc in points if mc >= trip - NEAR_TRIP_MC]
        if hot:
            most = max(mc for _, mc in hot)
            text = "{} reached {:.1f} °C, the kernel slows down at {:.1f} °C".format(zone, most / 1e3, trip / 1e3)
            yield Evidence(zone, TEMP, points[0][1], most, hot[0][0], text, sure=False)


def _clock_fell(case: Case) -> Iterator[Evidence]:
    """The canary stands for a clock that nobody measures inside the slot."""
    before, after = (case.number("canary_clock_{}_ns".format(when)) for when in ("before", "after"))
    if before and after and after / before - 1 > SLOWED and case.warmed_mc() > 0:
        words = "the canary took {:.1%} longer after the slot, while the temperature rose by {:.1f} °C"
        text = words.format(after / before - 1, case.warmed_mc() / 1e3)
        yield Evidence("canary_clock", EFFECTIVE, before, after, None, text, sure=False)


def _latency_rose(case: Case) -> Iterator[Evidence]:
    if len(case.levels) < 2 or case.warmed_mc() < RISEN_MC or trend.rise_p(case.levels) >= TREND_P:
        return
    rise = trend.slope([*enumerate(case.levels)]) * (len(case.levels) - 1)
    if rise >= TREND_LEAST:
        words = "the latency rose by {:.1%} within the slot, the temperature by {:.1f} °C"
        text = words.format(rise, case.warmed_mc() / 1e3)
        first_ns, last_ns = (round(math.exp(case.levels[at])) for at in (0, -1))
        yield Evidence("latency", TEMP, first_ns, last_ns, None, text, sure=False)


def _mhz(khz: float) -> str:
    return "{:.0f}".format(khz / 1000)


RULES: Sequence[Callable[[Case], Iterator[Evidence]]] = (
    _counters, _states, _limits, _bits, _alarms, _lost_cpus, _residency, _effective, _near_trip, _clock_fell,
    _latency_rose,
)  # fmt: skip
