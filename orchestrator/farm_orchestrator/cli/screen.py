"""The live view as lines of text that fit the terminal; drawn from a snapshot, without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from farm_orchestrator.cli import progress
from farm_orchestrator.cli.progress import GLYPHS, STYLES, Count, plain
from farm_orchestrator.cli.provisional import Figure, told_apart

if TYPE_CHECKING:
    from farm_orchestrator.store import Snapshot

ROOM = 16  # rows below which a single line is all
PER_ROW = 25
ATTENTION = 5
BY_NAME = 4  # so few boards are told one by one
MARGIN = "  "


@dataclass(frozen=True)
class Frame:
    """What is drawn: `at_start` launches were through when the command began to look, `elapsed_s` ago."""

    title: str
    snapshot: Snapshot
    figures: Sequence[Figure]
    at_start: int
    elapsed_s: float


def draw(frame: Frame, width: int, height: int) -> list[Text]:
    """At most `height` - 1 lines of at most `width` cells: the cursor needs the last line."""
    lines = [_status(frame)] if height < ROOM else _page(frame, width, height - 1)
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return lines


def _status(frame: Frame) -> Text:
    counts = " · ".join(f"{number} {state}" for state, number in progress.tally(frame.snapshot).items())
    return Text.assemble(("farm run ", "bold"), f"{_done(frame)} · {_times(frame)} · {counts}")


def _page(frame: Frame, width: int, rows: int) -> list[Text]:
    """By importance: head, legend, attention; the grid and the table take what is left."""
    head = [Text.assemble(("farm run  ", "bold"), plain(frame.title)), _bar(frame, width)]
    tail = _attention(frame)
    few = len(frame.snapshot.boards) <= BY_NAME
    legend: list[Text | str] = [] if few else ["", _legend(frame.snapshot)]
    room = rows - len(head) - len(legend) - len(tail)
    boards = _named(frame.snapshot) if few else _grid(frame.snapshot, width, room - 1)
    table = _table(frame, room - 1 - len(boards))
    spaced: list[Text | str] = [*head, "", *boards, *legend, *tail, *table]
    return [line if isinstance(line, Text) else Text(line) for line in spaced]


def _bar(frame: Frame, width: int) -> Text:
    done = progress.count(frame.snapshot)
    words = f" {_done(frame)}  {_times(frame)}"
    room = max(0, min(60, width - len(words) - 2 * len(MARGIN)))
    filled = room * done.finished // max(1, done.total)
    return Text.assemble(MARGIN, ("━" * filled, "magenta"), ("━" * (room - filled), "bright_black"), words)


def _done(frame: Frame) -> str:
    done = progress.count(frame.snapshot)
    return f"{done.finished}/{done.total} launches"


def _times(frame: Frame) -> str:
    done: Count = progress.count(frame.snapshot)
    left = progress.rough(progress.time_left_s(done, frame.at_start, frame.elapsed_s))
    return f"{progress.clock(frame.elapsed_s)} elapsed {left}".rstrip()


def _named(snapshot: Snapshot) -> list[Text]:
    """What each board is at."""
    states = progress.states(snapshot)
    width = max((len(plain(name)) for name in states), default=0)
    return [
        Text.assemble(
            MARGIN, (f"{GLYPHS[states[board.board]]} ", STYLES[states[board.board]]),
            f"{plain(board.board):<{width}}  {plain(progress.doing(board, states[board.board]))}",
        )
        for board in snapshot.boards
    ]  # fmt: skip


def _grid(snapshot: Snapshot, width: int, rows: int) -> list[Text]:
    """One glyph per board; what does not fit is counted."""
    per_row = max(1, min(PER_ROW, (width - len(MARGIN)) // 2))
    marks = [Text(f"{GLYPHS[state]} ", STYLES[state]) for state in progress.states(snapshot).values()]
    cut = [marks[i : i + per_row] for i in range(0, len(marks), per_row)]
    fits = cut if len(cut) <= rows else cut[: max(0, rows - 1)]
    hidden = len(marks) - sum(map(len, fits))
    lines = [Text(MARGIN).append_text(Text().join(row)) for row in fits]
    return [*lines, Text(f"{MARGIN}and {hidden} more boards")] if hidden and rows > 0 else lines


def _legend(snapshot: Snapshot) -> Text:
    line = Text(MARGIN)
    for state, number in progress.tally(snapshot).items():
        line.append(f"{GLYPHS[state]} {number} {state}   ", STYLES[state])
    return line


def _attention(frame: Frame) -> list[Text | str]:
    found = progress.attention(frame.snapshot)
    if not found:
        return []
    width = max(len(each.board) for each in found[:ATTENTION])
    lines: list[Text | str] = ["", Text(f"{MARGIN}needs attention", "bright_black")]
    for each in found[:ATTENTION]:
        name, text = plain(each.board).ljust(width), plain(each.text)
        lines.append(Text.assemble(MARGIN, f"{name}  ", (f"{each.state:<8}", STYLES[each.state]), text))
    more = len(found) - ATTENTION
    return [*lines, f"{MARGIN}and {more} more"] if more > 0 else lines


def _table(frame: Frame, rows: int) -> list[Text | str]:
    """Variants so far, where at least one of them finds room below its heading."""
    room = rows - 2
    if room < 1 or not frame.figures:
        return []
    shown = frame.figures if len(frame.figures) <= room else frame.figures[: max(1, room - 1)]
    names = [_name(figure, frame.figures) for figure in shown]
    width = max(8, *map(len, names))
    heading = f"{MARGIN}{'provisional':<{width}}  launches  {'p50':>9}  x {plain(frame.snapshot.baseline or '')}"
    lines: list[Text | str] = ["", Text(heading.rstrip(), "bright_black")]
    lines += [f"{MARGIN}{name:<{width}}  {f.launches:>8}  {progress.latency(f.p50_ns):>9}  {speed(f)}".rstrip()
              for name, f in zip(names, shown, strict=True)]  # fmt: skip
    more = len(frame.figures) - len(shown)
    return [*lines, f"{MARGIN}and {more} more"] if more and len(lines) < rows else lines


def _name(figure: Figure, others: Sequence[Figure]) -> str:
    """The board is told where there are several; of the point what differs on one board."""
    words = [figure.variant]
    if len({other.board for other in others}) > 1:
        words.append(figure.board)
    return plain(" ".join([*words, *told_apart(figure, others)]))


def speed(figure: Figure) -> str:
    """How many times as fast as the baseline, as the outcome will write it; one block has no range."""
    if figure.ratio is None or figure.low is None or figure.high is None:
        return ""
    middle = f"{1 / figure.ratio:.2f}"
    return middle if figure.low == figure.high else f"{middle} ({1 / figure.high:.2f} to {1 / figure.low:.2f})"
