"""Whole lines in and out of file descriptors, without ever blocking the supervisor."""

import os
from contextlib import suppress
from typing import List

from farm_agents.wire import LINE_LIMIT, Message, WireError, encode

CHUNK = 1 << 16


class LineReader:
    """Collects lines from a descriptor that select() called readable; what follows the last newline is not a line."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.ended = False
        self._rest = b""

    def read(self) -> List[bytes]:
        """The lines completed by what has arrived. Raises WireError at a line over the limit."""
        try:
            chunk = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return []
        except OSError:  # a reset connection is an end like any other
            chunk = b""
        self.ended = not chunk
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            raise WireError("a line is over the limit of 1 MiB: {!r}".format(self._rest[:200]))
        return lines


class LineWriter:
    """Queues messages and writes what the other side takes; `broken` once nobody reads any more."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.broken = False
        self._queue = bytearray()

    @property
    def pending(self) -> int:
        return len(self._queue)

    def send(self, message: Message) -> None:
        self.pass_on(encode(message))

    def pass_on(self, line: bytes) -> None:
        """Queues a line that is known to be a message; it ends with its newline."""
        self._queue += line
        self.flush()

    def flush(self) -> None:
        try:
            while self._queue:
                del self._queue[: os.write(self.fd, self._queue[:CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            self.broken = True
            self._queue.clear()


class Log:
    """Standard error: text is dropped rather than waited for when nobody reads it."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd

    def write(self, data: bytes) -> None:
        with suppress(OSError):
            os.write(self.fd, data)
