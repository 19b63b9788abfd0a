"""What the boards say of themselves, and of their clocks, before a run is planned: they are read, and nothing on them changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from farm_orchestrator.errors import BoardError
from farm_orchestrator.model import Json, document
from farm_orchestrator.plan import Ladder, stepped, sweeps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.look import Asked

AT_ONCE = 16
MOST = 256  # clocks of a board
UNTOLD = "it does not tell whether its clocks can be held"
RANGE = range(10_000, 100_000_000)  # kHz: what can be asked for


def climb(asked: Asked, settings: Settings, tell: Callable[[str], object] = str) -> Asked:
    """The request with the clocks of every board, where it sweeps them. Raises UsageError for one that a board has not."""
    pin = asked.request.pin
    if pin is None or not sweeps(pin):
        return asked
    tell(f"asking {len(asked.boards)} board{'s' * (len(asked.boards) > 1)} for the clocks")
    found = zip(asked.boards, answers(asked.boards, settings), strict=True)
    steps = stepped(pin, {str(board["name"]): ladder(said) for board, said in found})
    pins = {board: each.pins for board, each in steps.items()}
    return replace(asked, wishes=tuple(replace(wish, pins=pins) for wish in asked.wishes), steps=steps)


def answers(boards: Sequence[Json], settings: Settings) -> list[Json | str]:
    """What each board says of itself, or why it says nothing."""
    with ThreadPoolExecutor(min(AT_ONCE, len(boards))) as pool:
        return list(pool.map(partial(_probed, settings=settings), boards))


def _probed(board: Json, settings: Settings) -> Json | str:
    from farm_orchestrator import probing, transport

    try:
        return probing.probe(transport.resolve(board), settings.home)
    except BoardError as error:
        return str(error).splitlines()[0]


def ladder(said: Json | str) -> Ladder:
    """A board that does not answer now may do so later, and is then measured as it is."""
    return Ladder(reason=f"it could not be asked for its clocks: {said}") if isinstance(said, str) else read(said)


def read(told: Json) -> Ladder:
    """What a board says of its clocks, as far as it makes sense, and whether this account may hold them."""
    clocks, shut = document(told.get("clocks")), document(document(told.get("capabilities")).get("pin"))
    found = clocks.get("khz")
    khz = [one for one in found if _plausible(one)] if isinstance(found, list) else []
    reason = clocks.get("reason") or (None if shut.get("ok") else shut.get("reason") or UNTOLD)
    if reason or not khz:
        return Ladder(reason=str(reason or "it does not tell its clocks"))
    most = clocks.get("most_khz")
    return Ladder(tuple(sorted(set(khz)))[-MOST:], bool(clocks.get("listed")), most if _plausible(most) else None)


def _plausible(value: Any) -> bool:
    return type(value) is int and value in RANGE
