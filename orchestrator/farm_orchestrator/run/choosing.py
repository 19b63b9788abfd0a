"""Which boards a run gets where it may have any so many of a kind: free ones first, then those that will be free soonest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from farm_inventory import counted
from farm_orchestrator import config
from farm_orchestrator.errors import UsageError
from farm_orchestrator.plan import duration

if TYPE_CHECKING:
    from farm_inventory import Board
    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import Store

TRIES = 5  # others choose at the same moment


def check_named(settings: Settings, text: str | None) -> None:
    """Raises UsageError for any so many of a kind, where what is done is done to certain boards."""
    if settings.inventory is not None and counted(text):
        raise UsageError(
            f"{text!r} leaves it open which boards are meant: what follows the `:` is how many a run may choose",
            mend="name the boards, or select all of them: 'rpi5-*', type=pi5; `farm boards ls` lists them",
        )


def choose(settings: Settings, text: str | None, *, hold: bool) -> tuple[tuple[Board, ...], tuple[str, ...]]:
    """The boards that `text` selects, and what is to be told of the choice. Raises UsageError.

    `hold`: whoever chooses in the next two minutes takes others first.
    """
    if settings.inventory is None or not counted(text):
        return config.boards(settings, text), ()
    from farm_orchestrator.store import Store, database_path

    if not (settings.shared or database_path(settings.store).exists()):
        boards = config.boards(settings, text)
        return boards, _told(text, boards, {})
    with Store.open(settings.store) as store:
        boards, free_s = _choice(settings, text, store, hold=hold)
    return boards, _told(text, boards, free_s)


def _choice(
    settings: Settings, text: str | None, store: Store, *, hold: bool
) -> tuple[tuple[Board, ...], Mapping[str, float]]:
    from farm_orchestrator.store import CHOSEN, CHOSEN_S, free_in_s, take_turn

    mine: set[str] = set()
    free_s: dict[str, float] = {}

    def rank(names: Sequence[str]) -> Sequence[str]:
        free_s.update(free_in_s(store, names, mine))
        return sorted((name for name in names if name in free_s), key=lambda name: free_s[name])

    for _ in range(TRIES):
        boards = config.boards(settings, text, rank)
        names = [board.name for board in boards if board.name not in mine]
        taken = {name for name in names if not hold or take_turn(store, CHOSEN + name, CHOSEN_S)}
        mine |= taken
        if len(taken) == len(names):
            break
    return boards, free_s


def _told(text: str | None, boards: Sequence[Board], free_s: Mapping[str, float]) -> tuple[str, ...]:
    """`boards: rpi5-02, rpi5-03 (of type=pi5:2); rpi5-03 is free in about 12 min`."""
    names = [board.name for board in boards]
    late = [f"{name} in about {duration(free_s[name])}" for name in names if free_s.get(name, 0.0) > 0]
    when = f"; free {', '.join(late)}, the others now" if late and len(late) < len(names) else ""
    when = f"; none is free now: {', '.join(late)}" if late and len(late) == len(names) else when
    return (f"boards: {', '.join(names)}, chosen by {text!r}{when}",)
