"""Files of a board without an SFTP server: `cat` and its like, without resume."""

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import paramiko

from farm_orchestrator.errors import Unreachable
from farm_orchestrator.transport import ExecResult, names
from farm_orchestrator.transport.room import Room

PIECE = 32 << 10  # the channel copies what it cannot send yet: larger pieces cost more than they bring
SILENCE_S = 30.0
log = logging.getLogger(__name__)


class CatFiles:
    """As SftpFiles; every path is one of ours, made of digests and a checked base."""

    resumes = False

    def __init__(
        self,
        board: str,
        open_session: Callable[[str], paramiko.Channel],
        run: Callable[[Sequence[str], bytes, float], ExecResult],
    ) -> None:
        self._board = board
        self._open_session = open_session
        self._run = run
        self._banner: int | None = None
        _announce(board)

    def size(self, path: str) -> int | None:
        said = self._run(["stat", "-c", "%s", path], b"", SILENCE_S).out.split()
        return int(said[-1]) if said and said[-1].isdigit() else None  # a login shell may print before it

    def room(self, _path: str) -> Room | None:
        return None

    def make_folder(self, path: str) -> None:
        self._do(["mkdir", "-p", path])

    def write(self, path: str, source: BinaryIO, offset: int, progress: Callable[[int], None]) -> None:
        source.seek(offset)
        channel = self._open_session(names.writing(self._board, path))
        try:
            channel.settimeout(SILENCE_S)
            while piece := source.read(PIECE):
                channel.sendall(piece)
                progress(source.tell())
            channel.shutdown_write()
            self._await_end(channel)
        except TimeoutError as error:
            raise Unreachable(self._board, f"board {self._board!r} took no data for {SILENCE_S:g} s") from error
        finally:
            channel.close()

    def flush(self, _path: str, _patience_s: float) -> bool:
        return False

    def read(self, path: str) -> Iterator[bytes]:
        before = self._before()
        channel = self._open_session(names.command(self._board, ["cat", path]))
        try:
            channel.settimeout(SILENCE_S)
            while piece := channel.recv(PIECE):
                yield piece[before:]
                before = max(0, before - len(piece))
            self._await_end(channel)
        except TimeoutError as error:
            raise Unreachable(self._board, f"board {self._board!r} sent no data for {SILENCE_S:g} s") from error
        finally:
            channel.close()

    def rename(self, old: str, new: str) -> None:
        self._do(["mv", "-f", old, new])

    def remove(self, path: str) -> None:
        self._do(["rm", "-f", path])

    def parts(self, _folder: str) -> list[tuple[str, float]]:
        return []

    def time_of(self, _path: str) -> float:
        return 0.0

    def close(self) -> None:
        """Nothing is open between two commands."""

    def _before(self) -> int:
        """Bytes that a login shell prints before every command."""
        if self._banner is None:
            self._banner = len(self._run(["true"], b"", SILENCE_S).out)
        return self._banner

    def _do(self, argv: Sequence[str]) -> None:
        done = self._run(argv, b"", SILENCE_S)
        if done.rc:
            raise OSError(done.err.decode("utf-8", "replace").strip())

    def _await_end(self, channel: paramiko.Channel) -> None:
        if not channel.status_event.wait(SILENCE_S):
            raise TimeoutError
        if channel.recv_exit_status():
            raise OSError("Failure")


@functools.cache
def _announce(board: str) -> None:
    """Once for each board."""
    log.warning("board %r has no SFTP server: files are sent whole through `cat`, nothing is resumed", board)
