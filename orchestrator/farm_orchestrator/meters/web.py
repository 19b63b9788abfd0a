"""JSON from a meter's little web server: no redirect is followed, no password stands in a URL."""

import http.client
import io
import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from farm_orchestrator.meters import exchange
from farm_orchestrator.meters.login import Login, answer_to
from farm_orchestrator.meters.meter import Clock, Json, MeterError

LENGTH = re.compile(rb"^content-length:\s*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)
CHUNKED = re.compile(rb"^transfer-encoding:\s*chunked", re.IGNORECASE | re.MULTILINE)
QUOTE = 60
MOST_W = 1e6


@dataclass(frozen=True)
class Answer:
    """A document, when the middle of the exchange was, and how long it took, on this machine's CLOCK_MONOTONIC."""

    body: Json
    t_mid_ns: int
    took_ns: int


@dataclass(frozen=True)
class Page:
    """One answer of the server; `challenge`: how it wants to be told who asks."""

    status: int
    challenge: str
    body: bytes
    t_mid_ns: int
    took_ns: int


class Web:
    """One server; a connection for each question, because such servers hold few."""

    def __init__(self, host: str, port: int, login: Login | None, clock_ns: Clock = time.monotonic_ns) -> None:
        self.host = host
        self.port = port
        self.login = login
        self.clock_ns = clock_ns
        self.where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def get(self, path: str) -> Answer:
        """The JSON object at `path`. Raises MeterError."""
        page = self._page(path)
        if page.status == http.client.UNAUTHORIZED and self.login:
            page = self._page(path, {"Authorization": answer_to(page.challenge, self.login, path)})
        return self.checked(page)

    def checked(self, page: Page) -> Answer:
        """Its document. Raises MeterError where it is none."""
        self._check(page)
        return Answer(self._document(page.body), page.t_mid_ns, page.took_ns)

    def _page(self, path: str, more: Mapping[str, str] | None = None) -> Page:
        """`Referer`: Tasmota answers only to what came from its own pages, or so it is told."""
        headers = {"Host": self.where, "Referer": f"http://{self.host}/", "Accept": "application/json",
                   "Connection": "close", **(more or {})}  # fmt: skip
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        with exchange.connect(self.host, self.port) as link:
            began = self.clock_ns()
            said = exchange.ask(link, "\r\n".join(lines).encode(), _whole)
            took = self.clock_ns() - began
        return self.parsed(said, began + took // 2, took)

    def parsed(self, said: bytes, t_mid_ns: int, took_ns: int) -> Page:
        """What was received, as HTTP. Raises MeterError."""
        if not said:
            raise MeterError("gone", f"{self.where} closed the connection without a word")
        response = http.client.HTTPResponse(cast("socket.socket", _Said(said)))
        try:
            response.begin()
            body = response.read()
        except http.client.IncompleteRead as error:
            raise MeterError("half", f"{self.where} ended in the middle, after {len(error.partial)} bytes") from None
        except (http.client.HTTPException, ValueError):
            raise MeterError("nonsense", f"{self.where} speaks no HTTP: {said[:QUOTE]!r}") from None
        return Page(response.status, response.getheader("WWW-Authenticate") or "", body, t_mid_ns, took_ns)

    def _check(self, page: Page) -> None:
        if 300 <= page.status < 400:
            raise MeterError("redirect", f"{self.where} sends elsewhere; farm asks nobody but the meter itself")
        if page.status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            told = "refused the login of ~/.netrc" if self.login else "wants a login"
            raise MeterError("password", f"{self.where} {told}; {_netrc(self.host)}")
        if page.status != http.client.OK:
            raise MeterError("status", f"{self.where} answered with HTTP status {page.status}")

    def _document(self, body: bytes) -> Json:
        try:
            found = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, ArithmeticError, RecursionError):
            start = body.strip()[:QUOTE]
            kind, what = ("html", "HTML") if start.startswith(b"<") else ("nonsense", "no JSON")
            raise MeterError(kind, f"{self.where} answered with {what}: {start!r}") from None
        if not isinstance(found, dict):
            raise MeterError("nonsense", f"{self.where} answered with JSON that is no object")
        return found


def number(found: Any, what: str) -> float:
    """A finite number of the document. Raises MeterError."""
    if type(found) not in (int, Decimal) or not isfinite(value := float(found)):
        raise MeterError("nonsense", f"{what} is no number: {str(found)[:QUOTE]!r}")
    return value


def watts(found: Any, what: str) -> float:
    value = number(found, what)
    if abs(value) > MOST_W:
        raise MeterError("nonsense", f"{what} says {value:g} W")
    return value


def inside(document: Any, *path: str | int) -> Any:
    """What lies there, or None."""
    for step in path:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def _whole(said: bytes) -> bool:
    """Whether the body is there, by what the head says of it; else the end of the connection says so."""
    head, sign, body = said.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    if not sign:
        return False
    if CHUNKED.search(head):
        return body.endswith(b"0\r\n\r\n")
    return length is not None and len(body) >= int(length[1])


def _no_number(text: str) -> float:
    raise ValueError(text)


def _netrc(host: str) -> str:
    return f"write `machine {host} login admin password WORD` into ~/.netrc (chmod 600)"


class _Said:
    """What was received, as the standard library's reader of HTTP wants it."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self.said)
