"""Every error that stops a run or a launch.

FarmError
├── UsageError          the user can mend it: config, inventory, variants            exit 2
├── BoardError(board)   the launch is lost; retried with back-off, then not_run
│   ├── Unreachable     no answer, connection refused, name unknown
│   ├── AuthRefused     no key was accepted                                          ends the part at once
│   ├── HostKeyUnknown  nothing recorded for this name                               ends the part at once
│   ├── HostKeyChanged  another key is recorded for this name                        ends the part at once
│   ├── NoRuntime       no Python, no numpy or no onnxruntime on the board           ends the part at once
│   ├── DiskFull        the board has no room
│   ├── ReadOnly        the board's base cannot be written
│   ├── Busy            another orchestrator holds the board
│   └── AgentLost       the agent's channel ended, fell silent or spoke nonsense
└── StoreError          state that cannot be read or written                         exit 4
    ├── StoreBusy       another process keeps the state from being written: later it can be
    └── Unwritable      no right to write there, or no room
"""

import shlex
from collections.abc import Mapping
from typing import Any


class FarmError(Exception):
    """Says what, where and why; `mend` says how to mend it."""

    exit_code = 4

    def __init__(self, text: str, *, mend: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.text}\n  {self.mend}" if self.mend else self.text

    @property
    def line(self) -> str:
        """The same in one line, for tables and logs."""
        return "; ".join(part.strip() for part in str(self).splitlines())


class UsageError(FarmError):
    exit_code = 2


class BoardError(FarmError):
    """`outcome` is the word the store keeps for a launch lost to it; "refused" ends the part of this board."""

    outcome = "link_lost"

    def __init__(self, board: str, text: str, *, mend: str | None = None) -> None:
        super().__init__(text, mend=mend)
        self.board = board


class Unreachable(BoardError):
    pass


class AuthRefused(BoardError):
    outcome = "refused"


class HostKeyUnknown(BoardError):
    outcome = "refused"


class HostKeyChanged(BoardError):
    outcome = "refused"


class NoRuntime(BoardError):
    outcome = "refused"


class DiskFull(BoardError):
    outcome = "disk_full"


class ReadOnly(BoardError):
    outcome = "read_only"


class Busy(BoardError):
    outcome = "fenced"


class AgentLost(BoardError):
    outcome = "agent_error"


class StoreError(FarmError):
    pass


class StoreBusy(StoreError):
    pass


class Unwritable(StoreError):
    pass


def typed(board: Mapping[str, Any]) -> str:
    """What names the board in a command: what a person typed where no inventory names it, else its name."""
    return shlex.quote(str(board.get("address") or board["name"]))


def bootstrapping(board: Mapping[str, Any], runtime: str | None = None) -> str:
    """How a board without a runtime gets one."""
    named = f" --runtime {runtime}" if runtime else ""
    return f"make it ready: farm boards bootstrap {typed(board)}{named}, or set the board's field `python`"
