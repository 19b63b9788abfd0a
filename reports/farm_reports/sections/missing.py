"""What has no figure and what would give it: cells that did not run, then metrics without a source, by board."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from farm_reports import figures
from farm_reports.results import Cell
from farm_reports.sections.view import View, shows
from farm_reports.sections.words import listed, spoken

LOCAL = "local"
NO_SENSOR = "no power sensor"
FEW = "too few independent iterations"
NAMED = 3


@dataclass(frozen=True)
class Missing:
    what: str
    why: str
    do: str = ""


@dataclass(frozen=True)
class Source:
    """A metric, and the reason why a cell has none of it; None where it has."""

    name: str
    why: Callable[[Cell], str | None]


def missing(view: View) -> Iterator[Missing]:
    yield from (Missing(what, why) for what, why in gaps(view.results.cells))
    measured = [cell for cell in view.measured() if cell.state == "measured"]
    for source in SOURCES:
        found = [(why, cell) for cell in measured if (why := source.why(cell))]
        for why in dict.fromkeys(why for why, _ in found):
            cells = [cell for reason, cell in found if reason == why]
            where = _where(cells, measured)
            yield Missing(f"{source.name}{where}", why, _do(source.name, why, cells))


def gaps(cells: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    """Those without a figure, by what kept them from it."""
    bare = [cell for cell in cells if not shows(cell) and cell.reason]
    for state, reason in dict.fromkeys((cell.state, cell.reason) for cell in bare):
        these = [cell for cell in bare if (cell.state, cell.reason) == (state, reason)]
        whole = {cell.board for cell in these}
        every = len(these) == sum(cell.board in whole for cell in cells)
        yield (
            listed(dict.fromkeys(cell.board for cell in these), NAMED) if every else _named(these),
            f"{spoken(state)}: {reason}",
        )


def _named(cells: Sequence[Cell]) -> str:
    """Variants of one board, boards of one variant, else cell by cell."""
    boards, variants = dict.fromkeys(cell.board for cell in cells), dict.fromkeys(cell.variant for cell in cells)
    if len(boards) == 1 or len(variants) == 1 or len(boards) * len(variants) == len(cells):
        return f"{listed(variants, NAMED)} on {listed(boards, NAMED)}"
    return listed((f"{cell.variant} on {cell.board}" for cell in cells), NAMED)


def _where(cells: Sequence[Cell], measured: Sequence[Cell]) -> str:
    """Nothing where it is all of them, the boards where it is all of theirs, else the cells."""
    if len(cells) == len(measured):
        return ""
    boards = dict.fromkeys(cell.board for cell in cells)
    if len(cells) == sum(cell.board in boards for cell in measured):
        return f" on {listed(boards, NAMED)}"
    return f" of {_named(cells)}"


def _do(name: str, why: str, cells: Sequence[Cell]) -> str:
    """What would give the figure, where that is in the reader's hands."""
    boards = list(dict.fromkeys(cell.board for cell in cells))
    if name == "Energy" and NO_SENSOR in why:
        whose = "a board" if LOCAL in boards else "its board" if len(boards) == 1 else "each board"
        return f"A power meter for {whose} in the inventory gives it: `meter: shelly://HOST`."
    if why == FEW:
        return "More or longer launches give it: a longer preset."
    return "Rows with labels beside the variants give it." if why == "not evaluated" else ""


def _tail(cell: Cell) -> str | None:
    value = cell.latency_ms.p99
    if value.value is not None:
        return None
    return FEW if (value.reason or "").startswith("n_eff") else value.reason


def _score(cell: Cell) -> str | None:
    return cell.accuracy.reason if figures.accuracy(cell.accuracy) is None else None


SOURCES = (
    Source("p99", _tail),
    Source("Peak memory", lambda cell: cell.peak_rss_bytes.reason if cell.peak_rss_bytes.value is None else None),
    Source("Energy", lambda cell: cell.energy_mj.reason if cell.energy_mj.value is None else None),
    Source("Accuracy", _score),
)
