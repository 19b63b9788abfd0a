"""The one way to a board: a Channel, over SSH or on this machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from farm_orchestrator.model import Json


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


class OfferedKey(NamedTuple):
    """A host key as a machine offers it; `text` is its base64, `fingerprint` reads SHA256:..."""

    kind: str
    text: str
    fingerprint: str


class Stream(Protocol):
    """A long-lived command on the board with its stdin, stdout and stderr."""

    def send(self, line: bytes) -> None:
        """One whole line, from any thread; raises Unreachable where the link is gone."""

    def lines(self) -> Iterator[bytes | None]:
        """Whole lines as they come, without their newline; None after each 0.5 s without one.

        Ends at end of file and after `close`. Raises AgentLost (a line over 1 MiB), Unreachable (the link is gone).
        """

    def stderr_tail(self) -> str:
        """The last 64 KiB of stderr."""

    def exit_code(self, timeout_s: float = 1.0) -> int | None:
        """How the command ended (127: the shell did not find it); None while it runs or where nobody knows."""

    def close(self) -> None:
        """End of stdin, from any thread; unblocks a reader."""


class Channel(Protocol):
    """One verified connection to one board, owned by one thread; `close` may be called from any thread."""

    @property
    def base(self) -> str:
        """The folder on the board that holds all that is ours."""

    def exec(self, argv: Sequence[str], stdin: bytes = b"", timeout_s: float = 30.0) -> ExecResult: ...
    def stream(self, argv: Sequence[str]) -> Stream: ...
    def put(self, local: Path, sha256: str, size: int, progress: Callable[[int], None] | None = None) -> PutResult:
        """Brings a file to `<base>/cas/<2 hex>/<sha256>`; `progress` hears the bytes that lie there."""

    def get(self, remote: str, sha256: str, size: int, folder: Path) -> Path:
        """Fetches `<base>/<remote>` (`scratch/<launch>/<name>`) into `folder` under its last name, digest checked."""

    def close(self) -> None: ...


def resolve(board: Json) -> Json:
    """The board's fields with what the user's OpenSSH configuration adds to them; a local board passes through."""
    if board.get("local"):
        return board
    from farm_orchestrator.transport import openssh

    return openssh.resolve(board)


def open_channel(spec: Json, farm_home: Path) -> Channel:
    """Opens the board of a resolved `spec`; raises the BoardError that says why it cannot."""
    if spec.get("local"):
        from farm_orchestrator.transport.local import LocalChannel

        return LocalChannel(spec)
    from farm_orchestrator.transport.ssh import SshChannel

    return SshChannel(spec, farm_home)


def offered_key(spec: Json, farm_home: Path | None = None) -> OfferedKey:
    """The host key a board offers, for enrolment; gateways on the way must be known already."""
    from farm_orchestrator.transport.connect import offered_key as offered

    return offered(spec, farm_home)
