"""What tells the points of a run apart, for machines: only the fields in which they differ."""

from __future__ import annotations

from farm_reports.results import Cell, Point, Results

ABSENT = {"threads": "auto", "pace_hz": "tight"}  # as in the key of a point


def settings(results: Results) -> dict[str, dict[str, str]]:
    """By the key of a point; empty where there is one point."""
    points = {cell.point_key: cell.point for cell in results.cells}
    differ = [name for name in Point.model_fields if len({getattr(point, name) for point in points.values()}) > 1]
    return {key: {name: _text(name, getattr(point, name)) for name in differ} for key, point in points.items()}


def measured(results: Results) -> list[Cell]:
    """The cells whose figures are final: not those of a run that goes on, nor of a screening."""
    return [cell for cell in results.cells if cell.state == "measured"]


def _text(name: str, value: object) -> str:
    if value is None:
        return ABSENT.get(name, "")
    return f"{value:g}" if isinstance(value, float) else str(value)
