"""A long-lived command at the other end of an SSH channel."""

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock

import paramiko

from farm_orchestrator.errors import Unreachable
from farm_orchestrator.transport.lines import LineBuffer, Tail
from farm_orchestrator.transport.road import BROKEN

TICK_S = 0.5
PIECE = 65536
SEND_S = 10.0


class SshStream:
    """No terminal is asked for; the end of stdin is what ends the command."""

    def __init__(self, board: str, channel: paramiko.Channel, transport: paramiko.Transport) -> None:
        self._board = board
        self._channel, self._transport = channel, transport
        self._channel.settimeout(TICK_S)
        self._writing = Lock()
        self._closed = False
        self._buffer, self._tail = LineBuffer(board), Tail()

    def send(self, line: bytes) -> None:
        with self._writing:
            until = time.monotonic() + SEND_S
            while line:
                line = line[self._send_some(line, until) :]

    def lines(self) -> Iterator[bytes | None]:
        while not self._closed:
            piece = self._piece()
            self._keep_stderr()
            if piece == b"":
                break
            yield from [None] if piece is None else self._buffer.feed(piece)
        if not (self._closed or self._channel.eof_received or self._transport.is_active()):
            raise self._lost("the connection broke")

    def stderr_tail(self) -> str:
        self._keep_stderr()
        return self._tail.text()

    def exit_code(self, timeout_s: float = 1.0) -> int | None:
        if not self._channel.status_event.wait(timeout_s):
            return None
        code = self._channel.recv_exit_status()
        return None if code < 0 else code

    def close(self) -> None:
        self.abandon()
        with suppress(*BROKEN):
            self._channel.close()

    def abandon(self) -> None:
        """The link is about to be closed by us: its end is no loss. Says nothing to the board, which may be frozen."""
        self._closed = True

    def _piece(self) -> bytes | None:
        try:
            return self._channel.recv(PIECE)
        except TimeoutError:
            return None

    def _keep_stderr(self) -> None:
        while self._channel.recv_stderr_ready():
            self._tail.add(self._channel.recv_stderr(PIECE))

    def _send_some(self, line: bytes, until: float) -> int:
        try:
            sent = self._channel.send(line)
        except TimeoutError:
            if time.monotonic() > until:
                raise self._lost(f"the agent has read nothing for {SEND_S:g} s") from None
            return 0
        except BROKEN as error:
            raise self._lost("the agent's channel is closed") from error
        if not sent:
            raise self._lost("the agent's channel is closed")
        return sent

    def _lost(self, why: str) -> Unreachable:
        return Unreachable(self._board, f"board {self._board!r}: {why}")
