"""What a finished run says: a table that fits a screen on a terminal, the Markdown summary elsewhere, JSON on demand."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli.progress import RELEASE, plain
from farm_orchestrator.cli.since import changes
from farm_orchestrator.cli.standing import standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.text import Text

    from farm_orchestrator.run.request import Finished
    from farm_reports.results import Board, Results

STYLES = {
    "measured": "blue",
    "passed": "green",
    "failed": "red",
    "regressed": "red",
    "inconclusive": "yellow",
    "invalid": "yellow",
}
LINES = 5  # under a title
ALIGNED = 34  # names that are longer do not push the texts of all
SWEPT = 8
NAMES = 4
NOT_YET = "not run: not yet"
LOCAL = "local"
LONGER = {"quick": "--preset ci", "ci": "--preset standard"}


def say(finished: Finished, *, as_json: bool) -> int:
    """Prints the outcome to stdout and gives the exit code."""
    if as_json:
        click.echo(json.dumps(finished.results.document(), indent=2))
        _foot(finished, err=True)
    elif sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        _terminal(finished)
        _foot(finished, err=False)
        _next(finished)
    else:
        from farm_reports.exports import summary

        click.echo(summary(finished.results))
        _foot(finished, err=False)
    return finished.exit_code


def _foot(finished: Finished, *, err: bool) -> None:
    click.echo(f"report: {finished.folder / 'report.html'}", err=err)
    if finished.mend:
        click.echo(finished.mend, err=err)


def _next(finished: Finished) -> None:
    """What to type next, where the end of the run did not say."""
    results = finished.results
    lost = [board for board in results.boards if board.reason and board.name != LOCAL]
    longer = LONGER.get(results.run.preset, "a higher --max-blocks")
    told = {
        "invalid": _again(lost[0]) if lost else "",
        "inconclusive": f"the same command with {longer}: more blocks narrow the interval",
        "measured": ""
        if results.gates or results.run.preset == "mlperf"
        else "limits in variants.yaml let a run pass or fail",
    }
    text = told.get(results.verdict, "") if results.past is None else ""
    if text and not finished.mend:
        click.echo(f"next: {plain(text)}")


def _again(board: Board) -> str:
    """What gets a board back that was not measured."""
    return f"farm boards {'release' if RELEASE in (board.reason or '') else 'probe'} {board.name}"


def _terminal(finished: Finished) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, no_color=bool(os.environ.get("NO_COLOR")))
    for part in parts(finished.results, console.width):
        console.print(part)


def parts(results: Results, width: int = 120) -> list[RenderableType]:
    """Verdict and sentence, what changed, the table, why others are out, then what a reader should know of it all."""
    said = [*_unmeasured(results), *_ruled_out(results), *_swept(results), *_notes(results)]
    table = standing(results, width)
    since = changes(results)
    gap = [] if table and not since else [""]  # a table opens with an empty line of its own
    return ["", _head(results, width), *gap, *since, *([table] if table else []), *said, ""]


def _head(results: Results, width: int) -> Text:
    """Verdict, sentence and headline; lines break between words only, never between a figure and its unit."""
    from rich.text import Text

    from farm_reports.sections.words import typeset

    partial = results.run.status == "partial"
    word = "Partial" if partial else results.verdict.capitalize()
    style = "bold dim" if partial else f"bold {STYLES.get(results.verdict, 'blue')}"
    said = results.headline.rstrip(".").lower() in results.sentence.lower() or partial
    told = [f"{word}  {typeset(plain(results.sentence))}", *([] if said else [typeset(plain(results.headline))])]
    lines = [line for text in told for line in textwrap.wrap(text, width, break_on_hyphens=False)]
    head = Text("\n".join(lines))
    head.stylize(style, 0, len(word))
    return head


def _unmeasured(results: Results) -> list[RenderableType]:
    """What has no figure, by its reason."""
    from farm_reports.sections.missing import gaps

    return _block("not measured", [(f"{what}  ", why) for what, why in gaps(results.cells) if why != NOT_YET])


def _ruled_out(results: Results) -> list[RenderableType]:
    """Once what every board rules out alike."""
    from farm_reports.ruled import everywhere, here

    common = everywhere(results.ship)
    told = {(cell.board, cell.variant) for cell in results.cells if cell.latency_ms.p50.value is None}
    several = len(results.ship) > 1
    rest = [(f"{out.variant}{f' on {ship.board}' if several else ''}  ", out.why)
            for ship in results.ship for out in here(ship, common) if (ship.board, out.variant) not in told]  # fmt: skip
    everyone = _block("ruled out on every board", [(f"{out.variant}  ", out.why) for out in common])
    return [*everyone, *_block("also ruled out" if common else "ruled out", rest)]


def _block(title: str, lines: Sequence[tuple[str, str]]) -> list[RenderableType]:
    """A few lines under a title; nothing where there are none."""
    from rich.padding import Padding
    from rich.text import Text

    if not lines:
        return []
    wide = max(len(plain(name)) for name, _ in lines[:LINES])
    wide = wide if wide < ALIGNED else 0
    shown = [
        Padding(Text.assemble(plain(name).ljust(wide), (plain(text), "dim")), (0, 0, 0, 2))
        for name, text in lines[:LINES]
    ]
    more = [Text(f"  and {len(lines) - LINES} more, on the page", "dim")] if len(lines) > LINES else []
    return [Text(title, "dim"), *shown, *more, ""]


def _swept(results: Results) -> list[RenderableType]:
    """What each clock of a sweep costs."""
    from rich.text import Text

    from farm_reports.swept import sentences

    told = sentences(results)
    more = [Text(f"  and {len(told) - SWEPT} more, on the page", "dim")] if len(told) > SWEPT else []
    lines = [Text(f"  {plain(text)}") for text in told[:SWEPT]]
    return [Text("clocks", "dim"), *lines, *more, ""] if told else []


def _notes(results: Results) -> list[RenderableType]:
    """What lasts, how many doubts there are, and how much was compared."""
    from rich.table import Table

    told = [("lasts", _lasting(results)), ("findings", _findings(results)), ("counts", _counts(results))]
    notes = Table.grid(padding=(0, 2, 0, 0))
    notes.add_column(style="dim", no_wrap=True)
    for name, text in told:
        if text:
            notes.add_row(name, text)
    return [notes]


def _lasting(results: Results) -> str:
    """The variant that loses most of its speed while it heats its board."""
    from farm_reports import figures

    kept = [
        (cell.soak.speed_kept, cell) for cell in results.cells if cell.soak and cell.soak.speed_kept.value is not None
    ]
    if not kept:
        return ""
    least, cell = min(kept, key=lambda each: each[0].value or 0.0)
    after = f" after {figures.duration(least.after_s)}" if least.after_s else ""
    among = ", the least of all" if len(kept) > 1 else ""
    return plain(f"{cell.variant} on {cell.board} keeps {figures.share(least.value or 0.0)} of its speed{after}{among}")


def _findings(results: Results) -> str:
    """Each name with the number of its cells; the page says of each what to do."""
    names = Counter(finding.name for cell in results.cells for finding in cell.findings)
    names.update({finding.name: 0 for finding in results.findings})
    told = [
        name if count == 0 else f"{name} in {count} cell{'s' if count != 1 else ''}" for name, count in names.items()
    ]
    more = f" and {len(told) - NAMES} more" if len(told) > NAMES else ""
    return plain(f"{', '.join(told[:NAMES])}{more}; the page says what to do") if told else ""


def _counts(results: Results) -> str:
    from farm_reports.exports.since import FLAGGED
    from farm_reports.promised import both

    past = (*FLAGGED, "equivalent") if results.past else ()  # told above, beside the changes
    unrun = "not complete" if results.run.status == "partial" else "not run"
    counts = [
        f"{number:,} {unrun if word == 'not_run' else word.replace('_', ' ')}"
        for word, number in results.counts.model_dump().items()
        if number and word not in past
    ]
    effect = both(results.run)
    sees = [f"smallest effect {effect}"] if effect else []
    return plain(", ".join([*counts, *sees]))
