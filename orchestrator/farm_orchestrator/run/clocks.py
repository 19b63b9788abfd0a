"""The clocks of the boards, asked for before a run is planned that sweeps them: a board is read, and nothing on it changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from farm_orchestrator.errors import BoardError
from farm_orchestrator.plan import Ladder, stepped, sweeps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farm_orchestrator.config import Settings
    from farm_orchestrator.model import Json
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
    steps = stepped(pin, _ladders(asked.boards, settings))
    pins = {board: found.pins for board, found in steps.items()}
    return replace(asked, wishes=tuple(replace(wish, pins=pins) for wish in asked.wishes), steps=steps)


def _ladders(boards: tuple[Json, ...], settings: Settings) -> Mapping[str, Ladder]:
    with ThreadPoolExecutor(min(AT_ONCE, len(boards))) as pool:
        found = pool.map(partial(_ladder, settings=settings), boards)
        return {str(board["name"]): ladder for board, ladder in zip(boards, found, strict=True)}


def _ladder(board: Json, settings: Settings) -> Ladder:
    """A board that does not answer now may do so later, and is then measured as it is."""
    from farm_orchestrator import probing, transport

    try:
        told = probing.probe(transport.resolve(board), settings.home)
    except BoardError as error:
        return Ladder(reason=f"it could not be asked for its clocks: {str(error).splitlines()[0]}")
    return read(told)


def read(told: Json) -> Ladder:
    """What a board says of its clocks, as far as it makes sense, and whether this account may hold them."""
    clocks, shut = _document(told.get("clocks")), _document(_document(told.get("capabilities")).get("pin"))
    found = clocks.get("khz")
    khz = [one for one in found if _plausible(one)] if isinstance(found, list) else []
    reason = clocks.get("reason") or (None if shut.get("ok") else shut.get("reason") or UNTOLD)
    if reason or not khz:
        return Ladder(reason=str(reason or "it does not tell its clocks"))
    most = clocks.get("most_khz")
    return Ladder(tuple(sorted(set(khz)))[:MOST], bool(clocks.get("listed")), most if _plausible(most) else None)


def _plausible(value: Any) -> bool:
    return type(value) is int and value in RANGE


def _document(value: Any) -> Json:
    """A board may say anything."""
    return value if isinstance(value, dict) else {}
