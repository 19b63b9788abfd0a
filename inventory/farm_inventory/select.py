"""Which boards a person means: `rpi5-*,site=lab,!rpi5-03`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from farm_inventory.board import Board
from farm_inventory.problem import InventoryError, closest, printable

SHOWN = 20


def select(boards: Sequence[Board], text: str | None) -> tuple[Board, ...]:
    """Boards that match any term and no term with `!`, in the order of the inventory; all of them for None.

    A term is a glob over names and groups, or key=glob over labels (and the key `type`). A term that matches nothing
    is an InventoryError: it is a slip of the pen, and a slip must not measure another fleet than the one meant.
    """
    if text is None:
        return tuple(boards)
    terms = [term.strip() for term in text.split(",") if term.strip()]
    _check(boards, terms, text)
    wanted = [term for term in terms if not term.startswith("!")] or ["*"]
    barred = [term[1:].strip() for term in terms if term.startswith("!")]
    chosen = tuple(b for b in boards if _any(b, wanted) and not _any(b, barred))
    if not chosen:
        raise InventoryError(f"--boards {printable(text)!r} leaves no board of: {_listing(boards)}")
    return chosen


def matches(board: Board, term: str) -> bool:
    key, equals, value = term.partition("=")
    if not equals:
        return any(fnmatchcase(name, term) for name in (board.name, *board.groups))
    known = {**board.labels, **({"type": board.type} if board.type else {})}
    return key in known and fnmatchcase(known[key], value)


def _any(board: Board, terms: Sequence[str]) -> bool:
    return any(matches(board, term) for term in terms)


def _check(boards: Sequence[Board], terms: Sequence[str], text: str) -> None:
    if not terms:
        raise InventoryError(f"--boards {printable(text)!r} names no board; there are: {_listing(boards)}")
    for term in terms:
        wanted = term.removeprefix("!").strip()
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


def _listing(boards: Sequence[Board]) -> str:
    names = [board.name for board in boards]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
