"""What every command does once a second: hint at boards that have work and no holder, close what is finished."""

from collections.abc import Callable

from farm_orchestrator.store import Store, close_finished, due_boards, unkick

TICK_S = 1.0


def reconcile(store: Store, kick: Callable[[str], bool], tick_s: float = TICK_S) -> list[str]:
    """The runs that were closed. A hint that the broker does not take is tried again at the next call."""
    boards = due_boards(store, tick_s)
    for index, board in enumerate(boards):
        if not kick(board):
            unkick(store, boards[index:])
            break
    return close_finished(store)
