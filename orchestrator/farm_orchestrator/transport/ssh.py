"""A board over SSH."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path

import paramiko
from paramiko.sftp import SFTPError

from farm_orchestrator.errors import AgentLost, Unreachable
from farm_orchestrator.model import Json
from farm_orchestrator.transport import ExecResult, PutResult, connect, controller, fetch, names, oneshot, push, turns
from farm_orchestrator.transport.cat_files import CatFiles
from farm_orchestrator.transport.checksums import Checksums
from farm_orchestrator.transport.road import BROKEN
from farm_orchestrator.transport.room import Disk
from farm_orchestrator.transport.sftp import SftpFiles
from farm_orchestrator.transport.ssh_stream import SshStream


class SshChannel:
    """One connection: short commands by fabric, streams and files by paramiko."""

    def __init__(self, spec: Json, farm_home: Path) -> None:
        self._board = str(spec["name"])
        self._base = names.place(self._board, "base", str(spec["base"]))
        self._home = farm_home
        self._link = connect.open_link(spec, farm_home)
        self._host = str(spec["host"])
        self._files: push.Files | None = None
        self._store: push.Place | None = None
        self._streams: list[SshStream] = []

    @property
    def base(self) -> str:
        return self._base

    @cached_property
    def _commands(self) -> oneshot.Verified:
        """Made for the first short command: a board with SFTP needs none, and a rack has hundreds."""
        return oneshot.connection(self._link.client, self._host)

    def exec(self, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 30.0) -> ExecResult:
        """Raises Unreachable where the link breaks or the command is not done in time."""
        command = names.command(self._board, argv, self._base)
        try:
            done = oneshot.run(self._commands, command, stdin, timeout_s)
        except BROKEN as error:
            raise self._lost(f"`{argv[0]}` could not be run", error) from error
        if done.rc < 0:
            raise self._lost(f"`{argv[0]}` was cut off", None)
        return done

    def stream(self, argv: Sequence[str]) -> SshStream:
        stream = SshStream(
            self._board, self._session(names.command(self._board, argv, self._base)), self._link.transport
        )
        self._streams.append(stream)
        return stream

    def put(self, local: Path, sha256: str, size: int, progress: Callable[[int], None] | None = None) -> PutResult:
        self._store = self._store or self._open_store()
        return push.store(self._store, local, sha256, size, progress)

    def get(self, remote: str, sha256: str, size: int, folder: Path) -> Path:
        path = names.fetched(self._board, self._base, remote)
        return fetch.receive(self._board, self._read(path), folder / Path(path).name, sha256, size)

    def has_sftp(self) -> bool:
        """Whether a push that was cut can be taken up; without SFTP it starts again."""
        self._files = self._files or self._sftp()
        return self._files is not None and self._files.resumes

    def close(self) -> None:
        for stream in self._streams:
            stream.abandon()
        self._link.close()

    def _read(self, path: str) -> Iterator[bytes]:
        try:
            yield from self._open_files().read(path)
        except OSError as error:
            raise AgentLost(self._board, f"board {self._board!r}: the agent named {path}: {error}") from error

    def _run(self, argv: Sequence[str], stdin: bytes, timeout_s: float) -> ExecResult:
        return self.exec(argv, stdin, timeout_s)

    def _session(self, command: str) -> paramiko.Channel:
        try:
            channel = self._link.transport.open_session()
            channel.exec_command(command)
        except BROKEN as error:
            raise self._lost("no command could be started", error) from error
        return channel

    def _open_store(self) -> push.Place:
        files = self._open_files()
        return push.Place(
            self._board, self._base, controller.identity(self._home), files, Disk(self._base, files.room, self._run),
            Checksums(self._board, self.stream), self._run, self._turn,
        )  # fmt: skip

    def _turn(self) -> AbstractContextManager[None]:
        return turns.taken(self._link.pushes, self._check)

    def _check(self) -> None:
        if not self._link.transport.is_active():
            raise self._lost("the connection broke before its turn to push came", None)

    def _open_files(self) -> push.Files:
        if self._files is None:
            self._files = self._sftp() or CatFiles(self._board, self._session, self._run)
        return self._files

    def _sftp(self) -> SftpFiles | None:
        """None where the board has no SFTP server, or where a login shell talks into its session."""
        try:
            return SftpFiles(self._board, self._link.transport)
        except (*BROKEN, SFTPError) as error:
            if not self._link.transport.is_active():
                raise self._lost("no file session could be opened", error) from error
            return None

    def _lost(self, what: str, error: Exception | None) -> Unreachable:
        return Unreachable(self._board, f"board {self._board!r}: {what}" + (f": {error}" if error else ""))
