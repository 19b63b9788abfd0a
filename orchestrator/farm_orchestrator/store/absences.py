"""What the fleet's log says of the boards of a run, from before it began to its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from farm_orchestrator.model import State
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store
from farm_reports.faults import Fault, fault_of

BEFORE_S = 30 * 86_400.0  # a board may have been put aside long before the run began
run, part, launch, event = schema.run.c, schema.part.c, schema.launch.c, schema.event.c


@dataclass(frozen=True)
class Event:
    """`at`: seconds since the epoch. `of`: the run whose launch was lost; `fault`: whose fault it was."""

    at: float
    kind: str
    text: str | None
    of: str | None
    fault: str | None


@dataclass(frozen=True)
class Course:
    """`began`, `ended`: of the run, `ended` of an open one is now. By board: its `events`, and how often launches were lost by outcome."""

    began: float
    ended: float
    events: dict[str, list[Event]]
    lost: dict[str, Counter[str]]


def lost_launches(store: Store, runs: Collection[str]) -> dict[str, dict[Fault, int]]:
    """By run, then by whose fault it was; of runs that lost none nothing."""
    where = (launch.run.in_(runs), launch.state == State.LOST.value)
    query = select(launch.run, launch.outcome, func.count()).where(*where).group_by(launch.run, launch.outcome)
    found: dict[str, dict[Fault, int]] = defaultdict(lambda: defaultdict(int))
    for name, outcome, count in store.read(lambda c: c.execute(query).all()):
        found[name][fault_of(outcome)] += count
    return {name: dict(counts) for name, counts in found.items()}


def course(store: Store, name: str) -> Course:
    """In the order in which it happened."""
    ours = select(part.board).where(part.run == name)
    head = select(run.created, run.finished).where(run.run == name)
    lost = (
        select(launch.board, launch.outcome, func.count())
        .where(launch.run == name, launch.state == State.LOST.value)
        .group_by(launch.board, launch.outcome)
    )

    began, finished = store.read(lambda c: tuple(c.execute(head).one()))
    ended = store.now() if finished is None else finished
    told = (
        select(event.board, event.at, event.kind, event.text, event.run, event.facts)
        .where(event.board.in_(ours), event.at.between(began - BEFORE_S, ended))
        .order_by(event.at, event.id)
    )
    events: dict[str, list[Event]] = defaultdict(list)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for board, at, kind, text, of, facts in store.read(lambda c: c.execute(told).all()):
        events[board].append(Event(at, kind, text, of, (facts or {}).get("fault")))
    for board, outcome, count in store.read(lambda c: c.execute(lost).all()):
        counts[board][outcome] += count
    return Course(began, ended, dict(events), dict(counts))
