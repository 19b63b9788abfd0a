"""SHA-256 of files on a board, told by one process that lives as long as the channel: a login shell may be slow."""

import re
import time
from collections.abc import Callable, Iterator, Sequence

from farm_orchestrator.errors import BoardError, Unreachable
from farm_orchestrator.transport import Stream

COMMAND = ("xargs", "-n", "1", "sha256sum")
PATIENCE_S = 30.0
SLOWEST_HASH = 5e6  # bytes per second: how long a slow board may take
NOT_THERE = (126, 127)  # what a shell and xargs exit with where a program cannot be run
SUM = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<path>\S+)")


class Checksums:
    """Started with the first question. Owned by one thread."""

    def __init__(self, board: str, open_stream: Callable[[Sequence[str]], Stream]) -> None:
        self._board, self._open_stream = board, open_stream
        self._stream: Stream | None = None
        self._lines: Iterator[bytes | None] = iter(())

    def of(self, path: str, size: int, meanwhile: Callable[[], None]) -> str | None:
        """None where the board cannot read the file; `meanwhile` runs here while the board reads it."""
        stream = self._asked(path)
        meanwhile()
        until = time.monotonic() + PATIENCE_S + size / SLOWEST_HASH
        for line in self._lines:
            found = SUM.fullmatch(line.decode("utf-8", "replace")) if line else None
            if found and found["path"] == path:
                return found["sha256"]
            if line is None and path in stream.stderr_tail():
                break
            if time.monotonic() > until:
                raise Unreachable(self._board, f"board {self._board!r} did not tell the SHA-256 of {path} in time")
        self._give_up(stream)
        return None

    def _asked(self, path: str) -> Stream:
        if self._stream is None or self._stream.exit_code(0) is not None:
            self._stream = self._open_stream(COMMAND)
            self._lines = self._stream.lines()
        try:
            self._stream.send(f"{path}\n".encode())
        except Unreachable:
            if self._stream.exit_code(0) is None:  # else it could not be started, and the reader will see that
                raise
        return self._stream

    def _give_up(self, stream: Stream) -> None:
        """A process that complained or ended is not asked again."""
        self._stream = None
        stream.close()
        if stream.exit_code() in NOT_THERE:
            raise BoardError(
                self._board,
                f"board {self._board!r} has no `xargs` or no `sha256sum`, so files cannot be verified there: "
                f"{stream.stderr_tail().strip()[-200:]}",
                mend="install coreutils and findutils, or BusyBox with both, on the board",
            )
