"""Every variant over all boards, for reading: a gate looks at each board."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from farm_reports.parts import Fleet, FleetUnit
from farm_reports.results import Board, Cell, Point
from farm_reports.stats.compare import Interval
from farm_reports.stats.fleet import LEAST, Kind, Pooled, Reading, Unit, pooled, units

PLURAL = {"board": "boards", "type": "types of board"}
Setting = tuple[tuple[str, str | int | float | None], ...]


def fleet(cells: Sequence[Cell], boards: Sequence[Board], baseline: str, *, partial: bool) -> list[Fleet]:
    """One entry for every compared variant at every swept setting, in the order of the cells."""
    swept = _swept(cells)
    kinds = {board.name: board.kind for board in boards}
    groups: dict[tuple[str, Setting], list[Reading]] = {}
    for cell in cells:
        if cell.versus_baseline is not None and cell.variant != baseline:
            group = groups.setdefault((cell.variant, _setting(cell, swept)), [])
            group += [] if partial else _reading(cell, kinds)
    return [_pooled(variant, setting, found, partial=partial) for (variant, setting), found in groups.items()]


def _swept(cells: Sequence[Cell]) -> list[str]:
    """The fields of a point that differ on one board; boards may have settings of their own beside them."""
    points: dict[str, dict[str, Point]] = {}
    for cell in cells:
        points.setdefault(cell.board, {})[cell.point_key] = cell.point
    return [
        name
        for name in Point.model_fields
        if any(len({getattr(point, name) for point in own.values()}) > 1 for own in points.values())
    ]


def _setting(cell: Cell, swept: Sequence[str]) -> Setting:
    return tuple((name, getattr(cell.point, name)) for name in swept)


def _reading(cell: Cell, kinds: Mapping[str, str]) -> list[Reading]:
    """The cell's comparison, where it is valid and has both limits."""
    versus = cell.versus_baseline
    if cell.state != "measured" or versus is None or versus.verdict == "invalid" or versus.provisional:
        return []
    if not (versus.ratio and versus.low and versus.high):
        return []
    logs = Interval(*map(math.log, (versus.ratio, versus.low, versus.high)))
    return [Reading(cell.board, kinds.get(cell.board, cell.board), logs.estimate, logs.error)]


def _pooled(variant: str, setting: Setting, readings: Sequence[Reading], *, partial: bool) -> Fleet:
    unit, found = units(readings)
    logs, errors = (np.array([getattr(one, field) for one in found]) for field in ("log", "error"))
    few = len(found) < LEAST
    bare = Fleet(
        variant=variant,
        setting=dict(setting),
        unit=unit,
        units=[_unit(one) for one in found],
        ratio=float(np.exp(logs.mean())) if found else None,
        reason="the run is not complete" if partial else _too_few(unit, found) if few else None,
    )
    return bare if few else bare.model_copy(update=_figures(pooled(logs, errors)))


def _unit(unit: Unit) -> FleetUnit:
    return FleetUnit(name=unit.name, boards=list(unit.boards), ratio=math.exp(unit.log), error=unit.error)


def _too_few(unit: Kind, found: Sequence[Unit]) -> str:
    if not found:
        return "no board has a valid comparison"
    count = f"{len(found)} {PLURAL[unit] if len(found) > 1 else unit}"
    return f"{count}: an interval over {PLURAL[unit]} takes {LEAST}"


def _figures(found: Pooled) -> dict[str, object]:
    """Ratios from logs; the rest as it is."""
    names = {"ratio": "mean", "low": "low", "high": "high", "next_low": "next_low", "next_high": "next_high"}
    ratios = {name: math.exp(getattr(found, field)) for name, field in names.items()}
    return {**ratios, "method": found.method, "tau2": float(found.tau2), "i2": float(found.i2)}
