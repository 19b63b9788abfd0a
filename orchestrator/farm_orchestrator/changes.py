"""What a night changed: against the nights before it, and in what counts as good from now on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm_orchestrator.model import Json
from farm_orchestrator.store import LastGood, Night

if TYPE_CHECKING:
    from farm_reports.results import Cell, Results

Key = tuple[str, str, str]  # board, variant, point
REGRESSED = "regressed"
GOOD = ("improved", "equivalent")
ACCEPTED = ("passed", "measured")  # measured: nothing is gated
BAD = ("failed", "invalid")  # words of a run; that a median regressed is told of its cell
LATENCY = "latency_p50"


@dataclass(frozen=True)
class Change:
    """`kind`: regressed, recovered, board_lost, board_back, failed, invalid, not_begun; what has no board is of the whole night."""

    kind: str
    text: str
    board: str | None = None
    variant: str | None = None
    point: str | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None

    def to_json(self) -> Json:
        return dict(vars(self))


def changes(tonight: Results, before: Iterable[Night]) -> tuple[Change, ...]:
    """Nothing, where the night is as the one before was. `before`: the last night first; as many are taken as are needed."""
    broken = _broken(tonight)
    words = {
        cell.key: REGRESSED if cell.key in broken else _word(cell) if _gated(tonight) else None
        for cell in tonight.cells
    }
    nights = list(_needed(before, words))
    return (*_of_cells(tonight, words, nights), *_of_boards(tonight, nights[:1]), *_of_all(tonight, words, nights))


def accepted(tonight: Results, known: Iterable[LastGood]) -> tuple[LastGood, ...]:
    """What is good from now on: each cell of an accepted night that is no worse than it was, or is there for the first time.

    Nothing of a night that is regressed, inconclusive, invalid or partial.
    """
    if tonight.run.status != "complete" or tonight.verdict not in ACCEPTED:
        return ()
    good, gated = {each.key: each for each in known}, _gated(tonight)
    fine = {(cell.board, cell.variant) for cell in tonight.cells if _word(cell) in GOOD}
    files = {each.name: each.sha256 for each in tonight.variants}
    prints = {each.name: each.fingerprint for each in tonight.boards}
    return tuple(
        LastGood(cell.variant, cell.board, cell.point_key, sha256, prints.get(cell.board), tonight.run.id)
        for cell in tonight.cells
        if cell.state == "measured"
        and (sha256 := files.get(cell.variant))
        and _may_move(cell, sha256, good, fine, gated=gated)
    )


def _may_move(
    cell: Cell, sha256: str, good: Mapping[Key, LastGood], fine: set[tuple[str, str]], *, gated: bool
) -> bool:
    """A cell that was held against nothing moves where it had no past, still has its file, or is fine at another point."""
    word, was = _word(cell), good.get(cell.key)
    if word is not None:
        return word in GOOD or (word != "invalid" and not gated)
    return was is None or was.sha256 == sha256 or (cell.board, cell.variant) in fine


def _word(cell: Cell) -> str | None:
    """Against its past; None: it has none, or none was measured."""
    versus = cell.versus_past
    return None if versus is None or versus.past_sha256 is None else versus.verdict


def _broken(tonight: Results) -> set[Key]:
    """Cells that were good once and have no figure now by their own file's fault, whatever the budgets are on."""
    gates = [gate for gate in tonight.gates if gate.kind == "budget"]
    blamed = {
        (one.board, one.variant)
        for gate in gates
        for one in gate.cells
        if one.verdict == "failed" and one.value is None
    }
    return {
        cell.key
        for cell in tonight.cells
        if _word(cell) is not None
        and (cell.state == "failed" or (cell.state == "not_run" and (cell.board, cell.variant) in blamed))
    }


def _gated(tonight: Results) -> bool:
    """Whether the words of cells, which are of their medians, count: where other budgets were asked for, they are for reading."""
    return tonight.past is None or not tonight.past.budgets or LATENCY in tonight.past.budgets


def _needed(before: Iterable[Night], words: Mapping[Key, str | None]) -> Iterator[Night]:
    """Until each cell and the run itself has a night that was sure of it."""
    open_, word_open = {key for key, word in words.items() if word in (REGRESSED, *GOOD)}, True
    for night in before:
        yield night
        open_ -= {key for key in open_ if night.words.get(key) in (REGRESSED, *GOOD)}
        word_open = word_open and night.word == "inconclusive"
        if not open_ and not word_open:
            return


def _of_cells(tonight: Results, words: Mapping[Key, str | None], nights: Sequence[Night]) -> Iterator[Change]:
    for cell in tonight.cells:
        word = words[cell.key]
        was = next((told for night in nights if (told := night.words.get(cell.key)) in (REGRESSED, *GOOD)), None)
        if word == REGRESSED and was != REGRESSED:
            fails = cell.state in {"failed", "not_run"}
            yield _told(cell, REGRESSED, f"fails: {cell.reason}" if fails else "is slower than what was good last")
        if word in GOOD and was == REGRESSED:
            yield _told(cell, "recovered", "is as good again as what was good last")


def _told(cell: Cell, kind: str, said: str) -> Change:
    versus = cell.versus_past
    ratio, low, high = (versus.ratio, versus.low, versus.high) if versus else (None, None, None)
    figures = "" if None in (ratio, low, high) else f": {_percent(ratio)} (95 % CI {_percent(low)} to {_percent(high)})"
    text = f"{cell.variant} on {cell.board} {said}{figures}"
    return Change(kind, text, cell.board, cell.variant, cell.point_key, ratio, low, high)


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{(ratio - 1) * 100:+.1f} %"


def _of_boards(tonight: Results, last: Sequence[Night]) -> Iterator[Change]:
    was = set(last[0].lost) if last else set()
    for board in tonight.boards:
        if board.reason and board.name not in was:
            yield Change("board_lost", f"{board.name} was lost: {board.reason}", board.name)
        if not board.reason and board.name in was:
            yield Change("board_back", f"{board.name} is back", board.name)


def _of_all(tonight: Results, words: Mapping[Key, str | None], nights: Sequence[Night]) -> Iterator[Change]:
    """What no cell tells: limits, a run without its boards, and budgets on anything but the median."""
    last = next((night for night in nights if night.word != "inconclusive"), None)
    was = None if last is None else last.word
    if _untold(tonight.verdict, words) and was != tonight.verdict:
        yield Change(tonight.verdict, tonight.sentence)
    if tonight.verdict in ACCEPTED and last is not None and _untold(was, last.words):
        yield Change("recovered", f"the night is {tonight.verdict} again")


def _untold(verdict: str | None, words: Mapping[Key, str | None]) -> bool:
    return verdict in BAD or (verdict == REGRESSED and REGRESSED not in words.values())
