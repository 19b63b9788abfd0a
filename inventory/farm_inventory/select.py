"""Which boards a person means: `rpi5-*,site=lab,!rpi5-03`, and `type=pi5:2` for any two of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from farm_inventory.board import Board
from farm_inventory.problem import InventoryError, closest, printable

SHOWN = 20
COUNTED = re.compile(r"(?P<what>.*):(?P<count>[^:]*)", re.DOTALL)
Rank = Callable[[Sequence[str]], Sequence[str]]  # names -> those that may be taken, the best first


@dataclass(frozen=True)
class Term:
    """`count`: any so many of the boards that match; None: all of them."""

    text: str
    count: int | None = None


def select(boards: Sequence[Board], text: str | None, rank: Rank = lambda names: names) -> tuple[Board, ...]:
    """Boards that match any term and no term with `!`, in the order of the inventory; all of them for None.

    A term is a glob over names and groups, or key=glob over labels (and the key `type`). With `:N` any N of the boards
    that match and that no other term takes, by `rank`, which is asked at most once. A term that matches nothing, or too
    few, is an InventoryError: it is a slip of the pen, and a slip must not measure another fleet than the one meant.
    """
    if text is None:
        return tuple(boards)
    terms = [term.strip() for term in text.split(",") if term.strip()]
    barred = [term[1:].strip() for term in terms if term.startswith("!")]
    wanted = [_term(term) for term in terms if not term.startswith("!")]
    _check(boards, [each.text for each in wanted] + barred, text)
    left = [board for board in boards if not _any(board, barred)]
    chosen = _chosen(left, wanted or [Term("*")], rank)
    if not chosen:
        raise InventoryError(f"--boards {printable(text)!r} leaves no board of: {_listing(boards)}")
    return tuple(board for board in boards if board.name in chosen)


def counted(text: str | None) -> bool:
    """Whether the selection leaves it open which boards are taken; `select` tells of a count that is none."""
    return any(COUNTED.fullmatch(term.strip()) for term in (text or "").split(",") if "!" not in term)


def matches(board: Board, term: str) -> bool:
    key, equals, value = term.partition("=")
    if not equals:
        return any(fnmatchcase(name, term) for name in (board.name, *board.groups))
    known = {**board.labels, **({"type": board.type} if board.type else {})}
    return key in known and fnmatchcase(known[key], value)


def _term(text: str) -> Term:
    found = COUNTED.fullmatch(text)
    if found is None:
        return Term(text)
    what, count = found["what"].strip(), found["count"].strip()
    if not (count.isascii() and count.isdigit() and int(count[:9]) > 0):
        raise InventoryError(
            f"--boards: {printable(text)!r}: after the `:` stands how many boards to take, 1 or more, as in 'type=pi5:2'"
        )
    return Term(what, int(count[:9]))


def _chosen(boards: Sequence[Board], wanted: Sequence[Term], rank: Rank) -> set[str]:
    """Whole terms first; of those with a count the ones with the least choice."""
    chosen = {board.name for board in boards if _any(board, [each.text for each in wanted if each.count is None])}
    open_terms = [each for each in wanted if each.count is not None]
    ranked = list(rank([board.name for board in boards])) if open_terms else []
    for term in sorted(open_terms, key=lambda term: sum(matches(board, term.text) for board in boards)):
        chosen |= _taken(boards, term, ranked, chosen)
    return chosen


def _taken(boards: Sequence[Board], term: Term, ranked: Sequence[str], chosen: set[str]) -> set[str]:
    names = [board.name for board in boards if matches(board, term.text) and board.name not in chosen]
    free = [name for name in ranked if name in names]
    count = term.count or 0
    if len(names) < count:
        left = f"{len(names)} {'match' if len(names) != 1 else 'matches'}{' beside those taken' if chosen else ''}"
        raise InventoryError(
            f"--boards: {count} of {printable(term.text)!r} are asked for, and {left}: {_named(names)}"
        )
    if len(free) < count:
        out = [name for name in names if name not in free]
        raise InventoryError(
            f"--boards: {count} of {printable(term.text)!r} are asked for, and {len(free)} of {len(names)} take work; "
            f"in quarantine or drained: {_named(out)}; `farm boards release NAME` gives one back"
        )
    return set(free[:count])


def _any(board: Board, terms: Sequence[str]) -> bool:
    return any(matches(board, term) for term in terms)


def _check(boards: Sequence[Board], terms: Sequence[str], text: str) -> None:
    if not terms:
        raise InventoryError(f"--boards {printable(text)!r} names no board; there are: {_listing(boards)}")
    for wanted in terms:
        if not any(matches(board, wanted) for board in boards):
            raise InventoryError(
                f"--boards: no board matches {printable(wanted)!r}; {_hint(boards, wanted)}there are: {_listing(boards)}"
            )


def _hint(boards: Sequence[Board], wanted: str) -> str:
    login, at, host = wanted.rpartition("@")
    words = {board.name for board in boards} | {group for board in boards for group in board.groups}
    near = closest(host, words)
    told = "where there is an inventory, user and host stand in it: add the board there; " if at and login else ""
    return told + (f"did you mean '{near}'? " if near else "")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more


def _listing(boards: Sequence[Board]) -> str:
    return _named([board.name for board in boards])
