"""A slot as a runner tells it, changed as a test wants it, and the verdict on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from farm_agents import throttle
from farm_agents.watch import Watch

T0, T1, SECOND = 10_000_000_000, 15_000_000_000, 1_000_000_000
KHZ = 1_800_000
PINNED = {"strategy": "minmax", "knobs": [{"path": "x"}]}
TICKS = {"600000": 10, "1200000": 0, str(KHZ): 100}


def edge(values: Mapping[str, Any], unread: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"t_ns": 0, "values": dict(values), "unread": dict(unread or {})}


def slot(kinds: Mapping[str, str], before: Mapping[str, Any], after: Mapping[str, Any], **edges: Any) -> dict[str, Any]:
    """The facts of a launch of five seconds; both edges read what is given."""
    fact = {"kinds": dict(kinds), "before": edge(before), "after": edge(after), "passive_mc": {}, "firmware": False}
    return {"slot_t0_ns": T0, "slot_t1_ns": T1, "edges": {**fact, **edges}}


def of(kind: str, before: Any, after: Any, name: str = "it") -> dict[str, Any]:
    return slot({name: kind}, {name: before}, {name: after})


def rows(source: str, *values: Any, from_ns: int = T0 + SECOND, step_ns: int = SECOND) -> list[dict[str, Any]]:
    return [{"t_ns": from_ns + k * step_ns, "source": source, "value": value} for k, value in enumerate(values)]


def judged(
    facts: Mapping[str, Any], seen: Sequence[Mapping[str, Any]] = (), targets: Mapping[str, int] | None = None
) -> dict[str, Any]:
    watch = Watch()
    for row in seen:
        watch.add(row)
    return throttle.judged(dict(facts), watch, targets or {})


def verdict(facts: Mapping[str, Any], seen: Sequence[Mapping[str, Any]] = (), **targets: int) -> str:
    return str(judged(facts, seen, targets)["throttle"]["verdict"])


def evidence(facts: Mapping[str, Any], seen: Sequence[Mapping[str, Any]] = (), **targets: int) -> Any:
    """The only piece of it."""
    (found,) = judged(facts, seen, targets)["throttle"]["evidence"]
    return found
