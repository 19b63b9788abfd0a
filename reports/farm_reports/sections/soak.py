"""The table of what lasts: the speed that each variant keeps on each board while it heats it, and since when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from farm_reports import figures
from farm_reports.meanings import SOAK
from farm_reports.parts import Soak, ToThrottle, Value
from farm_reports.results import Cell
from farm_reports.sections.view import Row, View
from farm_reports.sections.words import counted, grouped, listed

MOST = 12  # boards


@dataclass(frozen=True)
class Figure:
    """What a column says of a variant, and what stands small beside it."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class Entry:
    variant: str
    numbers: tuple[str, ...]
    span: str
    time: Figure


@dataclass(frozen=True)
class Table:
    """Of one board at one point."""

    label: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Lasting:
    """`columns`: of the numbers."""

    columns: tuple[str, ...]
    tables: tuple[Table, ...]
    left_out: str
    meaning: str


def lasting(view: View) -> Lasting | None:
    """None where no launch soaked."""
    found = tuple(_tables(view))
    if not found:
        return None
    return Lasting(
        columns=(f"Cool, {view.clock.unit}", f"Warm, {view.clock.unit}", "Speed kept"),
        tables=found[:MOST],
        left_out=f"{counted(len(found) - MOST, 'more board')}: in results.json." if len(found) > MOST else "",
        meaning=SOAK,
    )


def time(told: ToThrottle) -> Figure:
    """When heat took clock away, or why that is not known."""
    if told.value is None:
        return Figure(told.reason or "not known")
    span = "" if told.low is None or told.high is None or told.low == told.high else _span(told.low, told.high)
    return Figure(figures.duration(told.value), "; ".join(filter(None, (span, told.reason, told.by))))


def _tables(view: View) -> Iterator[Table]:
    for row in view.rows:
        entries = tuple(_entry(view, cell, cell.soak) for cell in view.of_row(row) if cell.soak is not None)
        if entries:
            yield Table(_label(row), entries)


def _label(row: Row) -> str:
    return f"{row.label} ({row.board.model})" if row.board.model else row.label


def _entry(view: View, cell: Cell, told: Soak) -> Entry:
    levels = (_level(view, level) for level in (told.cool_ms, told.warm_ms))
    kept = told.speed_kept.value
    numbers = (*levels, figures.DASH if kept is None else figures.share(kept))
    return Entry(cell.variant, numbers, _range(told), time(told.time_to_throttle_s))


def _level(view: View, told: Value) -> str:
    return figures.DASH if told.value is None else view.clock.bare(told.value)


def _range(told: Soak) -> str:
    """From the launch that kept least to the one that kept most, and after how long; else why there is none."""
    kept = told.speed_kept
    if kept.value is None or kept.low is None or kept.high is None or kept.after_s is None:
        return kept.reason or ""
    span = figures.shares(kept.low, kept.high)
    beside = f"; other work ran beside {told.disturbed} of {told.launches}" if told.disturbed else ""
    return f"{span} after {figures.duration(kept.after_s)}{beside}"


def sentence(view: View) -> str:
    """Those that were never seen cool, and the one that keeps least."""
    soaked = [(cell, cell.soak) for cell in view.results.cells if cell.soak is not None]
    hot = grouped((told.speed_kept.reason or "", _named(view, cell)) for cell, told in soaked if _hot(told))
    lasting = [(told.speed_kept.value, cell) for cell, told in soaked if told.speed_kept.value is not None]
    never = [f"{listed(names)}: {reason}." for reason, names in hot.items()]
    least = min(lasting, key=lambda each: each[0], default=None)
    if least is None or (never and _keeps_all(least[0])):
        return " ".join(never)
    if _keeps_all(least[0]):
        mostly = "In most launches no" if any(told.time_to_throttle_s.low for _, told in soaked) else "No"
        return f"{mostly} variant lost speed while it heated its board."
    among = f", the least of {'the others' if never else 'all'}" if len(lasting) > 1 else ""
    kept = f"{figures.share(least[0])} of the speed that it had while it was cool{among}"
    return " ".join([*never, f"{_named(view, least[1])} keeps {kept}."])


def _named(view: View, cell: Cell) -> str:
    return f"{cell.variant} on {cell.board}" if len(view.results.boards) > 1 else cell.variant


def _hot(told: Soak) -> bool:
    return told.speed_kept.value is None


def _keeps_all(share: float) -> bool:
    """As it is written."""
    return figures.share(share) == figures.share(max(share, 1.0))


def _span(low: float, high: float) -> str:
    return f"{figures.duration(low)} to {figures.duration(high)}"
