"""Files of a board over SFTP."""

import contextlib
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import paramiko
from paramiko.sftp import CMD_EXTENDED, SFTPError

from farm_orchestrator.errors import Unreachable
from farm_orchestrator.transport.road import BROKEN
from farm_orchestrator.transport.room import Room
from farm_orchestrator.undo import on_error

PACKET = (32 << 10) - 64  # what the library puts into one packet to OpenSSH
HEAD = 64  # of a request, at least
REQUEST = 4 * PACKET - HEAD  # 128 KiB without a fifth packet for a few bytes; OpenSSH takes up to 256 KiB
REQUEST_STANDARD = 32 << 10  # what every server has to take
PIECE = 8 * REQUEST
SILENCE_S = 30.0  # a board's card may stall this long while it writes back


class SftpFiles:
    """An OSError from here is the board's own answer; a link that broke is Unreachable."""

    resumes = True

    def __init__(self, board: str, transport: paramiko.Transport) -> None:
        """Raises SSHException, EOFError, OSError or SFTPError where the board has no SFTP server."""
        self._board = board
        self._transport = transport
        self._session = open_session(transport)
        self._request = REQUEST if "OpenSSH" in transport.remote_version else None  # None: to be tried

    def size(self, path: str) -> int | None:
        with self._speaking(), contextlib.suppress(FileNotFoundError):
            return self._session.stat(path).st_size
        return None

    def room(self, path: str) -> Room | None:
        """By OpenSSH's extension; other servers do not know it."""
        with self._speaking(), contextlib.suppress(OSError):
            answer = self._extended("statvfs@openssh.com", path)
            _, unit, total, _, free = (answer.get_int64() for _ in range(5))
            return Room(free * unit, total * unit)
        return None

    def make_folder(self, path: str) -> None:
        """With its parents."""
        with self._speaking():
            try:
                if stat.S_ISDIR(self._session.stat(path).st_mode or 0):
                    return
            except FileNotFoundError:
                pass
        parent = path.rpartition("/")[0]
        if parent:
            self.make_folder(parent)
        with self._speaking():
            try:
                self._session.mkdir(path, 0o700)
            except OSError:
                self._session.listdir(path)  # another farm may have been faster

    def write(self, path: str, source: BinaryIO, offset: int, progress: Callable[[int], None]) -> None:
        """Everything of `source` from `offset` on; the board has it all when this returns."""
        with self._speaking():
            request = self._request or self._try_large(path, source, offset)
            with self._opened(path, source, offset, request) as target:
                target.set_pipelined(True)
                while piece := source.read(PIECE):
                    target.write(piece)
                    progress(source.tell())
                if target.stat().st_size != source.tell():
                    raise OSError("Failure")  # answers to the last requests were not awaited

    def flush(self, path: str, patience_s: float) -> bool:
        """By OpenSSH's extension, which answers when the disk has everything."""
        with self._speaking(), self._session.open(path, "r+b") as target:
            target.settimeout(patience_s)
            try:
                self._extended("fsync@openssh.com", target.handle)
            except TimeoutError:
                raise
            except OSError:
                return False
            finally:
                target.settimeout(SILENCE_S)
        return True

    def read(self, path: str) -> Iterator[bytes]:
        with self._speaking(), self._session.open(path, "rb") as source:
            source.MAX_REQUEST_SIZE = self._request or REQUEST_STANDARD
            while piece := source.read(PIECE):
                yield piece

    def rename(self, old: str, new: str) -> None:
        with self._speaking():
            self._session.posix_rename(old, new)

    def remove(self, path: str) -> None:
        with self._speaking(), contextlib.suppress(FileNotFoundError):
            self._session.remove(path)

    def parts(self, folder: str) -> list[tuple[str, float]]:
        """Half-sent files and their times by the board's clock."""
        with self._speaking():
            found = self._session.listdir_attr(folder)
        return [(f"{folder}/{each.filename}", float(each.st_mtime or 0)) for each in found if ".part." in each.filename]

    def time_of(self, path: str) -> float:
        with self._speaking():
            return float(self._session.stat(path).st_mtime or 0)

    def close(self) -> None:
        self._session.close()

    def _opened(self, path: str, source: BinaryIO, offset: int, request: int) -> paramiko.SFTPFile:
        """Both files at `offset`."""
        target = self._session.open(path, "r+b" if offset else "wb")
        target.MAX_REQUEST_SIZE = request  # for this file only
        target.seek(offset)
        source.seek(offset)
        return target

    def _try_large(self, path: str, source: BinaryIO, offset: int) -> int:
        """The largest request that the server takes: it may refuse the first block, or end the session over it."""
        try:
            with self._opened(path, source, offset, REQUEST) as target:
                target.write(source.read(REQUEST))
        except BROKEN:
            if not self._transport.is_active():
                raise
            self._session.close()
            self._session = open_session(self._transport)
            self._request = REQUEST_STANDARD
        else:
            self._request = REQUEST if source.tell() > offset + REQUEST_STANDARD else None
        return self._request or REQUEST_STANDARD

    def _extended(self, name: str, argument: object) -> paramiko.Message:
        """Raises OSError where the server does not know the name."""
        return self._session._request(CMD_EXTENDED, name, argument)[1]  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001  # the library sends posix-rename the same way

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except (paramiko.SSHException, EOFError, TimeoutError, SFTPError) as error:
            raise self._lost(error) from error
        except OSError as error:
            if not self._transport.is_active():
                raise self._lost(error) from error
            raise

    def _lost(self, error: Exception) -> Unreachable:
        return Unreachable(self._board, f"board {self._board!r}: the connection broke while files were sent: {error}")


def open_session(transport: paramiko.Transport) -> paramiko.SFTPClient:
    """Unlike the library's own way it does not wait for ever for a server's first word."""
    channel = transport.open_session()
    channel.settimeout(SILENCE_S)
    with on_error(channel.close):
        channel.invoke_subsystem("sftp")
        return paramiko.SFTPClient(channel)
