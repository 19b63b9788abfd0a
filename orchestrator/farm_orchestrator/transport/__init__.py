"""The one way to a board: a Channel, over SSH or on this machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ExecResult:
    """What a short command said; both texts are capped at 1 MiB."""

    rc: int
    out: bytes
    err: bytes


@dataclass(frozen=True)
class PutResult:
    """`skipped`: the file was there. `sent`: payload bytes. `resumed_at`: byte at which a part was taken up."""

    skipped: bool
    resumed_at: int
    sent: int
    transfer_s: float
    verify_s: float


class Stream(Protocol):
    """A long-lived command on the board with its stdin, stdout and stderr."""

    def send(self, line: bytes) -> None: ...
    def lines(self) -> Iterator[bytes | None]:
        """Whole lines as they come; None after each 0.5 s without one. Ends at end of file; raises AgentLost."""
    def stderr_tail(self) -> str: ...
    def close(self) -> None: ...


class Channel(Protocol):
    """One verified connection to one board, owned by one thread; `close` may be called from any thread."""

    def exec(self, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 30.0) -> ExecResult: ...
    def stream(self, argv: Sequence[str]) -> Stream: ...
    def put(
        self, local: Path, sha256: str, size: int, progress: Callable[[int], None] | None = None
    ) -> PutResult: ...
    def get(self, remote: str, sha256: str, size: int, folder: Path) -> Path: ...
    def close(self) -> None: ...
