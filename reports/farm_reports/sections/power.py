"""Energy on the page: the figure of a cell, and of which part of the board it is."""

from __future__ import annotations

from collections.abc import Iterator

from farm_reports import figures
from farm_reports.meanings import SCOPES
from farm_reports.parts import Energy, Value
from farm_reports.results import Cell
from farm_reports.sections.view import Row, View
from farm_reports.sections.words import grouped, listed

STEP_W = 0.1  # a smaller step of a sensor is told in mW
MEANING = (
    "Per inference, with what the idle board takes; results.json also has it without. "
    "Different scopes are never compared."
)
CLASSES = {"A": "a counter or a bench instrument", "B": "a sensor on the board", "C": "a plug"}


def scope_of(view: View, row: Row) -> str:
    """In words, where the run has several; empty for a row without an energy."""
    several = len(view.scopes) > 1
    found = (cell.energy.scope for cell in view.of_row(row) if cell.energy)
    return next((f"energy {SCOPES[scope]}" for scope in found), "no energy") if several else ""


def write(value: Value) -> str:
    return figures.DASH if value.value is None else figures.energy(value.value)


def span(value: Value) -> str:
    """The interval of a figure, or why there is none."""
    if value.value is None:
        return value.reason or "not measured"
    return "" if value.low is None or value.high is None else figures.energies(value.low, value.high)


def detail(cell: Cell) -> str:
    """The interval of a figure, and its scope."""
    scope = SCOPES[cell.energy.scope] if cell.energy and cell.energy_mj.value is not None else ""
    return ", ".join(filter(None, (span(cell.energy_mj), scope)))


def statements(view: View) -> Iterator[str]:
    """Each sensor, where it sits and how fine it is, then what its figures mean."""
    sensors = grouped((_sensor(cell.energy), cell.board) for cell in view.measured() if cell.energy)
    if not sensors:
        return
    read = "; ".join(f"{text}, on {listed(dict.fromkeys(boards), 3)}" for text, boards in sensors.items())
    yield f"{read}. {MEANING}"


def _sensor(energy: Energy) -> str:
    fine = [f"steps of {_watts(energy.lsb_w)}"] if energy.lsb_w else []
    fine += [f"a value every {figures.number(energy.interval_ms)}{figures.GAP}ms"] if energy.interval_ms else []
    kind = f"class {energy.sensor_class}: {CLASSES[energy.sensor_class]}"
    return ", ".join([f"{energy.source} {SCOPES[energy.scope]} ({kind})", *fine])


def _watts(watt: float) -> str:
    unit, factor = ("W", 1.0) if watt >= STEP_W else ("mW", 1e3)
    return f"{figures.number(watt * factor)}{figures.GAP}{unit}"
