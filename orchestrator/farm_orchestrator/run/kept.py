"""`--pin sustained`: the clock that was found for each board stands in for the word, if the board is still the one it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import SUSTAINED, Json
from farm_orchestrator.plan import duration, mhz
from farm_orchestrator.plan.sustaining import Sustained, differing, identity
from farm_orchestrator.run.clocks import answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.look import Asked


def kept(boards: Sequence[Json], pin: str | None, home: Path) -> dict[str, Sustained]:
    """By board, where that is asked for. Raises UsageError for the first board whose clock nobody has looked for."""
    names = [str(board["name"]) for board in boards if (pin or board.get("pin")) == SUSTAINED]
    found = {name: stored.read_sustained(home, name) for name in names}
    for name, one in found.items():
        if one is None:
            raise UsageError(f"--pin sustained: nobody has looked for the clock that {name} keeps up", mend=_mend(name))
    return {name: one for name, one in found.items() if one is not None}


def pinned(boards: Sequence[Json], found: Mapping[str, Sustained]) -> tuple[Json, ...]:
    """The boards, each with the clock in kHz that was found for it."""
    pins = {name: str(one.khz) for name, one in found.items()}
    return tuple({**board, "pin": pins.get(board["name"], board.get("pin"))} for board in boards)


def check(asked: Asked, settings: Settings) -> None:
    """Raises UsageError for a board that is another one by now; one that does not answer may do so later."""
    found = asked.sustained
    boards = [board for board in asked.boards if board["name"] in found]
    for board, said in zip(boards, answers(boards, settings) if boards else (), strict=True):
        change = differing(found[board["name"]].of, identity(board, said)) if isinstance(said, dict) else None
        if change:
            raise UsageError(
                f"--pin sustained: the clock that {board['name']} keeps up was found on another board or system: {change}",
                mend=_mend(str(board["name"])),
            )


def told(found: Mapping[str, Sustained]) -> tuple[str, ...]:
    """What a reader of the run should know."""
    return tuple(_told(name, one) for name, one in found.items())


def _mend(board: str) -> str:
    return f"it is found once, by soaks of 10 min: farm boards soak {board}"


def _told(name: str, found: Sustained) -> str:
    text = f"{name} is held at {mhz(found.khz)} MHz, the highest clock it kept through {duration(found.soak_s)} at full load"
    return f"{text}; provisional, until that is 10 min" if found.provisional else text
