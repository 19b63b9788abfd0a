"""Bytes to a meter and back over TCP: a deadline for the connection, one for the whole answer, and a limit of its size."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from farm_orchestrator.meters.meter import MeterError

WITHIN_S = 2.0
ANSWER_LIMIT = 256 << 10
CHUNK = 1 << 14


@contextmanager
def named(where: str) -> Iterator[None]:
    """What the network says, as a reason."""
    try:
        yield
    except TimeoutError:
        raise MeterError("timeout", f"{where} gave no answer within {WITHIN_S:g} s") from None
    except ConnectionRefusedError:
        raise MeterError("refused", f"nothing listens on {where}") from None
    except socket.gaierror as error:
        raise MeterError("unknown_host", f"{where}: {error.strerror}") from None
    except OSError as error:
        raise MeterError("gone", f"{where}: {error.strerror or error}") from None


def connect(host: str, port: int) -> socket.socket:
    with named(f"{host}:{port}"):
        return socket.create_connection((host, port), timeout=WITHIN_S)


def ask(link: socket.socket, request: bytes, whole: Callable[[bytes], bool]) -> bytes:
    """The answer: as soon as it is `whole`, or the other side has said all. Raises MeterError."""
    where, until = _peer(link), time.monotonic() + WITHIN_S
    said = b""
    with named(where):
        link.settimeout(WITHIN_S)
        link.sendall(request)
        while not whole(said) and (piece := _piece(link, until)):
            said += piece
            if len(said) > ANSWER_LIMIT:
                raise MeterError("too_large", f"{where} answered with more than {ANSWER_LIMIT >> 10} KiB")
    return said


def _piece(link: socket.socket, until: float) -> bytes:
    """A drop now and then does not make the deadline later."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    link.settimeout(left)
    return link.recv(CHUNK)


def _peer(link: socket.socket) -> str:
    try:
        host, port, *_ = link.getpeername()
    except OSError:
        return "the meter"
    return f"{host}:{port}"
