"""The fleet as lines of text that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from farm_orchestrator.cli import fleet as told
from farm_orchestrator.cli.fleet import GLYPHS, STYLES, Row
from farm_orchestrator.cli.progress import plain
from farm_orchestrator.cli.screen import ATTENTION, GRID, MARGIN, ROOM, attention_rows, fitted, grid, legend_of, status

if TYPE_CHECKING:
    from farm_orchestrator.store import Fleet

COLUMN = 52  # cells that a board told by name takes
QUEUE = 5  # runs
LEAVE = "Ctrl-C leaves"
BESIDE = 10  # rows that head, attention and queue take at least


def draw(fleet: Fleet, width: int, height: int) -> list[Text]:
    """At most `height` - 1 lines of at most `width` cells."""
    if height >= ROOM:
        return fitted(_page(fleet, width, height - 1), width, height)
    words = f"{plain(told.headline(fleet, hosts=False))}: "
    return fitted([status("farm ", words, told.tally(fleet), GLYPHS, width)], width, height)


def _page(fleet: Fleet, width: int, rows: int) -> list[Text | str]:
    """By importance: head, legend, some attention, the queue, the boards; by name where they all fit so."""
    head = [Text.assemble(("farm  ", "bold"), plain(told.headline(fleet)), (f"  {LEAVE}", "bright_black"))]
    if not fleet.boards:
        return [*head, "", f"{MARGIN}{told.NOBODY}"]
    legend = legend_of(told.tally(fleet), GLYPHS, STYLES, width)
    boards = _boards(fleet, width, rows - BESIDE - len(legend))
    room = rows - len(head) - 1 - len(boards) - len(legend)
    tail = attention_rows(told.attention(fleet), width, room - min(len(fleet.runs), 1) * 4 - 2)
    return [*head, "", *boards, *legend, *tail, *_queue(told.run_rows(fleet), room - len(tail) - 2)]


def _boards(fleet: Fleet, width: int, rows: int) -> list[Text]:
    """One by one where they all fit so, side by side if need be; else a glyph for each."""
    across = -(-len(fleet.boards) // max(1, rows))
    if across > max(1, width // COLUMN):
        marks = [(GLYPHS[row.state], STYLES[row.state]) for row in told.board_rows(fleet)]
        return grid(marks, width, max(min(rows, GRID), rows - ATTENTION + 1))
    table, down = _table(told.board_rows(fleet)), -(-len(fleet.boards) // across)
    return [_beside(table[index::down], width // across) for index in range(down)]


def _beside(cells: Sequence[Text], width: int) -> Text:
    for cell in cells[:-1]:
        cell.truncate(width - 1, overflow="ellipsis")
        cell.pad_right(width - cell.cell_len)
    return Text().join(cells)


def _queue(rows: Sequence[Row], room: int) -> list[Text | str]:
    """The runs that are served first, at least one of them."""
    if not rows:
        return []
    room = max(1, min(QUEUE, room))
    shown = rows if len(rows) <= room else rows[: max(1, room - 1)]
    more = len(rows) - len(shown)
    lines: list[Text | str] = ["", Text(f"{MARGIN}runs", "bright_black"), *_table(shown)]
    return [*lines, f"{MARGIN}and {more} more"] if more else lines


def _table(rows: Sequence[Row]) -> list[Text]:
    names, states = (max(map(len, each)) for each in zip(*((plain(row.name), row.state) for row in rows), strict=True))
    return [
        Text.assemble(
            MARGIN, (f"{GLYPHS.get(row.state, '·')} ", STYLES[row.state]), f"{plain(row.name):<{names}}  ",
            (f"{row.state:<{states}}  ", STYLES[row.state]), plain(row.text),
        )
        for row in rows
    ]  # fmt: skip
