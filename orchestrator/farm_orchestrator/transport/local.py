"""The board that is this machine: programs in their own session, files linked or copied into the store."""

import errno
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from farm_orchestrator import digest
from farm_orchestrator.errors import AgentLost, BoardError, DiskFull, NoRuntime, ReadOnly, Unreachable
from farm_orchestrator.model import Json
from farm_orchestrator.transport import ExecResult, PutResult, fetch, names
from farm_orchestrator.transport.local_stream import LocalStream

OUTPUT_LIMIT = PIECE = 1 << 20


class LocalChannel:
    """A Channel without a link."""

    def __init__(self, spec: Json) -> None:
        self._board = str(spec["name"])
        self._base = Path(spec["base"]).absolute()
        self._streams: list[LocalStream] = []

    @property
    def base(self) -> str:
        return str(self._base)

    def exec(self, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 30.0) -> ExecResult:
        """Raises Unreachable where the command is not done in time."""
        try:
            done = subprocess.run(
                list(argv), input=stdin, capture_output=True, timeout=timeout_s, check=False, start_new_session=True
            )
        except subprocess.TimeoutExpired as error:
            raise Unreachable(self._board, f"{argv[0]} was not done on this machine in {timeout_s:g} s") from error
        except OSError as error:
            raise self._not_started(argv, error) from error
        return ExecResult(done.returncode, done.stdout[:OUTPUT_LIMIT], done.stderr[:OUTPUT_LIMIT])

    def stream(self, argv: Sequence[str]) -> LocalStream:
        try:
            stream = LocalStream(self._board, argv)
        except OSError as error:
            raise self._not_started(argv, error) from error
        self._streams.append(stream)
        return stream

    def put(self, local: Path, sha256: str, size: int, progress: Callable[[int], None] | None = None) -> PutResult:
        final = Path(names.stored(self.base, sha256))
        if final.is_file() and final.stat().st_size == size:
            return PutResult(skipped=True, resumed_at=0, sent=0, transfer_s=0.0, verify_s=0.0)
        part = final.with_name(f"{sha256}.part.{uuid.uuid4().hex}")
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            return self._bring(local, part, final, progress)
        except OSError as error:
            raise self._not_stored(error, final, size) from error
        finally:
            part.unlink(missing_ok=True)

    def get(self, remote: str, sha256: str, size: int, folder: Path) -> Path:
        source = Path(names.fetched(self._board, self.base, remote))
        if source.is_symlink() or not source.is_file():
            raise AgentLost(self._board, f"board {self._board!r}: the agent named {remote}, which is no file")
        with source.open("rb") as content:
            pieces = iter(lambda: content.read(PIECE), b"")
            return fetch.receive(self._board, pieces, folder / source.name, sha256, size)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()

    def _bring(self, local: Path, part: Path, final: Path, progress: Callable[[int], None] | None) -> PutResult:
        begin = time.monotonic()
        _link_or_copy(local, part, final.name)
        copied = time.monotonic()
        if digest.afresh(part) != final.name:
            raise BoardError(self._board, f"{local} changed while it was brought to {final}", mend="run again")
        part.replace(final)
        size = final.stat().st_size
        if progress:
            progress(size)
        return PutResult(
            skipped=False, resumed_at=0, sent=size, transfer_s=copied - begin, verify_s=time.monotonic() - copied
        )

    def _not_started(self, argv: Sequence[str], error: OSError) -> NoRuntime:
        return NoRuntime(
            self._board,
            f"board {self._board!r}: {argv[0]} cannot be started on this machine: {error.strerror}",
            mend="name a Python 3.8 or newer with numpy and onnxruntime in the board's field `python`",
        )

    def _not_stored(self, error: OSError, final: Path, size: int) -> BoardError:
        text = f"board {self._board!r}: {final} cannot be written: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(final.parent).free
            return DiskFull(self._board, f"{text} ({size} bytes wanted, {free} free)", mend="make room there")
        return ReadOnly(self._board, text, mend="make the folder writable, or name another one in `base`")


def _link_or_copy(local: Path, part: Path, name: str) -> None:
    """A file named by its content never changes, so a link is safe; any other is copied."""
    if local.name == name:
        try:
            os.link(local, part)
        except OSError:
            pass  # another file system, or one without links
        else:
            return
    shutil.copyfile(local, part)
