"""A long-lived program on this machine with its three pipes."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import IO, cast

from farm_orchestrator.errors import Unreachable
from farm_orchestrator.transport.lines import LineBuffer, Tail

TICK_S = 0.5
PIECE = 65536
GRACE_S = 2.0  # what an agent gets after the end of its stdin to put everything back


class LocalStream:
    """The pipes are closed only while nobody reads or writes them, so no foreign file can take their number."""

    def __init__(self, board: str, argv: Sequence[str]) -> None:
        self._board = board
        self._process = subprocess.Popen(
            list(argv), bufsize=0, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._stderr = cast("IO[bytes]", self._process.stderr)
        self._wake_out, self._wake_in = os.pipe()
        self._reading, self._writing, self._ending = Lock(), Lock(), Lock()
        self._closed = False
        self._buffer, self._tail = LineBuffer(board), Tail()

    def send(self, line: bytes) -> None:
        with self._writing:
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._stdin.write(rest) :]
            except (OSError, ValueError) as error:
                raise Unreachable(self._board, f"board {self._board!r}: the agent does not read any more") from error

    def lines(self) -> Iterator[bytes | None]:
        while True:
            with self._reading:
                if self._closed:
                    return
                piece = self._piece()
            if piece == b"":
                return
            yield from [None] if piece is None else self._buffer.feed(piece)

    def stderr_tail(self) -> str:
        return self._tail.text()

    def exit_code(self, timeout_s: float = 1.0) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout_s)
        return None

    def close(self) -> None:
        with self._ending:
            if self._closed:
                return
            self._closed = True
            os.write(self._wake_in, b"x")
            self._end_program()
            self._close_pipes()

    def _piece(self) -> bytes | None:
        """The next bytes of stdout; None when there were none in time; empty at its end. Stderr is kept beside."""
        until = time.monotonic() + TICK_S
        with selectors.DefaultSelector() as ready:
            for pipe in (self._stdout, self._stderr, self._wake_out):
                ready.register(pipe, selectors.EVENT_READ)
            while (left := until - time.monotonic()) > 0:
                files = {key.fileobj for key, _ in ready.select(left)}
                if self._stderr in files and not self._keep_stderr():
                    ready.unregister(self._stderr)
                if self._wake_out in files:
                    return b""
                if self._stdout in files:
                    return self._stdout.read(PIECE) or self._rest_of_stderr()
        return None

    def _keep_stderr(self) -> bool:
        piece = self._stderr.read(PIECE)
        self._tail.add(piece)
        return bool(piece)

    def _rest_of_stderr(self) -> bytes:
        """Reads what the program said last; something it left behind may hold the pipe open, so not for ever."""
        until = time.monotonic() + TICK_S
        with selectors.DefaultSelector() as ready:
            ready.register(self._stderr, selectors.EVENT_READ)
            while (left := until - time.monotonic()) > 0 and ready.select(left):
                if not self._keep_stderr():
                    break
        return b""

    def _end_program(self) -> None:
        """First the end of stdin, then SIGKILL: a program that does not read may hold a writer."""
        free = self._writing.acquire(timeout=GRACE_S)
        if free:
            self._stdin.close()
        if self.exit_code(GRACE_S if free else 0.0) is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if free:
            self._writing.release()
        with self._writing:
            self._stdin.close()

    def _close_pipes(self) -> None:
        with self._reading:
            self._stdout.close()
            self._stderr.close()
            os.close(self._wake_in)
            os.close(self._wake_out)
