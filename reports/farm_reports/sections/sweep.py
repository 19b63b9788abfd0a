"""The clocks of each board: what each of them costs a variant in time, energy and heat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures, swept
from farm_reports.charts.clocks import NARROW, WIDE, Curve, curves
from farm_reports.parts import Step, Sweep, Value
from farm_reports.sections.view import Section, View
from farm_reports.sections.words import counted, emphasised, listed
from farm_reports.swept import clock

MOST = 8  # boards
DRAWN = 6  # lines of a chart
SHOWN = 12  # sentences


@dataclass(frozen=True)
class Figure:
    """A cell of the table: its text, and what stands small beside it; `best`: of its variant."""

    text: str
    detail: str = ""
    best: bool = False


@dataclass(frozen=True)
class Line:
    """One clock of a variant."""

    clock: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Group:
    variant: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """Of one board. `judged`: the clock by which the run is judged there."""

    board: str
    judged: str
    charts: tuple[tuple[str, tuple[Markup, ...]], ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Clocks:
    columns: tuple[str, ...]
    findings: tuple[Markup, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def sweep(view: View) -> Section | None:
    """None where no board was measured at several clocks."""
    found = {one.board: [each for each in _known(view) if each.board == one.board] for one in _known(view)}
    if not found:
        return None
    said = swept.sentences(view.results)
    named = [*(board.name for board in view.results.boards), *(variant.name for variant in view.variants)]
    body = Clocks(
        columns=("Clock", f"p50, {view.clock.unit}", "Energy, mJ", "Hottest", "Clock held"),
        findings=tuple(emphasised(text, named) for text in said[:SHOWN]),
        tables=tuple(_table(view, board, each) for board, each in list(found.items())[:MOST]),
        notes=tuple(_notes(len(said) - SHOWN, len(found) - MOST)),
    )
    return Section("sweep", "Clocks", "What each clock costs", _lede(found), body)


def _known(view: View) -> list[Sweep]:
    return [one for one in view.results.sweeps if any(step.latency_p50_ms.value is not None for step in one.steps)]


def _lede(found: dict[str, list[Sweep]]) -> str:
    judged = {each.board: each.reference_khz for sweeps in found.values() for each in sweeps}
    clocks = sorted({khz for khz in judged.values() if khz is not None})
    at = f"at {clock(clocks[0])}" if len(clocks) == 1 else "at the highest clock that its board held"
    return f"Verdict, gates and what to ship are of the launches {at}; the other clocks are for reading."


def _notes(sentences: int, boards: int) -> Iterator[str]:
    yield "A clock is best where its interval lies below those of all others that were held; a ring marks it."
    if sentences > 0:
        yield f"{counted(sentences, 'more variant')} in results.json."
    if boards > 0:
        yield f"{counted(boards, 'more board')}: in results.json."


def _table(view: View, board: str, found: Sequence[Sweep]) -> Table:
    several = len({each.reference_khz for each in view.results.sweeps}) > 1
    khz = found[0].reference_khz
    return Table(
        board=board,
        judged=f"judged at {clock(khz)}" if several and khz is not None else "",
        charts=tuple(_charts(view, found)),
        groups=tuple(_group(view, each) for each in found),
    )


def _group(view: View, found: Sweep) -> Group:
    return Group(swept.name(found, several=False), tuple(_line(view, found, step) for step in reversed(found.steps)))


def _line(view: View, found: Sweep, step: Step) -> Line:
    held = Figure("yes") if step.held else Figure("no", step.held_reason or "")
    if step.throttle in {"suspected", "confirmed"}:
        held = Figure(held.text, f"throttling {step.throttle}" + (f"; {held.detail}" if held.detail else ""))
    heat = step.temp_max_c
    shown = (
        _figure(step.latency_p50_ms, view.clock.bare, best=found.best_latency.pin_khz == step.pin_khz),
        _figure(step.energy_mj, figures.number, best=found.best_energy.pin_khz == step.pin_khz),
        Figure(f"{heat.value:.1f}{figures.GAP}\u00b0C" if heat.value is not None else figures.DASH, heat.reason or ""),
        held,
    )
    return Line(clock(step.pin_khz), shown)


def _figure(value: Value, write: Callable[[float], str], *, best: bool) -> Figure:
    if value.value is None:
        return Figure(figures.DASH, value.reason or "")
    known = value.low is not None and value.high is not None
    return Figure(
        write(value.value), f"{write(value.low or 0)}{figures.DASH}{write(value.high or 0)}" if known else "", best
    )


def _charts(view: View, found: Sequence[Sweep]) -> Iterator[tuple[str, tuple[Markup, ...]]]:
    """Time, and energy where it is known, of the variants that are fastest at the clock of the verdict."""
    drawn = sorted(found, key=_at_reference)[:DRAWN]
    unit = view.clock
    time = [_curve(view, one, lambda step: step.latency_p50_ms, one.best_latency.pin_khz, unit.per_ms) for one in drawn]
    energy = [_curve(view, one, lambda step: step.energy_mj, one.best_energy.pin_khz) for one in drawn]
    for heading, scale, lines in (("Time", unit.unit, time), ("Energy", "mJ", energy)):
        shown = [line for line in lines if len(line.points) > 1]
        if shown:
            read = f"{heading} over the clock of {found[0].board}: {listed(line.variant for line in shown)}"
            yield f"{heading} of an inference", tuple(curves(shown, scale, read, frame) for frame in (WIDE, NARROW))


def _curve(view: View, found: Sweep, figure: Callable[[Step], Value], best: int | None, scale: float = 1.0) -> Curve:
    known = [(step.pin_khz, figure(step).value) for step in found.steps]
    ship = view.ships.get(found.board)
    return Curve(
        variant=swept.name(found, several=False),
        points=tuple((khz, value * scale) for khz, value in known if value),
        best=best,
        shipped=not view.partial and ship is not None and ship.variant == found.variant,
    )


def _at_reference(found: Sweep) -> float:
    times = {step.pin_khz: step.latency_p50_ms.value for step in found.steps}
    return times.get(found.reference_khz or 0) or float("inf")
