"""How the variants stand at the end of a run: a table of as many columns as the terminal has room for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm_orchestrator.cli.progress import plain

if TYPE_CHECKING:
    from rich.table import Table

    from farm_reports.results import Cell, Results, Ship

ROWS = 14  # cells that a terminal shows; beyond them it shows what to ship, and the page has them all
BOARDS = 20
SIGNS = {"faster": "▼ faster", "slower": "▲ slower", "undecided": "? undecided"}
EDGE, GAP = 1, 2  # columns of the terminal around all and between two
NAME_LEAST = 12
OUT = "misses a limit"


@dataclass(frozen=True)
class Column:
    """`stays`: the lower, the sooner it goes where the terminal is narrow; 0: it is never left out."""

    name: str
    texts: tuple[str, ...]
    stays: int = 0
    right: bool = True

    @property
    def wide(self) -> int:
        from rich.cells import cell_len

        return max(map(cell_len, (self.name, *self.texts)))

    @property
    def empty(self) -> bool:
        return not any(text.strip("- ") for text in self.texts)


@dataclass(frozen=True)
class Row:
    """A cell of the run. `opens`: the first of its board; `note`: what stands behind its verdict."""

    cell: Cell
    opens: bool
    ships: bool
    note: str


def standing(results: Results, width: int) -> Table | None:
    """All cells where they are few, of several boards else what each of them ships; None where nothing has a figure."""
    cells = sorted(_shown(results), key=_order)
    if not cells:
        return None
    kept = _of_boards(results) if len(cells) > ROWS and len(results.ship) > 1 else cells[:ROWS]
    rows = _rows(results, kept)
    found = _fitting([column for column in _columns(results, rows) if not column.empty], width)
    return _drawn(found, rows, f"{len(cells) - len(kept)} more cells on the page\n" if len(cells) > len(kept) else "")


def _shown(results: Results) -> list[Cell]:
    return [cell for cell in results.cells if cell.latency_ms.p50.value is not None]


def _of_boards(results: Results) -> list[Cell]:
    """What ships, or the nearest to it, of the first boards."""
    return [cell for ship in results.ship[:BOARDS] if (cell := _shipped(results, ship) or _nearest(results, ship))]


def _rows(results: Results, cells: Sequence[Cell]) -> list[Row]:
    going = results.run.status == "partial" or len(results.variants) == 1
    shipped = set() if going else {id(_shipped(results, ship)) for ship in results.ship}
    boards = ["", *(cell.board for cell in cells)]
    return [
        Row(cell, cell.board != before, id(cell) in shipped, _note(results, cell, ships=id(cell) in shipped))
        for cell, before in zip(cells, boards, strict=False)
    ]


def _order(cell: Cell) -> tuple[str, float]:
    return cell.board, cell.latency_ms.p50.value or 0.0


def _shipped(results: Results, ship: Ship) -> Cell | None:
    """At the point it won at, else at its fastest."""
    cells = [cell for cell in _shown(results) if (cell.board, cell.variant) == (ship.board, ship.variant)]
    cells = [cell for cell in cells if cell.point_key == ship.point_key] or cells
    return min(cells, key=_order, default=None)


def _nearest(results: Results, ship: Ship) -> Cell | None:
    name = ship.nearest.variant if ship.nearest else None
    cells = [cell for cell in _shown(results) if (cell.board, cell.variant) == (ship.board, name)]
    return min(cells, key=_order, default=None)


def _note(results: Results, cell: Cell, *, ships: bool) -> str:
    if ships:
        return "ship" if cell.versus_baseline or cell.variant == results.run.baseline else ""
    return OUT if cell.fit.verdict == "no" else ""


def _columns(results: Results, rows: Sequence[Row]) -> list[Column]:
    from farm_reports import figures, swept

    unit, clocked = figures.clock(results.cells), swept.boards(results)
    cells = [row.cell for row in rows]
    boards = tuple(row.cell.board if row.opens else "" for row in rows) if len(results.boards) > 1 else ()
    sizes = {variant.name: variant.bytes for variant in results.variants}
    span = "95 % CI" if results.run.status != "partial" else "so far"
    return [
        *([_column("board", boards, right=False)] if boards else []),
        _column("variant", [swept.called(cell, clocked) for cell in cells], right=False),
        _column("p50", [unit.write(cell.latency_ms.p50.value or 0) for cell in cells]),
        _column(f"x {results.run.baseline}", [_speed(cell) for cell in cells], stays=7),
        _column(span, [_span(cell) for cell in cells], stays=4),
        _column("energy", [_or_dash(cell.energy_mj.value, figures.energy) for cell in cells], stays=5),
        _column("memory", [_or_dash(cell.peak_rss_bytes.value, figures.memory) for cell in cells], stays=3),
        _column("size", [_or_dash(sizes.get(cell.variant), figures.memory) for cell in cells], stays=2),
        _column(figures.accuracy_name(results.cells), [figures.accuracy(cell.accuracy) or "-" for cell in cells], stays=6),
        _column("verdict", [_verdict(results, row) for row in rows], right=False),
    ]  # fmt: skip


def _column(name: str, texts: Sequence[str], *, stays: int = 0, right: bool = True) -> Column:
    return Column(plain(name), tuple(map(plain, texts)), stays, right)


def _or_dash(value: float | None, write: Callable[[float], str]) -> str:
    return "-" if value is None else write(value)


def _speed(cell: Cell) -> str:
    from farm_reports import figures

    versus = cell.versus_baseline
    return figures.speed(versus.ratio) if versus and versus.ratio else ""


def _span(cell: Cell) -> str:
    from farm_reports import figures

    versus = cell.versus_baseline
    return figures.speeds(versus.low, versus.high) if versus and versus.low and versus.high else ""


def _verdict(results: Results, row: Row) -> str:
    """The word, and whether it is to ship; a cell that goes on has no verdict yet."""
    cell = row.cell
    if cell.state == "not_run":
        return "provisional"
    if cell.state != "measured":
        return cell.state.replace("_", " ")
    word: str = cell.versus_baseline.verdict if cell.versus_baseline else ""
    if not word and cell.variant == results.run.baseline and len(results.variants) > 1:
        word = "baseline"
    return ", ".join(filter(None, (SIGNS.get(word, word), row.note)))


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Without why a variant is out, which is told below, then without the least wanted columns, until the rest has room."""
    kept = list(columns)
    if _total(kept) > width:
        kept[-1] = replace(kept[-1], texts=tuple(text.removesuffix(f", {OUT}") for text in kept[-1].texts))
    while _total(kept) > width and any(column.stays for column in kept):
        kept.remove(min((column for column in kept if column.stays), key=lambda column: column.stays))
    return kept


def _total(columns: Sequence[Column]) -> int:
    return 2 * EDGE + sum(column.wide for column in columns) + GAP * (len(columns) - 1)


def _drawn(columns: Sequence[Column], rows: Sequence[Row], caption: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0), caption=caption or None,
        caption_justify="left",
    )  # fmt: skip
    for column in columns:
        name = not column.stays and not column.right
        least = min(NAME_LEAST, column.wide) if name else None
        table.add_column(column.name, justify="right" if column.right else "left", no_wrap=True, overflow="ellipsis",
                         min_width=least)  # fmt: skip
    for index, row in enumerate(rows):
        if row.opens and index and not rows[index - 1].opens:
            table.add_section()
        table.add_row(*(column.texts[index] for column in columns), style="bold" if row.ships else None)
    return table
