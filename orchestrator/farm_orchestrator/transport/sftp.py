"""Files of a board over SFTP."""

import contextlib
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import paramiko
from paramiko.sftp import CMD_EXTENDED

from farm_orchestrator.errors import Unreachable

REQUEST = 128 << 10  # OpenSSH takes up to 256 KiB; other servers only what the standard promises
REQUEST_STANDARD = 32 << 10
PIECE = 1 << 20
SILENCE_S = 30.0  # a board's card may stall this long while it writes back


class SftpFiles:
    """An OSError from here is the board's own answer; a link that broke is Unreachable."""

    resumes = True

    def __init__(self, board: str, transport: paramiko.Transport, session: paramiko.SFTPClient) -> None:
        self._board = board
        self._transport = transport
        self._session = session
        channel = session.get_channel()
        if channel:
            channel.settimeout(SILENCE_S)
        self._request = REQUEST if "OpenSSH" in transport.remote_version else REQUEST_STANDARD

    def size(self, path: str) -> int | None:
        with self._speaking(), contextlib.suppress(FileNotFoundError):
            return self._session.stat(path).st_size
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
        """Everything of `source` from `offset` on, on the disk when this returns."""
        with self._speaking(), self._session.open(path, "r+b" if offset else "wb") as target:
            target.MAX_REQUEST_SIZE = self._request  # for this file only
            target.set_pipelined(True)
            source.seek(offset)
            target.seek(offset)
            while piece := source.read(PIECE):
                target.write(piece)
                progress(source.tell())
            if target.stat().st_size != source.tell():
                raise OSError("Failure")  # answers to the last requests were not awaited
            self._flush(target)

    def read(self, path: str) -> Iterator[bytes]:
        with self._speaking(), self._session.open(path, "rb") as source:
            source.MAX_REQUEST_SIZE = self._request
            while piece := source.read(self._request):
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

    def _flush(self, target: paramiko.SFTPFile) -> None:
        """OpenSSH's own extension; where there is none the rename is as safe as the board's file system makes it."""
        with contextlib.suppress(OSError):
            self._session._request(CMD_EXTENDED, "fsync@openssh.com", target.handle)  # type: ignore[attr-defined]  # noqa: SLF001  # the library sends posix-rename the same way

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except (paramiko.SSHException, EOFError, TimeoutError) as error:
            raise self._lost(error) from error
        except OSError as error:
            if not self._transport.is_active():
                raise self._lost(error) from error
            raise

    def _lost(self, error: Exception) -> Unreachable:
        return Unreachable(self._board, f"board {self._board!r}: the connection broke while files were sent: {error}")
