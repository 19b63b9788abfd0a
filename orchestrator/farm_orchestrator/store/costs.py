"""What is known of a board from the runs before: how long its timed launches took, whether its power was read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from farm_orchestrator.model import PRESETS, Phase, Point, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

LATEST = 400  # launches of a board that speak for it
FEW = 8  # launches of a preset that do not
Cost = tuple[str, str, str]
launch, run, part = schema.launch.c, schema.run.c, schema.part.c


def launch_costs(store: Store, boards: Sequence[str]) -> dict[Cost, float]:
    """(board, preset, mode) -> the median seconds of its latest timed launches, from claim to commit."""
    return store.read(lambda c: {key: cost for name in boards for key, cost in _of_board(c, name)})


def powered(store: Store, boards: Sequence[str]) -> frozenset[str]:
    """The boards that had a source of power when they were last met."""
    return store.read(lambda c: frozenset(name for name in boards if _power(c, name)))


def _power(connection: Connection, name: str) -> bool:
    query = select(part.facts).join(schema.run, run.run == part.run)
    met = query.where(part.board == name, part.facts.is_not(None)).order_by(run.created.desc()).limit(1)
    hardware = (connection.execute(met).scalar() or {}).get("hardware")
    return bool(isinstance(hardware, dict) and hardware.get("power"))


def _of_board(connection: Connection, name: str) -> Iterable[tuple[Cost, float]]:
    took: dict[Cost, list[float]] = defaultdict(list)
    for row in _latest(connection, name):
        preset = "quick" if row.phase == Phase.SCREEN else row.recipe["preset"]
        took[name, preset, Point.from_key(row.point).mode].append(row.t1 - row.t0)
    return [(key, median(each)) for key, each in took.items() if len(each) >= FEW and key[1] in PRESETS]


def _latest(connection: Connection, name: str) -> list[Any]:
    query = (
        select(launch.phase, launch.point, launch.t0, launch.t1, run.recipe)
        .join(schema.run, run.run == launch.run)
        .where(launch.board == name, launch.state == State.DONE.value, launch.phase >= Phase.SCREEN.value)
        .where(launch.t0.is_not(None), launch.t1 > launch.t0)
        .order_by(launch.id.desc())
        .limit(LATEST)
    )
    return list(connection.execute(query))
