"""What a finished run says: a table that fits a screen on a terminal, the Markdown summary elsewhere, JSON on demand."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli.progress import plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from farm_orchestrator.run.request import Finished
    from farm_reports.figures import Clock
    from farm_reports.results import Cell, Results

ROWS = 14  # cells that a terminal shows; the page has them all
STYLES = {"measured": "blue", "passed": "green", "failed": "red", "inconclusive": "yellow", "invalid": "yellow"}
SIGNS = {"faster": "▼ faster", "slower": "▲ slower", "undecided": "? undecided"}
RULED = 5
SWEPT = 8


def say(finished: Finished, *, as_json: bool) -> int:
    """Prints the outcome to stdout and gives the exit code."""
    if as_json:
        click.echo(json.dumps(finished.results.document(), indent=2))
        _foot(finished, err=True)
    elif sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        _terminal(finished)
        _foot(finished, err=False)
    else:
        from farm_reports.exports import summary

        click.echo(summary(finished.results))
        _foot(finished, err=False)
    return finished.exit_code


def _foot(finished: Finished, *, err: bool) -> None:
    click.echo(f"report: {finished.folder / 'report.html'}", err=err)
    if finished.mend:
        click.echo(finished.mend, err=err)


def _terminal(finished: Finished) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, no_color=bool(os.environ.get("NO_COLOR")))
    for part in parts(finished.results):
        console.print(part)


def parts(results: Results) -> list[RenderableType]:
    from rich.text import Text

    partial = results.run.status == "partial"
    word = "Partial" if partial else results.verdict.capitalize()
    style = "bold dim" if partial else f"bold {STYLES.get(results.verdict, 'blue')}"
    head = Text.assemble((word, style), "  ", plain(results.sentence))
    said = [*_ruled_out(results), *_swept(results), Text(_counts(results), "dim")]
    return [Text(), head, Text(), _table(results), *said, Text()]


def _table(results: Results) -> Table:
    from rich import box
    from rich.table import Table

    from farm_reports import figures, swept

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    several = len(results.boards) > 1
    names = ["board"] if several else []
    for name in (*names, "variant"):
        table.add_column(name, overflow="ellipsis")
    for name in ("p50", f"x {results.run.baseline}", "95 % CI", "memory", "size", figures.accuracy_name(results.cells)):
        table.add_column(plain(name), justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    unit = figures.clock(results.cells)
    ships = {(ship.board, ship.variant): ship.point_key for ship in results.ship}
    clocked = swept.boards(results)
    for cell in sorted(results.cells, key=_order)[:ROWS]:
        row = (cell.board,) if several else ()
        style = "bold" if ships.get((cell.board, cell.variant), "") in {cell.point_key, None} else None
        table.add_row(*map(plain, (*row, swept.called(cell, clocked), *_figures(cell, unit, results))), style=style)
    if len(results.cells) > ROWS:
        table.caption = f"and {len(results.cells) - ROWS} more cells on the page"
    return table


def _order(cell: Cell) -> tuple[str, bool, float]:
    median = cell.latency_ms.p50.value
    return cell.board, median is None, median or 0.0


def _figures(cell: Cell, unit: Clock, results: Results) -> tuple[str, ...]:
    from farm_reports import figures

    median, memory, versus = cell.latency_ms.p50.value, cell.peak_rss_bytes.value, cell.versus_baseline
    size = next((variant.bytes for variant in results.variants if variant.name == cell.variant), None)
    return (
        unit.write(median) if median is not None else "-",
        figures.speed(versus.ratio) if versus and versus.ratio else "",
        figures.speeds(versus.low, versus.high) if versus and versus.low and versus.high else "",
        figures.memory(memory) if memory is not None else "-",
        figures.memory(size) if size is not None else "-",
        figures.accuracy(cell.accuracy) or "-",
        _verdict(cell, results),
    )


def _verdict(cell: Cell, results: Results) -> str:
    if cell.state != "measured":
        return f"{cell.state}: {cell.reason or ''}"[:60]
    word = cell.versus_baseline.verdict if cell.versus_baseline else ""
    if not word:
        return "baseline" if cell.variant == results.run.baseline else ""
    return SIGNS.get(word, word)


def _ruled_out(results: Results) -> list[RenderableType]:
    from rich.text import Text

    lines = [
        Text.assemble((f"{ship.board}  ", "dim") if len(results.ship) > 1 else "", f"{out.variant}  ", (out.why, "dim"))
        for ship in results.ship
        for out in ship.ruled_out
    ]
    more = [Text(f"and {len(lines) - RULED} more, on the page", "dim")] if len(lines) > RULED else []
    return [Text("ruled out", "dim"), *lines[:RULED], *more, Text()] if lines else []


def _swept(results: Results) -> list[RenderableType]:
    """What each clock of a sweep costs."""
    from rich.text import Text

    from farm_reports.swept import sentences

    told = sentences(results)
    more = [Text(f"and {len(told) - SWEPT} more, on the page", "dim")] if len(told) > SWEPT else []
    lines = [Text(plain(text)) for text in told[:SWEPT]]
    return [Text("clocks", "dim"), *lines, *more, Text()] if told else []


def _counts(results: Results) -> str:
    from farm_reports.promised import both

    counts = [f"{number} {word}" for word, number in results.counts.model_dump().items() if number]
    effect = both(results.run)
    sees = [f"smallest effect {effect}"] if effect else []
    return plain(", ".join([*counts, *sees]))
