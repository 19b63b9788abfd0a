"""What is known of a board from the runs before: how long its timed launches took, whether its power was read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache, partial
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from farm_orchestrator.model import PRESETS, Kind, Phase, Point, State
from farm_orchestrator.store import schema
from farm_orchestrator.store.store import Store

LATEST = 400  # launches of a board that speak for it
FEW = 8  # launches of a preset that do not
Cost = tuple[str, str, str]
launch, run, part = schema.launch.c, schema.run.c, schema.part.c


def launch_costs(store: Store, boards: Sequence[str]) -> dict[Cost, float]:
    """(board, preset, mode) -> the median seconds of its latest timed launches, from claim to commit."""
    return store.read(lambda c: launch_costs_in(c, boards))


def launch_costs_in(connection: Connection, boards: Sequence[str]) -> dict[Cost, float]:
    preset = cache(partial(_preset, connection))
    return {key: cost for name in boards for key, cost in _of_board(connection, name, preset)}


def powered(store: Store, boards: Sequence[str]) -> frozenset[str]:
    """The boards that had a source of power when they were last met."""
    return store.read(lambda c: frozenset(name for name in boards if _power(c, name)))


def _power(connection: Connection, name: str) -> bool:
    query = select(part.facts).join(schema.run, run.run == part.run)
    met = query.where(part.board == name, part.facts.is_not(None)).order_by(run.created.desc()).limit(1)
    hardware = (connection.execute(met).scalar() or {}).get("hardware")
    return bool(isinstance(hardware, dict) and hardware.get("power"))


def _preset(connection: Connection, name: str) -> str:
    """Of a run."""
    return str(connection.execute(select(run.recipe).where(run.run == name)).scalar_one()["preset"])


@lru_cache(1024)
def _mode(point: str) -> str:
    return Point.from_key(point).mode


def _of_board(connection: Connection, name: str, preset_of: Callable[[str], str]) -> Iterable[tuple[Cost, float]]:
    took: dict[Cost, list[float]] = defaultdict(list)
    for of, phase, point, seconds in _latest(connection, name):
        preset = "quick" if phase == Phase.SCREEN else preset_of(of)
        took[name, preset, _mode(point)].append(seconds)
    return [(key, median(each)) for key, each in took.items() if len(each) >= FEW and key[1] in PRESETS]


def _latest(connection: Connection, name: str) -> list[Any]:
    query = (
        select(launch.run, launch.phase, launch.point, launch.t1 - launch.t0)
        .where(launch.board == name, launch.state == State.DONE.value, launch.phase >= Phase.SCREEN.value)
        .where(launch.kind == Kind.MEASURE.value)
        .where(launch.t0.is_not(None), launch.t1 > launch.t0)
        .order_by(launch.id.desc())
        .limit(LATEST)
    )
    return list(connection.execute(query).all())
