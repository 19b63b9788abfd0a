"""The energy of a cell: what one inference took, from the launches whose sensors could tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Any, NamedTuple

from farm_reports.judge.evidence import Evidence
from farm_reports.judge.figures import of_launches
from farm_reports.meanings import SCOPES
from farm_reports.parts import Energy, Value
from farm_reports.readings import Readings
from farm_reports.tables import LaunchRecord

NO_SENSOR = "no power sensor"
UJ_PER_MJ = 1e3
GROSS, NET = "energy_uj", "energy_net_uj"


class Place(NamedTuple):
    """Where a launch was measured. How fine its sensor was then is no part of it: intervals differ by microseconds."""

    scope: str
    source: str
    sensor_class: str


def figures(evidence: Evidence, absent: str) -> dict[str, Any]:
    """The fields of a cell: gross, net, and where they were measured."""
    place = _place(evidence)
    gross = _value(evidence, GROSS, NO_SENSOR if evidence.valid else absent)
    if place is None:
        reason = gross.reason or NO_SENSOR
        return {"energy_mj": gross, "energy_net_mj": Value(value=None, reason=reason), "energy": None,
                "energy_reason": reason}  # fmt: skip
    told = {name: _middle(evidence, place, name) for name in ("lsb_w", "interval_ms", "idle_w")}
    found = Energy(**place._asdict(), **told)
    net = _value(evidence, NET, "no launch has an idle window")
    return {"energy_mj": gross, "energy_net_mj": net, "energy": found, "energy_reason": None}


def millijoules(evidence: Evidence, name: str = GROSS) -> dict[int, float]:
    """Millijoules of an inference by block, of the launches that were measured at one and the same place."""
    place = _place(evidence)
    return {
        block: found / launch.n / UJ_PER_MJ
        for block, launch in evidence.blocks.items()
        if place is not None and _of(launch) == place and launch.n
        if (found := Readings(launch.facts, launch.point).amount(name))
    }


def alike(one: Evidence, other: Evidence) -> bool:
    """Whether both were measured at the same place: else their figures are not to be compared."""
    return _place(one) == _place(other)


def _value(evidence: Evidence, name: str, absent: str) -> Value:
    """Of a single launch the interval is that of its parts."""
    each = millijoules(evidence, name)
    told = (launch.facts.get(f"{name}_reason") for launch in evidence.used)
    why = Counter(reason for reason in told if isinstance(reason, str) and reason)
    value = of_launches(each.values(), why.most_common(1)[0][0] if why else absent)
    if len(each) != 1 or name != GROSS:
        return value
    launch = evidence.blocks[next(iter(each))]
    ends = [Readings(launch.facts, launch.point).amount(f"energy_{end}_uj") for end in ("low", "high")]
    low, high = (None if end is None else end / (launch.n or 1) / UJ_PER_MJ for end in ends)
    return Value(value=value.value, low=low, high=high, reason="one launch: the interval is that of its parts")


def _middle(evidence: Evidence, place: Place, name: str) -> float | None:
    """Of the launches that were measured there."""
    told = (_said(launch).amount(name) for launch in evidence.used if _of(launch) == place)
    found = [amount for amount in told if amount is not None]
    return median(found) if found else None


def _place(evidence: Evidence) -> Place | None:
    """Where most launches were measured; None where none was."""
    places = [place for launch in evidence.used if (place := _of(launch)) is not None]
    return max(places, key=places.count, default=None)


def _of(launch: LaunchRecord) -> Place | None:
    """What the launch says of its sensor."""
    facts = _said(launch).facts
    scope, source, sensor_class = (facts.get(name) for name in ("scope", "source", "sensor_class"))
    if scope not in SCOPES or not isinstance(source, str) or sensor_class not in {"A", "B", "C"}:
        return None
    return Place(scope, source, sensor_class)


def _said(launch: LaunchRecord) -> Readings:
    found: object = launch.facts.get("energy")
    return Readings(found if isinstance(found, Mapping) else {}, launch.point)
