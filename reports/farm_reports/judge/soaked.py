"""What lasts: how much of its first speed a sustained cell keeps, and after how long heat takes it away."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from farm_reports import figures
from farm_reports.judge.evidence import Evidence
from farm_reports.parts import Soak, SpeedKept, ToThrottle, Value
from farm_reports.readings import Readings
from farm_reports.signs import SIGNS
from farm_reports.stats import soak
from farm_reports.stats.soak import KEPT_S, Kept, Throttled
from farm_reports.stats.soak import Soak as Windows
from farm_reports.tables import LaunchRecord

BY_LATENCY = "by the latency alone"
NEVER_COOL = "heat held it back from the first seconds on"
TOO_SHORT = "the soak was too short to see it cool"
NS_PER_MS = 1e6


@dataclass(frozen=True)
class Launch:
    """`disturbed`: other work ran beside it, so that its latency alone tells nothing of heat."""

    soak: Windows
    disturbed: bool

    @property
    def throttled(self) -> Throttled:
        found = soak.throttled(self.soak)
        return Throttled(None) if found.by is None and self.disturbed else found


def soaked(evidence: Evidence) -> Soak | None:
    """Over the launches that count; None where none of them soaked."""
    told = [(launch, soak.read(launch.facts.get("soak"))) for launch in evidence.used]
    found = [Launch(each, _disturbed(launch)) for launch, each in told if each is not None]
    if not found:
        return None
    kept = [each for each in (soak.kept(launch.soak) for launch in found) if each is not None]
    absent = NEVER_COOL if any(launch.soak.held_s is not None for launch in found) else TOO_SHORT
    return Soak(
        launches=len(found),
        disturbed=sum(each.disturbed for each in found),
        cool_ms=_value([each.cool_ns / NS_PER_MS for each in kept], absent),
        warm_ms=_value([each.warm_ns / NS_PER_MS for each in kept], absent),
        speed_kept=_speed_kept(kept, absent),
        time_to_throttle_s=_time(found),
    )


def _disturbed(launch: LaunchRecord) -> bool:
    said = Readings(launch.facts, launch.point)
    levels = ((sign, sign.read(said)) for sign in SIGNS)
    return any(level is not None and level > sign.bound(said) for sign, level in levels)


def _value(values: Sequence[float], absent: str) -> Value:
    if not values:
        return Value(value=None, reason=absent)
    value, low, high = soak.middle(values)
    return Value(value=value, low=low, high=high)


def _speed_kept(kept: Sequence[Kept], absent: str) -> SpeedKept:
    share = _value([each.share for each in kept], absent)
    if not kept:
        return SpeedKept(value=None, reason=share.reason)
    after_s = soak.middle([each.after_s for each in kept])[0]
    early = None if after_s >= KEPT_S else f"the soak was over after {_lasted(after_s)}"
    return SpeedKept(value=share.value, low=share.low, high=share.high, reason=early, after_s=after_s)


def _time(found: Sequence[Launch]) -> ToThrottle:
    """A launch that never throttled counts as later than all others."""
    each = [one.throttled for one in found]
    known = [one.s for one in each if one.s is not None]
    middle_s = soak.middle([math.inf if one.s is None else one.s for one in each])[0]
    within = f"not within {_lasted(max(one.soak.length_s for one in found))}"
    if not known:
        return ToThrottle(value=None, reason=within)
    some = f"{len(known)} of {len(each)} launches" if len(known) < len(each) else None
    if not math.isfinite(middle_s):
        reason = f"in {some}, after {_lasted(min(known))} at the earliest; the others {within}"
        return ToThrottle(value=None, low=min(known), high=max(known), reason=reason, by=_by(each))
    mostly = f"in {some}; the others {within}" if some else None
    return ToThrottle(value=middle_s, low=min(known), high=max(known), reason=mostly, by=_by(each))


def _by(each: Sequence[Throttled]) -> str:
    """How most of them were seen."""
    return Counter(one.by or BY_LATENCY for one in each if one.s is not None).most_common(1)[0][0]


def _lasted(s: float) -> str:
    return figures.plain(figures.duration(s))
