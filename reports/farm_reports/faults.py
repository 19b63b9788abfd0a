"""Whose fault it was that a launch brought no figure: one table for everything that may go wrong."""

from enum import StrEnum


class Fault(StrEnum):
    """`user`: a key, a login, an interpreter; only a person can mend it. `harness`: the farm's own programs."""

    USER = "user"
    VARIANT = "variant"
    HARNESS = "harness"
    BOARD = "board"
    NETWORK = "network"


MEANINGS = {
    Fault.USER: "the login, the host key or the runtime of a board: no other try can help",
    Fault.VARIANT: "the model itself: it does not load, takes too much memory, or answers wrongly",
    Fault.HARNESS: "the farm's own programs: a worker that ended, an agent that broke off",
    Fault.BOARD: "the board: it started anew, ran out of room, or did not end a launch in time",
    Fault.NETWORK: "the way to the board: no answer, or a line that broke",
}
BY_OUTCOME = {
    "worker_lost": Fault.HARNESS,
    "fenced": Fault.HARNESS,
    "agent_error": Fault.HARNESS,
    "link_lost": Fault.NETWORK,
    "rebooted": Fault.BOARD,
    "deadline": Fault.BOARD,
    "disk_full": Fault.BOARD,
    "read_only": Fault.BOARD,
    "canary": Fault.BOARD,
    "refused": Fault.USER,
}


def fault_of(outcome: str | None) -> Fault:
    """Of a lost launch, or of a board that could not be reached.

    What a launch that failed tells of itself is no word of this table: that is the variant's own.
    """
    return BY_OUTCOME.get(outcome or "", Fault.VARIANT)
