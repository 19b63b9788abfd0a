"""The bytes' way to a machine: a TCP socket tuned to notice a dead peer, or the user's ProxyCommand."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import BoundedSemaphore

import paramiko

from farm_orchestrator.errors import Unreachable
from farm_orchestrator.model import Json
from farm_orchestrator.transport.hostkeys import board_of, label

BROKEN = (OSError, EOFError, paramiko.SSHException)  # what paramiko raises of a connection that is no more
USER_TIMEOUT_MS = 5000
TCP_USER_TIMEOUT = 18
GRACE_S = 2.0


@dataclass(frozen=True)
class Road:
    """`turn` is held during the handshake, `pushes` during a push; `close` ends all that the road is made of."""

    sock: socket.socket | paramiko.Channel
    close: Callable[[], None]
    turn: AbstractContextManager[object] = field(default_factory=nullcontext)
    pushes: tuple[BoundedSemaphore, ...] = ()


def direct(spec: Json) -> Road:
    """Raises Unreachable."""
    where = (str(spec["host"]), int(spec["port"]))
    try:
        sock = socket.create_connection(where, timeout=float(spec["ssh"]["connect_timeout_s"]))
    except OSError as error:
        raise Unreachable(
            board_of(spec),
            f"{label(spec)} cannot be reached at {where[0]} port {where[1]}: {error.strerror or error}",
            mend="is it switched on, is its address right, does `ssh` reach it?",
        ) from error
    tune(sock)
    return Road(sock, sock.close)


def tune(sock: socket.socket) -> None:
    """A peer that fell silent is given up after 5 s; paramiko's own keepalive never gives up."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 2), ("TCP_KEEPALIVE", 2), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    sock.settimeout(None)


def by_command(spec: Json) -> Road:
    """The user's own ProxyCommand, run by a shell as ssh runs it; the board's `proxy_command: allow` was checked."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {spec['ssh']['proxy_command']}"],
            stdin=theirs.fileno(), stdout=theirs.fileno(), start_new_session=True,
        )  # fmt: skip

    def close() -> None:
        ours.close()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    return Road(ours, close)
