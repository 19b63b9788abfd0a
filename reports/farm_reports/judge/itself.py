"""A run of one file under two names: what it says of each board."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from farm_reports import verdict
from farm_reports.clocks import eff_khz, foreign, pinned
from farm_reports.judge.evidence import Evidence, gather, pairs
from farm_reports.readings import CLOCK, MEMORY, Readings, canary_ns, slowed
from farm_reports.stats.calibration import trial
from farm_reports.stats.compare import mad_sd
from farm_reports.tables import STOCK, Tables, Trial

PARTS = (CLOCK, MEMORY)
UNSEEN = "no launch had a canary"
UNMEASURED = "no launch measured its clock"
LOST = "no launch kept the clock that was asked for"


def trials(tables: Tables) -> dict[str, Trial | str]:
    """By board: its trial at its first point, or why the run gives it none."""
    first: dict[str, dict[str, Evidence]] = {}
    for (board, variant, point), evidence in gather(tables).items():
        arms = first.setdefault(board, {})
        if not arms or point == next(iter(arms.values())).key[2]:
            arms[variant] = evidence
    return {board: _trial(list(arms.values())) for board, arms in first.items()}


def _trial(arms: Sequence[Evidence]) -> Trial | str:
    one, other = arms
    differences = pairs(other.logs(), one.logs())
    why = verdict.invalid(differences.size, max(one.rejected, other.rejected))
    if why is not None or any(arm.owed for arm in arms):
        return why or "launches are still owed"
    return replace(_with_clock(_with_canary(trial(differences), arms), arms), idle_mc=_idle_mc(arms))


def _idle_mc(arms: Sequence[Evidence]) -> float | None:
    """Where the board rested before a launch: a launch that did not wait for it, or waited in vain, does not say."""
    found = [Readings(launch.facts, launch.point) for arm in arms for launch in arm.used]
    rested = [each.number("settle_temp_mc") for each in found if each.facts.get("settle_broken") == []]
    return min((mc for mc in rested if mc is not None), default=None)


def _with_clock(made: Trial, arms: Sequence[Evidence]) -> Trial:
    """The clock that was measured where it was the one that was asked for: the board's own is not the one that is told."""
    said = [Readings(launch.facts, launch.point) for arm in arms for launch in arm.used]
    kept = [one for one in said if one.pin == STOCK or (pinned(one) and not foreign(one))]
    found = [khz for one in kept if (khz := eff_khz(one)) is not None]
    sung = [ns for one in kept if (ns := canary_ns(one)) is not None]
    made = replace(made, canary_ns=float(np.median(sung)) if sung else None)
    if found:
        return replace(made, eff_khz=float(np.median(found)))
    told = (one.facts.get("eff_khz_reason") for one in kept)
    return replace(made, eff_khz_reason=str(next(filter(None, told), UNMEASURED if kept else LOST)))


def _with_canary(made: Trial, arms: Sequence[Evidence]) -> Trial:
    """The canary's time after a slot over that before it, over the launches of both arms."""
    clock_sd, memory_sd = (_spread(part, arms) for part in PARTS)
    absent = None if clock_sd is not None and memory_sd is not None else _reason(arms)
    return replace(made, clock_sd=clock_sd, memory_sd=memory_sd, canary_reason=absent)


def _spread(part: str, arms: Sequence[Evidence]) -> float | None:
    logs = [log for arm in arms for log in _logs(part, arm)]
    return float(mad_sd(np.array(logs))) if len(logs) > 1 else None


def _logs(part: str, arm: Evidence) -> list[float]:
    found = (slowed(Readings(launch.facts, launch.point), part) for launch in arm.used)
    return [math.log1p(share) for share in found if share is not None and share > -1]


def _reason(arms: Sequence[Evidence]) -> str:
    names = [f"canary_{part}_{when}_ns_reason" for part in PARTS for when in ("before", "after")]
    found = (launch.facts.get(name) for arm in arms for launch in arm.used for name in names)
    return str(next(filter(None, found), UNSEEN))
