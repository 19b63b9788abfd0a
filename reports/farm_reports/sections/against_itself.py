"""What each board showed when it was measured against itself, beside the smallest change that this run could see there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farm_reports import figures
from farm_reports.charts.trials import NARROW, WIDE, trials
from farm_reports.charts.trials import Board as Row
from farm_reports.results import Board
from farm_reports.sections.view import CHARTED, View
from farm_reports.sections.words import counted, listed
from farm_reports.stats.power import BIAS

NAMED = 6


@dataclass(frozen=True)
class Against:
    """The drawing, and in words what it leaves out."""

    said: str
    drawings: tuple[Markup, ...]
    words: tuple[str, ...]


def against_itself(view: View) -> Against | None:
    """None where no board was ever measured against itself: that is said in words elsewhere."""
    known = [board for board in _ordered(view) if _trials(board)]
    if not known:
        return None
    rows = [_row(board) for board in known[:CHARTED]]
    finding = "; ".join(row.finding for row in rows)
    words = tuple(_words(view.results.boards, known))
    return Against(_said(known), tuple(trials(rows, finding, frame) for frame in (WIDE, NARROW)), words)


def _ordered(view: View) -> list[Board]:
    """Boards with charts first, the others as they were given."""
    names = dict.fromkeys([*(row.board.name for row in view.charted), *(board.name for board in view.results.boards)])
    boards = {board.name: board for board in view.results.boards}
    return [boards[name] for name in names]


def _trials(board: Board) -> tuple[float, ...]:
    return tuple(board.calibration.trials) if board.calibration else ()


def _sees(board: Board) -> float | None:
    """Of this run; before that can be told, what was promised."""
    if board.sight is None:
        return None
    return board.sight.promised if board.sight.had is None else board.sight.had


def _row(board: Board) -> Row:
    sees, runs = _sees(board), counted(len(_trials(board)), "run")
    size = "" if sees is None else f"; this run sees changes from {figures.share(sees)} on"
    return Row(board.name, _trials(board), sees, f"{board.name}: {runs} against itself{size}")


def _said(known: Sequence[Board]) -> str:
    dots = counted(sum(len(_trials(board)) for board in known[:CHARTED]), "dot")
    return f"{dots}: each is a run of one variant against itself, where nothing can have changed. The band is what this run cannot see."


def _words(boards: Sequence[Board], known: Sequence[Board]) -> Iterator[str]:
    """The boards that are not drawn, with what is seen there, and those that have no floor of their own."""
    if known[CHARTED:]:
        yield f"{counted(len(known) - CHARTED, 'more board was', 'more boards were')} measured against themselves: {_named(known[CHARTED:])}."
    wide = [board for board in boards if board.calibration is None or board.calibration.floor is None]
    never, few = [board for board in wide if not _trials(board)], [board for board in wide if _trials(board)]
    if never:
        yield f"{_named(never)}: not calibrated: wider floor ({BIAS * 100:.1f}{figures.GAP}%)."
    for board in few:
        yield f"{board.name}: {board.calibration.reason if board.calibration else ''}; until then the wider floor ({BIAS * 100:.1f}{figures.GAP}%)."


def _named(boards: Sequence[Board]) -> str:
    return listed((board.name for board in boards), NAMED)
