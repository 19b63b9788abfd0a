"""Short commands over a connection that we verified ourselves, run by fabric; never used for streams."""

import contextlib
import io
from typing import Any

import paramiko
from fabric import Config, Connection
from fabric.runners import Remote
from invoke.exceptions import CommandTimedOut

from farm_orchestrator.transport import ExecResult

OUTPUT_LIMIT = 1 << 20
ENCODING = "latin-1"  # one character for each byte, so bytes come through as they are


class Whole(io.StringIO):
    """Stdin in one read; fabric asks for one character every 10 ms."""

    def read(self, _size: int | None = -1, /) -> str:
        return super().read(-1)


class Capped(Remote):  # type: ignore[misc]  # fabric has no types
    """Keeps the first 1 MiB of each output and lets the rest pass."""

    read_chunk_size = 65536

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room = {"out": OUTPUT_LIMIT, "err": OUTPUT_LIMIT}

    def read_proc_stdout(self, num_bytes: int) -> bytes:
        return self._keep("out", self.channel.recv, num_bytes)

    def read_proc_stderr(self, num_bytes: int) -> bytes:
        return self._keep("err", self.channel.recv_stderr, num_bytes)

    def stop(self) -> None:
        """Without fabric's reset of the terminal's resize signal, which belongs to the live view."""
        if self._timer:
            self._timer.cancel()
        if hasattr(self, "channel"):  # there is none where the link broke before
            self.channel.close()

    def _keep(self, name: str, receive: Any, num_bytes: int) -> bytes:
        while piece := bytes(receive(num_bytes)):
            kept = piece[: self._room[name]]
            self._room[name] -= len(kept)
            if kept:
                return kept
        return b""

    def _write_proc_stdin(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a command may end before it has read everything
            self.channel.sendall(data)


class Verified(Connection):  # type: ignore[misc]  # as above
    """Never connects by itself: fabric would not check the host key as we do."""

    def open(self) -> None:
        if not self.is_connected:
            raise EOFError("the connection is closed")


def connection(client: paramiko.SSHClient, host: str) -> Verified:
    """Fabric around `client`: no configuration file is read, no key is looked up, no agent is forwarded."""
    config = Config(lazy=True, ssh_config=paramiko.SSHConfig(), overrides={"runners": {"remote": Capped}})
    wrapped = Verified(host, user="-", port=1, config=config, connect_kwargs={}, forward_agent=False, gateway=False)
    wrapped.client = client
    wrapped.transport = client.get_transport()
    return wrapped


def run(wrapped: Verified, command: str, stdin: bytes, timeout_s: float) -> ExecResult:
    """Raises TimeoutError where the command is not done in time."""
    try:
        done = wrapped.run(
            command, hide=True, warn=True, pty=False, echo=False, encoding=ENCODING,
            in_stream=Whole(stdin.decode(ENCODING)), timeout=timeout_s,
        )  # fmt: skip
    except CommandTimedOut as error:
        raise TimeoutError(f"not done in {timeout_s:g} s") from error
    return ExecResult(done.exited, done.stdout.encode(ENCODING), done.stderr.encode(ENCODING))
