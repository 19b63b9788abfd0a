"""What to ship on each board, and which faster variants were ruled out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures
from farm_reports.results import Cell, RuledOut, Ship
from farm_reports.ruled import everywhere, here
from farm_reports.sections import power
from farm_reports.sections.verdict import names
from farm_reports.sections.view import MANY_BOARDS, Section, View
from farm_reports.sections.words import emphasised, listed, typeset

SURE = 0.95
DASH = figures.DASH


@dataclass(frozen=True)
class Figure:
    """One figure of the winner: its name, the figure, its interval or why there is none."""

    name: str
    text: str
    detail: str


@dataclass(frozen=True)
class Pick:
    """`nearest`: where nothing fits what comes closest, whose figures then stand here."""

    board: str
    model: str
    variant: str | None
    nearest: str
    figures: tuple[Figure, ...]
    tied: str
    ruled_out: tuple[RuledOut, ...]


@dataclass(frozen=True)
class Picks:
    """`card`: a single board has the room to be more than a row of a table. `common`: ruled out on every board."""

    card: bool
    title: str
    columns: tuple[str, ...]
    first: tuple[Pick, ...]
    rest: tuple[Pick, ...]
    ruled: bool
    common: tuple[RuledOut, ...]


def ship(view: View) -> Section | None:
    measured = {cell.board for cell in view.measured()}
    ships = [ship for ship in view.results.ship if ship.board in measured]
    if not ships or view.partial:
        return None
    common = everywhere(ships)
    picks = sorted((_pick(view, ship, common) for ship in ships), key=lambda pick: pick.variant is not None)
    columns = next((tuple(figure.name for figure in pick.figures) for pick in picks if pick.figures), ())
    body = Picks(
        card=len(picks) == 1,
        title="Ship" if view.compared else "Variant",
        columns=columns,
        first=tuple(picks[:MANY_BOARDS]),
        rest=tuple(picks[MANY_BOARDS:]),
        ruled=any(pick.ruled_out for pick in picks),
        common=_typeset(common),
    )
    return Section("ship", _name(view), heading(view), _lede(view, ships), body)


def _name(view: View) -> str:
    if view.single:
        return "Figures"
    return "What to ship" if view.compared else "Lowest median"


def heading(view: View) -> Markup:
    """The headline, unless the sentence above said the same already."""
    headline = view.results.headline
    said = not headline or headline.rstrip(".").lower() in view.results.sentence.lower()
    if said:
        return Markup("{}").format(_title(view))
    return emphasised(headline.rstrip("."), names(view.results))


def _title(view: View) -> str:
    if view.single:
        boards = view.results.ship
        where = boards[0].board if len(boards) == 1 else f"{len(boards)} boards"
        return f"{view.variants[0].name} on {where}"
    return "What to ship" if view.compared else "The lowest median"


def _lede(view: View, ships: Sequence[Ship]) -> str:
    if view.single:
        return "One variant: its figures, and nothing to compare them with."
    if not view.compared:
        return "Without a comparison it is no more than that."
    if not view.limited:
        return "The fastest variant; no limit rules one out."
    lost = [ship for ship in ships if ship.variant is None]
    if len(lost) == len(ships):
        return "No variant is inside all limits: the figures are those of the nearest."
    rest = ", or the nearest where none is" if lost else ""
    return f"The fastest variant inside all limits{rest}."


def _pick(view: View, ship: Ship, common: Sequence[RuledOut]) -> Pick:
    board = next((board for board in view.results.boards if board.name == ship.board), None)
    nearest = view.fastest.get((ship.board, ship.nearest.variant)) if ship.nearest else None
    cell = view.shipped_cell(ship) if ship.variant else nearest
    return Pick(
        board=ship.board,
        model=(board.model if board else None) or "",
        variant=ship.variant,
        nearest=typeset(f"nearest: {ship.nearest.variant}, {ship.nearest.why}") if ship.nearest else "",
        figures=winner_figures(view, cell) if cell else (),
        tied=_tied(ship),
        ruled_out=_typeset(here(ship, common)),
    )


def _typeset(found: Sequence[RuledOut]) -> tuple[RuledOut, ...]:
    return tuple(RuledOut(variant=out.variant, why=typeset(out.why)) for out in found)


def _tied(ship: Ship) -> str:
    others = [name for name in ship.tied if name != ship.variant]
    if others:
        return f"cannot be told apart from {listed(others)}"
    if ship.probability_best is not None and ship.probability_best < SURE:
        return f"the fastest with a probability of {ship.probability_best:.2f}"
    return ""


def winner_figures(view: View, cell: Cell) -> tuple[Figure, ...]:
    """The columns of the table and the tiles of the card, in one order."""
    found = [
        _latency(view, cell, "p50"),
        _latency(view, cell, "p99") if any(each.latency_ms.p99.value is not None for each in view.measured()) else None,
        _speed(view, cell),
        _score(view, cell),
        _peak(cell),
        _energy(view, cell),
        _size(view, cell),
    ]
    return tuple(figure for figure in found if figure is not None)


def _latency(view: View, cell: Cell, which: str) -> Figure:
    value = getattr(cell.latency_ms, which)
    if value.value is None:
        few = (value.reason or "").startswith("n_eff")
        return Figure(which, DASH, "too few iterations" if few else value.reason or "not measured")
    detail = "" if value.low is None or value.high is None else view.clock.span(value.low, value.high)
    return Figure(which, view.clock.write(value.value), _range(detail))


def _range(ends: str) -> str:
    """Nothing where both ends read the same: then it says no more than the figure."""
    return ends if DASH in ends else ""


def _speed(view: View, cell: Cell) -> Figure | None:
    if not view.compared:
        return None
    name = f"{figures.TIMES} {view.baseline}"
    versus = cell.versus_baseline
    if versus is None or versus.ratio is None:
        return Figure(name, "baseline" if cell.variant == view.baseline else DASH, "")
    detail = "" if versus.low is None or versus.high is None else figures.speeds(versus.low, versus.high)
    return Figure(name, figures.speed(versus.ratio), _range(detail))


def _score(view: View, cell: Cell) -> Figure | None:
    if not view.scored:
        return None
    delta = cell.accuracy.delta_pt
    detail = "" if delta is None else f"{figures.points(delta)} to {view.baseline}"
    score = figures.accuracy(cell.accuracy)
    return Figure(view.accuracy_name, score or DASH, detail if score else cell.accuracy.reason or "not evaluated")


def _peak(cell: Cell) -> Figure:
    value = cell.peak_rss_bytes
    if value.value is None:
        return Figure("Peak memory", DASH, value.reason or "not measured")
    detail = "" if value.low is None or value.high is None else figures.memories(value.low, value.high)
    return Figure("Peak memory", figures.memory(value.value), _range(detail))


def _energy(view: View, cell: Cell) -> Figure | None:
    """Boards of several scopes have no column together: their figures are in the matrix."""
    if not view.powered or len(view.scopes) > 1:
        return None
    return Figure("Energy", power.write(cell.energy_mj), power.detail(cell))


def _size(view: View, cell: Cell) -> Figure:
    size = view.sizes.get(cell.variant)
    return Figure("Size", DASH if size is None else figures.memory(size), "on disk")
