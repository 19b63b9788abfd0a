"""Bytes from a board cut into lines, under the limits that keep a hostile one from filling our memory."""

from threading import Lock

from farm_agents.wire import LINE_LIMIT
from farm_orchestrator.errors import AgentLost

QUOTE = 200
STDERR_LIMIT = 64 << 10


class LineBuffer:
    """Takes pieces, gives whole lines without their newline."""

    def __init__(self, board: str) -> None:
        self._board = board
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Raises AgentLost at a line over the wire's limit, finished or not."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        for line in (*lines, self._rest):
            if len(line) >= LINE_LIMIT:
                raise AgentLost(
                    self._board,
                    f"board {self._board!r}: the agent sent a line over {LINE_LIMIT} bytes: {line[:QUOTE]!r}",
                )
        return lines


class Tail:
    """The last bytes of a log; written by one thread, read by any."""

    def __init__(self, limit: int = STDERR_LIMIT) -> None:
        self._limit = limit
        self._lock = Lock()
        self._kept = b""

    def add(self, piece: bytes) -> None:
        with self._lock:
            self._kept = (self._kept + piece)[-self._limit :]

    def text(self) -> str:
        with self._lock:
            return self._kept.decode("utf-8", "replace")
