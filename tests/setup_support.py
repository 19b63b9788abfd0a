"""A person at a terminal of 80 columns, and boards that are real SSH servers."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

DEADLINE_S = 120.0
COLUMNS, ROWS = 80, 24
CTRL_C = "\x03"
AGAIN_S = 2.0
FARM = [sys.executable, "-m", "farm_orchestrator.cli"]
# The terminal becomes the command's own, so that Ctrl-C on it is a signal to the command.
OWNED = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """A command started at a terminal; `said` is all it wrote so far, `heard` how much of that was waited for."""

    program: Sequence[str] = FARM
    patience_s = DEADLINE_S

    def __init__(self, folder: Path, env: Mapping[str, str], *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.said = ""
        self.heard = 0
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNED, *self.program, *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
            cwd=folder, env={**env, "TERM": "xterm-256color", "NO_COLOR": "1"}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def until(self, text: str) -> None:
        """Waits for the text behind what was waited for before."""
        deadline = time.monotonic() + self.patience_s
        while text not in self.said[self.heard :]:
            alive = self._read(deadline)
            assert alive or text in self.said[self.heard :], f"never said {text!r}:\n{self.said}"
        self.heard = self.said.index(text, self.heard) + len(text)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, and again while it is not heard: between a prompt and its read a signal can be missed."""
        deadline = time.monotonic() + self.patience_s
        while "farm: interrupted" not in self.said:
            self.type(CTRL_C)
            while _ready(self.ours, AGAIN_S) and self._read(deadline):
                pass

    def end(self) -> int:
        """The exit code, once everything was read."""
        deadline = time.monotonic() + self.patience_s
        while self._read(deadline):
            pass
        os.close(self.ours)
        return self.process.wait(timeout=self.patience_s)

    @property
    def lines(self) -> list[str]:
        return self.said.replace("\r\n", "\n").splitlines()

    def _read(self, deadline: float) -> bool:
        """False where nothing more will come."""
        left_s = deadline - time.monotonic()
        assert left_s > 0, f"no end after {self.patience_s:g} s:\n{self.said}"
        if not _ready(self.ours, left_s):
            return True
        try:
            piece = os.read(self.ours, 65536)
        except OSError:  # Linux: nobody holds the other end any more
            return False
        self.said += piece.decode()
        return bool(piece)


def piped(folder: Path, env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command without a terminal."""
    return subprocess.run(
        [*FARM, *arguments], cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=DEADLINE_S, check=False,
    )  # fmt: skip


def _ready(fd: int, within_s: float) -> bool:
    """Whether there is something to read; select() would know no descriptor beyond 1,023."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0.0, within_s) * 1000))
