"""What every command, and every beat, does once a second: hint at boards with work and no holder, close what is finished."""

import random
import time
from collections.abc import Callable

from farm_orchestrator.store import Store, close_finished, due_boards, living, unkick

TICK_S = 1.0
Kick = Callable[[str], bool]


def reconcile(store: Store, kick: Kick, tick_s: float = TICK_S) -> list[str]:
    """The runs that were closed. A hint that the broker does not take is tried again at the next call."""
    boards = due_boards(store, tick_s)
    for index, board in enumerate(boards):
        if not kick(board):
            unkick(store, boards[index:])
            break
    return close_finished(store)


class Pools:
    """Hints of a shared farm: each goes to the queue of workers that live and serve the board.

    A board that nobody serves gets no hint, and is due again some seconds later: a worker for it may join at any time.
    """

    def __init__(self, store: Store, send: Callable[[str, str], bool]) -> None:
        self._store = store
        self._send = send
        self._pools: dict[str, list[str]] = {}  # by board
        self._looked: float | None = None

    def kick(self, board: str) -> bool:
        pools = self._known().get(board)
        return self._send(board, random.choice(pools)) if pools else True  # noqa: S311 - any of them will do

    def _known(self) -> dict[str, list[str]]:
        """As of the last tick: a fleet has hundreds of boards."""
        now = time.monotonic()
        if self._looked is None or now - self._looked > TICK_S / 2:
            self._pools, self._looked = served(self._store), now
        return self._pools


def served(store: Store) -> dict[str, list[str]]:
    """The queues of living workers by the boards that they serve; one that nobody serves is not there."""
    found: dict[str, set[str]] = {}
    for crew in living(store):
        for board in crew.boards:
            found.setdefault(board, set()).add(crew.pool)
    return {board: sorted(pools) for board, pools in found.items()}
