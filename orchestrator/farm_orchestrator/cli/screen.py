"""The live view as lines of text that fit the terminal; drawn from a snapshot, without a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from farm_orchestrator.cli import progress
from farm_orchestrator.cli.progress import GLYPHS, STYLES, Attention, Count, plain
from farm_orchestrator.cli.provisional import Figure, told_apart

if TYPE_CHECKING:
    from farm_orchestrator.store import Snapshot

ROOM = 16  # rows below which a single line is all
PER_ROW = 25
ATTENTION = 5
GRID = 4  # rows that the boards have before more than one of them is told of
BY_NAME = 4  # so few boards are told one by one
MARGIN = "  "


@dataclass(frozen=True)
class Frame:
    """What is drawn: `at_start` launches were through when the command began to look, `looked_s` ago."""

    title: str
    snapshot: Snapshot
    figures: Sequence[Figure]
    at_start: int
    looked_s: float
    elapsed_s: float


def draw(frame: Frame, width: int, height: int) -> list[Text]:
    """At most `height` - 1 lines of at most `width` cells: the cursor needs the last line."""
    return fitted([_status(frame, width)] if height < ROOM else _page(frame, width, height - 1), width, height)


def fitted(lines: Sequence[Text | str], width: int, height: int) -> list[Text]:
    """Cut at both edges."""
    cut = [Text(line) if isinstance(line, str) else line for line in lines[: max(1, height - 1)]]
    for line in cut:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return cut


def _status(frame: Frame, width: int) -> Text:
    return status("farm run ", f"{_done(frame)} · {_times(frame)} · ", progress.tally(frame.snapshot), GLYPHS, width)


def status(name: str, words: str, tally: Mapping[str, int], glyphs: Mapping[str, str], width: int) -> Text:
    """One line; states by their glyphs where their words have no room."""
    told = words + " · ".join(f"{number} {state}" for state, number in tally.items())
    short = words + " ".join(f"{glyphs[state]}{number}" for state, number in tally.items())
    return Text.assemble((name, "bold"), told if len(name) + len(told) <= width else short)


def _page(frame: Frame, width: int, rows: int) -> list[Text | str]:
    """By importance: head, legend, some attention, the grid; the table takes what is left."""
    seen = frame.snapshot
    head = [Text.assemble(("farm run  ", "bold"), plain(frame.title)), bar(progress.count(seen), _words(frame), width)]
    head += [Text(f"{MARGIN}{plain(queue)}", "yellow") for queue in [progress.queue(seen)] if queue]
    few = len(seen.boards) <= BY_NAME
    legend: list[Text | str] = [] if few else legend_of(progress.tally(seen), GLYPHS, STYLES, width)
    last = _finding(seen)
    wanted = len(seen.boards) if few else min(GRID, grid_rows(len(seen.boards), width))
    room = rows - len(head) - len(legend) - len(last)
    tail = attention_rows(progress.attention(seen), width, room - 1 - wanted - 3)
    room -= len(tail)
    marks = [(GLYPHS[state], STYLES[state]) for state in progress.states(seen).values()]
    boards = _named(seen) if few else grid(marks, width, room - 1)
    return [*head, "", *boards, *legend, *tail, *last, *_table(frame, room - 1 - len(boards))]


def bar(done: Count, words: str, width: int) -> Text:
    room = max(0, min(60, width - len(words) - 2 * len(MARGIN)))
    filled = room * done.finished // max(1, done.total)
    return Text.assemble(MARGIN, ("━" * filled, "magenta"), ("━" * (room - filled), "bright_black"), words)


def _words(frame: Frame) -> str:
    return f" {_done(frame)}  {_times(frame)}"


def _done(frame: Frame) -> str:
    done = progress.count(frame.snapshot)
    return f"{done.finished}/{done.total} launches"


def _times(frame: Frame) -> str:
    left = progress.rough(progress.left_s(frame.snapshot, frame.at_start, frame.looked_s))
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


def grid_rows(boards: int, width: int) -> int:
    return -(-boards // _per_row(width))


def _per_row(width: int) -> int:
    return max(1, min(PER_ROW, (width - len(MARGIN)) // 2))


def grid(marks: Sequence[tuple[str, str]], width: int, rows: int) -> list[Text]:
    """One glyph per board; what does not fit is counted."""
    dots, per_row = [Text(f"{glyph} ", style) for glyph, style in marks], _per_row(width)
    cut = [dots[i : i + per_row] for i in range(0, len(dots), per_row)]
    fits = cut if len(cut) <= rows else cut[: max(0, rows - 1)]
    hidden = len(dots) - sum(map(len, fits))
    lines = [Text(MARGIN).append_text(Text().join(row)) for row in fits]
    return [*lines, Text(f"{MARGIN}and {hidden} more boards")] if hidden and rows > 0 else lines


def legend_of(
    tally: Mapping[str, int], glyphs: Mapping[str, str], styles: Mapping[str, str], width: int
) -> list[Text | str]:
    """After an empty line, in as few lines as it takes."""
    lines = [Text(MARGIN)]
    for state, number in tally.items():
        word = f"{glyphs[state]} {number} {state}"
        if lines[-1].cell_len > len(MARGIN) and lines[-1].cell_len + len(word) > width:
            lines.append(Text(MARGIN))
        lines[-1].append(f"{word}   ", styles[state])
    return ["", *lines]


def attention_rows(found: Sequence[Attention], width: int, room: int) -> list[Text | str]:
    """A title and at most five rows, at least one; the command that mends stays whole where the reason does not."""
    shown = found[: max(1, min(ATTENTION, room if len(found) <= room else room - 1))]
    if not shown:
        return []
    names, states = (max(map(len, each)) for each in zip(*((plain(e.name), e.state) for e in shown), strict=True))
    lines: list[Text | str] = ["", Text(f"{MARGIN}needs attention", "bright_black")]
    for each in shown:
        style = STYLES.get(each.state, "yellow")
        row = Text.assemble(MARGIN, f"{plain(each.name):<{names}}  ", (f"{each.state:<{states}}", style), "  ")
        do = f"; try: {plain(each.do)}" if each.do else ""
        text = Text(plain(each.text))
        text.truncate(max(1, width - row.cell_len - len(do)), overflow="ellipsis")
        lines.append(row.append_text(text).append(do))
    more = len(found) - len(shown)
    return [*lines, f"{MARGIN}and {more} more"] if more > 0 else lines


def _finding(snapshot: Snapshot) -> list[Text | str]:
    said = progress.told(snapshot.finding)
    return ["", Text.assemble(MARGIN, ("last finding  ", "bright_black"), plain(said))] if said else []


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
