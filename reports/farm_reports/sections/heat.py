"""Heat and sustained speed: what each board's launches did over time, and the speed that is left once it is warm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures
from farm_reports.beside import Lane
from farm_reports.charts import kept as dumbbells
from farm_reports.charts.lanes import FULL, HALF, NARROW, Told, axis, lanes
from farm_reports.charts.svg import Frame
from farm_reports.heated import Heat
from farm_reports.results import Cell
from farm_reports.sections import soak
from farm_reports.sections.missing import Missing
from farm_reports.sections.view import Section, View
from farm_reports.sections.words import counted, grouped, listed
from farm_reports.stats.soak import KEPT_S

MOST = 12  # lines of the speed that was kept
NAMED = 3
PAUSES = "Launches stand side by side; the pauses between them, in which other variants ran, are drawn short."


@dataclass(frozen=True)
class Drawn:
    """The lanes of one cell."""

    label: str
    variant: str
    said: str
    drawings: tuple[Markup, ...]


@dataclass(frozen=True)
class Left:
    """The speed that is left."""

    heading: str
    said: str
    drawings: tuple[Markup, ...]


@dataclass(frozen=True)
class Warm:
    lanes: tuple[Drawn, ...]
    note: str
    kept: Left | None
    lasting: soak.Lasting | None


def heat(view: View) -> Section | None:
    """None where neither heat nor clocks were read and no launch soaked."""
    lasting, known = soak.lasting(view), list(_known(view))
    if lasting is None and not known:
        return None
    wide = FULL if lasting is None else HALF
    drawn = tuple(_drawn(view, one, lane, wide) for one, lane in known)
    short = any(axis(lane, wide.width).short for _, lane in known)
    body = Warm(drawn, PAUSES if short else "", None if lasting is None else _left(view), lasting)
    lede = [*sentences(view), *([] if lasting is None else [soak.sentence(view)])]
    return Section("heat", "Heat", "Heat and sustained speed", " ".join(filter(None, lede)), body)


def sentences(view: View) -> Iterator[str]:
    """Who was held back most, or that nobody was; then the hottest."""
    found = view.results.heat
    perhaps = [one for one in found if one.suspected and not one.held_back]
    held = sorted((one for one in found if one.held_back), key=lambda one: -(one.share.value or 0.0))
    unseen = [one.board for one in found if one.share.value is None]
    if held:
        yield _held(view, held[0])
        yield _others(held[1:])
    elif found and len(unseen) < len(found):
        who = "No board was" if len(view.results.boards) > 1 else "The board was not"
        surely = " for certain" if perhaps else ""
        yield f"{who} held back{surely}{_where(view, unseen)}{_hottest(view)}."
    if perhaps:
        yield f"{listed((_of(view, one) for one in perhaps), NAMED)} may have been held back: {perhaps[0].evidence}."
    if unseen:
        yield f"On {listed(unseen, NAMED)} nothing tells whether it was held back{'' if held or len(unseen) < len(found) else _hottest(view)}."


def unread(view: View) -> Iterator[Missing]:
    """Boards whose heat nobody read, and why."""
    absent = [(one.hottest_c.reason or "", one.board) for one in view.results.heat if one.hottest_c.value is None]
    for reason, boards in grouped(absent).items():
        where = "" if len(boards) == len(view.results.boards) else f" on {listed(boards, NAMED)}"
        yield Missing(f"Temperature{where}", reason)


def _held(view: View, one: Heat) -> str:
    share = f", {figures.share(one.share.value)} of the time that was measured" if one.share.value is not None else ""
    launches = f"{one.held_back} of {counted(one.launches, 'launch', 'launches')}"
    return f"{_of(view, one)} was held back in {launches}{share}{_hottest(view, one)}: {one.evidence}."


def _others(held: Sequence[Heat]) -> str:
    if not held:
        return ""
    return f"{counted(len(held), 'more board was', 'more boards were')} held back: {listed((one.board for one in held), NAMED)}."


def _where(view: View, unseen: Sequence[str]) -> str:
    return "" if not unseen else f" of the {len(view.results.heat) - len(unseen)} that can tell"


def _hottest(view: View, of: Heat | None = None) -> str:
    known = [one for one in ([of] if of else view.results.heat) if one.hottest_c.value is not None]
    if not known:
        return ""
    most = max(known, key=lambda one: one.hottest_c.value or 0.0)
    where = "" if of else f" ({most.board})" if len(view.results.boards) > 1 else ""
    return f"{', and' if of else '; the hottest' if len(view.results.boards) > 1 else '; it'} reached {_degrees(most)}{where}"


def _degrees(one: Heat) -> str:
    return f"{one.hottest_c.value:.1f}{figures.GAP}\u00b0C"


def _of(view: View, one: Heat) -> str:
    return f"{one.variant} on {one.board}" if len(view.results.boards) > 1 else one.variant


def _known(view: View) -> Iterator[tuple[Heat, Lane]]:
    """Those whose board gets charts and has a lane, in the order of the charts."""
    told = {one.board: one for one in view.results.heat}
    for board in dict.fromkeys(row.board.name for row in view.charted):
        one = told.get(board)
        lane = view.beside.lanes.get((board, one.variant, one.point_key)) if one else None
        if one is not None and lane is not None and lane.t_s.size:
            yield one, lane


def _drawn(view: View, one: Heat, lane: Lane, wide: Frame) -> Drawn:
    told = Told(view.clock.unit, view.clock.per_ms, f"{one.variant} on {one.board} over time: {_said(one)}")
    drawings = tuple(lanes(lane, told, frame) for frame in (wide, NARROW))
    return Drawn(one.board, _variant(view, one), _said(one), drawings)


def _variant(view: View, one: Heat) -> str:
    point = next((row.point for row in view.rows if (row.board.name, row.point_key) == (one.board, one.point_key)), "")
    return f"{one.variant}, {point}" if point else one.variant


def _said(one: Heat) -> str:
    """Held back or not, and how hot."""
    heat = one.hottest_c
    hot = f"Hottest {_degrees(one)}." if heat.value is not None else f"No temperature: {heat.reason}."
    launches = counted(one.launches, "launch", "launches")
    if one.held_back:
        share = "" if one.share.value is None else f", {figures.share(one.share.value)} of the time that was measured"
        return f"Held back in {one.held_back} of {launches}{share}. {hot}"
    if one.suspected:
        return f"Perhaps held back in {one.suspected} of {launches}. {hot}"
    return f"Not held back in {launches}. {hot}" if one.share.value is not None else f"{one.share.reason}. {hot}"


def _left(view: View) -> Left:
    """Every variant of a single board; of several boards the variant that keeps least of its speed on each."""
    cells = [cell for cell in view.results.cells if cell.soak is not None]
    several = len({cell.board for cell in cells}) > 1
    rows = _least(cells) if several else cells
    shown = [_kept(cell, several=several) for cell in rows[:MOST]]
    finding = "Speed kept in heat: " + "; ".join(one.finding for one in shown)
    after = {cell.soak.speed_kept.after_s for cell in rows if cell.soak} - {None}
    heading = "Speed kept after 10 minutes" if after == {KEPT_S} else "Speed kept"
    said = "Of the cool speed; of each board the variant that keeps least." if several else "Of the cool speed."
    more = f" {counted(len(rows) - MOST, 'more board')} in the table." if len(rows) > MOST else ""
    frames = (dumbbells.WIDE, dumbbells.NARROW)
    return Left(heading, said + more, tuple(dumbbells.kept(shown, finding, frame) for frame in frames))


def _least(cells: Sequence[Cell]) -> list[Cell]:
    boards = dict.fromkeys(cell.board for cell in cells)
    return [min((cell for cell in cells if cell.board == board), key=_share) for board in boards]


def _share(cell: Cell) -> float:
    """Those that were never seen cool come last: they have nothing to draw."""
    value = cell.soak.speed_kept.value if cell.soak else None
    return float("inf") if value is None else value


def _kept(cell: Cell, *, several: bool) -> dumbbells.Kept:
    told = cell.soak.speed_kept if cell.soak else None
    time = cell.soak.time_to_throttle_s if cell.soak else None
    name = cell.board if several else cell.variant
    share, why = (told.value, told.reason or "") if told else (None, "")
    words = figures.DASH if share is None else f"{share * 100:.1f}{figures.GAP}%"
    finding = f"{cell.variant} on {cell.board}: {words if share is not None else why}"
    low, high = (told.low, told.high) if told else (None, None)
    return dumbbells.Kept(name, share, low, high, time is not None and time.value is not None, finding, why)
