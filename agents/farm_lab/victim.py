"""A board that is to be broken or mended, and the shape of what may be done to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from farm_lab import journal, sshd, state
from farm_lab.journal import Json, Standing
from farm_lab.places import BoardPlaces, LabError, Places
from farm_lab.processes import Process
from farm_lab.state import State, VirtualBoard


@dataclass(frozen=True)
class Victim:
    """`standing`: its faults, the one that is being done included, the one that is being undone left out."""

    places: Places
    lab: State
    board: VirtualBoard
    standing: tuple[Standing, ...] = ()

    @property
    def name(self) -> str:
        return self.board.name

    @property
    def here(self) -> BoardPlaces:
        return self.places.board(self.board.name)

    @property
    def runs(self) -> bool:
        return self.board.process.alive

    def processes(self) -> list[Process]:
        return sshd.of_board(self.here, self.board.process)


@dataclass(frozen=True)
class Fault:
    """What can be done to a board.

    `prepare`: looks whether it can be done and gives what `strike` and `undo` need, as JSON; changes nothing; raises
    LabError. `undo` None: over as soon as it is done. `argument`: what may follow its name. Undoing what is gone by
    itself is no error.
    """

    text: str
    prepare: Callable[[Victim, str | None], Json]
    strike: Callable[[Victim, Mapping[str, Any]], None]
    undo: Callable[[Victim, Mapping[str, Any]], None] | None = None
    argument: str | None = None


def find(places: Places, name: str) -> Victim:
    """Raises LabError where there is no lab or no such board in it."""
    known = state.read(places)
    if known is None:
        raise LabError(f"there is no lab in {places.root}; start one: farm lab up -n 3")
    board = next((board for board in known.boards if board.name == name), None)
    if board is None:
        names = ", ".join(board.name for board in known.boards) or "none"
        raise LabError(f"the lab in {places.root} has no board {name!r}; its boards: {names}")
    return Victim(places, known, board, journal.standing(places, name))


def nothing_more(_victim: Victim, argument: str | None) -> Json:
    """Nothing need be looked at or kept, and nothing may follow the fault's name. Raises LabError."""
    if argument is not None:
        raise LabError(f"{argument!r}: nothing follows the name of this fault")
    return {}


def number(argument: str | None, default: float, unit: str) -> float:
    """Raises LabError at anything but a number above 0."""
    try:
        found = default if argument is None else float(argument)
    except ValueError:
        found = 0.0
    if not 0.0 < found < 1e9:
        raise LabError(f"{argument!r}: a number of {unit} above 0 was expected")
    return found
