"""The figures of a matrix cell, one layer per metric, each with its place on the heat scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from farm_reports import figures
from farm_reports.parts import Value
from farm_reports.results import Cell
from farm_reports.sections import power
from farm_reports.sections.view import View

# The light heat scale, for pages without the stylesheet; steps from much slower to much faster.
STEPS = {
    -3: "#f2a272", -2: "#f7c6a4", -1: "#fbe4d4", 0: "#f3f1ec",
    1: "#e2ebfb", 2: "#c6d9f7", 3: "#a3c2f1", 4: "#7da8ea", 5: "#376bc6",
}  # fmt: skip
FASTER_THAN = (1.25, 1.6, 2.4, 3.6)
SLOWER_THAN = (1.25, 1.6)


@dataclass(frozen=True)
class Layer:
    """One metric's figure in a cell; `step` is its place on the heat scale."""

    key: str
    main: str
    sub: str
    step: int


def _speed_layer(view: View, cell: Cell, _base: Cell | None) -> Layer | None:
    versus = cell.versus_baseline
    if cell.variant == view.baseline and cell.latency_ms.p50.value is not None:
        return Layer("x", f"1.00{figures.TIMES}", "baseline", 0)
    if versus is None or versus.ratio is None:
        return Layer("x", figures.DASH, "not compared", 0) if view.compared else None
    step = 0 if versus.provisional or versus.verdict not in {"faster", "slower"} else heat(versus.ratio)
    sub = "" if versus.low is None or versus.high is None else figures.speeds(versus.low, versus.high)
    return Layer("x", figures.speed(versus.ratio), sub, step)


def heat(ratio: float) -> int:
    """The step of a ratio to the baseline: positive where it is less, which is better."""
    if ratio <= 0 or math.isclose(ratio, 1, abs_tol=0.005):
        return 0
    if ratio < 1:
        return 1 + sum(1 / ratio >= edge for edge in FASTER_THAN)
    return -1 - sum(ratio >= edge for edge in SLOWER_THAN)


def _value_layer(key: str, get: Callable[[Cell], Value], write: Callable[[View, Value], tuple[str, str]]) -> Callable[
    [View, Cell, Cell | None], Layer | None
]:  # fmt: skip
    def layer(view: View, cell: Cell, base: Cell | None) -> Layer | None:
        value = get(cell)
        if value.value is None:
            return Layer(key, figures.DASH, _short(value.reason), 0)
        reference = get(base).value if base else None
        step = heat(value.value / reference) if reference and view.compared else 0
        main, sub = write(view, value)
        return Layer(key, main, sub, step)

    return layer


def _short(reason: str | None) -> str:
    """What fits a tile; the section on trust has the whole reason."""
    return "too few" if (reason or "").startswith("n_eff") else "not measured"


def _write_latency(view: View, value: Value) -> tuple[str, str]:
    low, high = value.low, value.high
    return view.clock.write(value.value or 0), "" if low is None or high is None else view.clock.span(low, high)


def _write_memory(_view: View, value: Value) -> tuple[str, str]:
    low, high = value.low, value.high
    return figures.memory(value.value or 0), "" if low is None or high is None else figures.memories(low, high)


def _energy_layer(view: View, cell: Cell, base: Cell | None) -> Layer:
    """Coloured by the ratio to the baseline's on the same board, where one sensor told both."""
    value, reference = cell.energy_mj.value, base.energy_mj.value if base else None
    sensors = {(one.energy.scope, one.energy.source) if one.energy else None for one in (cell, base) if one}
    step = heat(value / reference) if value and reference and len(sensors) == 1 and view.compared else 0
    sub = power.span(cell.energy_mj) if value is not None else _short(cell.energy_mj.reason)
    return Layer("energy", power.write(cell.energy_mj), sub, step)


def _size_layer(view: View, cell: Cell, base: Cell | None) -> Layer:
    size = view.sizes.get(cell.variant)
    reference = view.sizes.get(base.variant) if base else None
    if size is None:
        return Layer("size", figures.DASH, "", 0)
    return Layer("size", figures.memory(size), "", heat(size / reference) if reference and view.compared else 0)


def _score_layer(_view: View, cell: Cell, base: Cell | None) -> Layer:
    score = figures.accuracy(cell.accuracy)
    if score is None:
        return Layer("acc", figures.DASH, "not scored", 0)
    delta = cell.accuracy.delta_pt
    is_base = base is not None and cell.variant == base.variant
    sub = "baseline" if is_base else "" if delta is None else figures.points(delta)
    return Layer("acc", score, sub, 0)


LAYERS: dict[str, Callable[[View, Cell, Cell | None], Layer | None]] = {
    "x": _speed_layer,
    "p50": _value_layer("p50", lambda cell: cell.latency_ms.p50, _write_latency),
    "p99": _value_layer("p99", lambda cell: cell.latency_ms.p99, _write_latency),
    "mem": _value_layer("mem", lambda cell: cell.peak_rss_bytes, _write_memory),
    "energy": _energy_layer,
    "size": _size_layer,
    "acc": _score_layer,
}
