"""The mains of a board: the commands of its inventory field `power`, which switch what it hangs on."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass

from farm_orchestrator.environment import for_strangers
from farm_orchestrator.errors import UsageError
from farm_orchestrator.model import Json

ACTIONS = ("cycle", "on", "off", "reboot", "status")
REVIVING = ("cycle", "reboot")  # what may bring back a board that is lost; the first that it has
LIMIT_S = 120.0
TEXT = 2000  # characters of what a command printed
MISSING = 127  # as a shell says that there is no such program


@dataclass(frozen=True)
class Switched:
    """`code` None: it was ended after `LIMIT_S`. `said`: the last that it printed."""

    board: str
    action: str
    code: int | None
    said: str
    seconds: float

    @property
    def line(self) -> str:
        """For a log and for a person."""
        how = f"was ended after {LIMIT_S:g} s" if self.code is None else f"exit code {self.code}"
        said = f": {' '.join(self.said.split())}" if self.said.strip() else ""
        return f"power {self.action}: {how} after {self.seconds:.1f} s{said}"


def reviving(board: Json) -> str | None:
    """The action that may bring the board back; None where nothing is known that could."""
    return next((action for action in REVIVING if action in (board.get("power") or {})), None)


def switch(board: Json, action: str, limit_s: float = LIMIT_S) -> Switched:
    """Raises UsageError where the inventory has no command for it."""
    words = (board.get("power") or {}).get(action)
    name = str(board["name"])
    if not words:
        raise UsageError(
            f"{name} has no command for `power {action}`",
            mend=f"give it one in the inventory: power: {{{action}: [PROGRAM, WORD, ...]}}",
        )
    began = time.monotonic()
    code, said = _run(words, {"FARM_BOARD": name, "FARM_ACTION": action}, limit_s)
    return Switched(name, action, code, said, time.monotonic() - began)


def _run(words: list[str], told: dict[str, str], limit_s: float) -> tuple[int | None, str]:
    """Without a shell, in a session of its own, so that all of it ends with the limit.

    It prints into a file: the end of a pipe would be waited for as long as anything that it started keeps it open.
    """
    with tempfile.TemporaryFile() as out:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**for_strangers(), **told}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return MISSING, f"{words[0]}: {error.strerror}"
        return _waited(process, limit_s), _text(_last(out.fileno()))


def _waited(process: subprocess.Popen[bytes], limit_s: float) -> int | None:
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None


def _last(descriptor: int) -> bytes:
    """Without moving the file's position, at which something may be printing still."""
    most = 4 * TEXT  # bytes of so many characters
    return os.pread(descriptor, most, max(0, os.fstat(descriptor).st_size - most))


def _text(said: bytes) -> str:
    return "".join(c if c.isprintable() or c == "\n" else " " for c in said.decode(errors="replace"))[-TEXT:]
