"""Boards broken and mended: every fault by its name, done, written down, and undone."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from farm_lab import climate, entry, journal, links, power, senses, state, storage, timers, victim, work
from farm_lab.journal import Standing
from farm_lab.places import LabError, Places
from farm_lab.processes import end
from farm_lab.victim import Fault, Victim

FAULTS: Mapping[str, Fault] = {
    **power.FAULTS, **links.FAULTS, **storage.FAULTS, **senses.FAULTS, **climate.FAULTS, **work.FAULTS, **entry.FAULTS,
}  # fmt: skip
CURES: Mapping[str, str | None] = {"heal": None, "power-on": "power-off", "link-heal": "link-cut"}
PATIENCE_S = 15.0  # another command, or the end of another fault, may be at work
EXPIRY_PATIENCE_S = 120.0
LONGEST_S = 1e7


def strike(places: Places, name: str, word: str, argument: str | None = None, for_s: float | None = None) -> Standing:
    """Breaks the board, for so long where `for_s` is given. Raises LabError."""
    fault = _known(word)
    if for_s is not None and fault.undo is None:
        raise LabError(f"{word} is over at once; leave out --for")
    if for_s is not None and not 0.0 < for_s < LONGEST_S:
        raise LabError(f"--for {for_s:g}: a number of seconds above 0 was expected")
    victim.find(places, name)  # no lab: nothing is made
    with state.alone(places, PATIENCE_S):
        board = _breakable(victim.find(places, name), word)
        begun = Standing(name, word, argument, fault.prepare(board, argument))
        journal.begin(places, begun)
        try:
            if for_s is not None:
                timers.start(places, begun, for_s)
            fault.strike(replace(board, standing=(*board.standing, begun)), begun.kept)
        except LabError:
            _undo(places, begun)
            raise
        if fault.undo is None:
            journal.close(places, begun)
    return begun


def cure(places: Places, name: str, word: str) -> tuple[Standing, ...]:
    """Undoes what `word` cures: one kind of fault, which must be there, or all. Raises LabError."""
    only = CURES[word]
    victim.find(places, name)  # no lab: nothing is made
    with state.alone(places, PATIENCE_S):
        found = tuple(fault for fault in victim.find(places, name).standing if only in {None, fault.fault})
        if only and not found:
            raise LabError(f"{name} has no {only} that {word} could undo")
        _undo_all(places, reversed(found))
    return found


def expire(places: Places, name: str, began_ns: int) -> None:
    """The time of this fault is over, if it stands still. Raises LabError."""
    with state.alone(places, EXPIRY_PATIENCE_S):
        _undo_all(places, [fault for fault in journal.standing(places, name) if fault.began_ns == began_ns])


def _known(word: str) -> Fault:
    if word not in FAULTS:
        raise LabError(f"there is no fault {word!r}; there are {', '.join(FAULTS)}; {', '.join(CURES)} undo")
    return FAULTS[word]


def _breakable(board: Victim, word: str) -> Victim:
    if any(fault.fault == word for fault in board.standing):
        raise LabError(f"{board.name} has {word} already; undo it first: farm lab break {board.name} heal")
    if not board.runs:
        mend = "power-on" if any(fault.fault == "power-off" for fault in board.standing) else None
        how = f"farm lab break {board.name} {mend}" if mend else "farm lab up"
        raise LabError(f"{board.name} does not run, so nothing more can be broken; start it: {how}")
    return board


def _undo_all(places: Places, found: Iterable[Standing]) -> None:
    """Each, whatever came of the others."""
    troubles = []
    for fault in found:
        try:
            _undo(places, fault)
        except LabError as error:
            troubles.append(f"{fault.fault}: {error}")
    if troubles:
        raise LabError("; ".join(troubles))


def _undo(places: Places, fault: Standing) -> None:
    """It stands until its undoing has come to its end."""
    board, how = victim.find(places, fault.board), FAULTS[fault.fault].undo
    others = tuple(other for other in board.standing if other.began_ns != fault.began_ns)
    if how is not None:
        how(replace(board, standing=others), fault.kept)
    journal.close(places, fault)
    end(timers.running(places, fault))
