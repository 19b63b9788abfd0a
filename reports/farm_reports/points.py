"""What tells the points of a run apart, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from farm_reports import swept
from farm_reports.results import Cell, GateCell, Point


def of(cells: Iterable[Cell]) -> dict[str, str]:
    """Of the points of these cells, by their key; empty when there is only one."""
    points = {cell.point_key: cell.point for cell in cells}
    if len(points) < 2:
        return dict.fromkeys(points, "")
    fields = [name for name in Point.model_fields if len({getattr(point, name) for point in points.values()}) > 1]
    return {key: ", ".join(setting(name, getattr(point, name)) for name in fields) for key, point in points.items()}


def placed(judged: GateCell, cell: Cell, known: Mapping[str, str]) -> GateCell:
    """With the point it was judged at. `known`: the labels of the run's points."""
    return judged.model_copy(update={"point_key": cell.point_key, "point": known[cell.point_key] or None})


def setting(name: str, value: Any) -> str:
    """A field of a point in words."""
    if name == "threads":
        return "as many threads as cpus" if value is None else f"{value} thread{'s' if value != 1 else ''}"
    if name == "pace_hz":
        return "back to back" if value is None else f"paced at {value:g} Hz"
    if name == "pin" and str(value).isdecimal():
        return swept.clock(int(value))
    return f"{name} {value}" if name in {"cpus", "pin"} else str(value)
