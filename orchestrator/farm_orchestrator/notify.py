"""Tells a command or a webhook what changed: one JSON document, on its stdin or as the body of a POST."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, responses
from typing import IO
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from farm_orchestrator.config import Notify
from farm_orchestrator.environment import for_strangers
from farm_orchestrator.model import Json

TIMEOUT_S = 20.0
COMMAND_S = 60.0
TRIES = 3
PAUSE_S = 1.0
HEADERS = {"Content-Type": "application/json", "User-Agent": "benchfarm"}
SAID = 200  # characters of what a command or a server answered


class NotTold(Exception):
    """Why the document did not arrive; no secret in it. `again`: another try may go better."""

    def __init__(self, text: str, *, again: bool = False) -> None:
        super().__init__(text)
        self.again = again


@dataclass(frozen=True)
class Way:
    """`name` shows no secret."""

    name: str
    send: Callable[[bytes], None]


def notify(document: Json, to: Notify) -> list[str]:
    """What went wrong, a sentence for each way that failed; the others are tried all the same."""
    body = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    return [told for way in _ways(to) if (told := _tried(way, body)) is not None]


def webhook_name(url: str) -> str:
    """Of a webhook as much as may be shown: its path and its query are often the secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/..."


def _ways(to: Notify) -> Iterator[Way]:
    if to.command:
        yield Way(f"the command {to.command[0]}", lambda body: _run(to.command, body))
    if to.webhook is not None:
        url = to.webhook
        yield Way(f"the webhook {webhook_name(url)}", lambda body: _post(url, body))


def _tried(way: Way, body: bytes) -> str | None:
    for left in reversed(range(TRIES)):
        try:
            way.send(body)
        except NotTold as error:
            if not left or not error.again:
                return f"{way.name} was not told: {error}"
            time.sleep(PAUSE_S)
        else:
            return None
    raise AssertionError("the last try returns")


def _run(words: tuple[str, ...], body: bytes) -> None:
    env = for_strangers()
    try:
        done = subprocess.run(list(words), input=body, capture_output=True, timeout=COMMAND_S, check=False, env=env)
    except subprocess.TimeoutExpired:
        raise NotTold(f"it did not end within {COMMAND_S:g} s") from None
    except OSError as error:
        raise NotTold(f"it cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        raise NotTold(f"it ended with {done.returncode}: {_line(done.stderr or done.stdout)}")


def _post(url: str, body: bytes) -> None:
    address, login = _apart(url)
    request = Request(address, data=body, headers={**HEADERS, **login})  # noqa: S310 - the setting was checked: http or https
    try:
        with build_opener(_NoRedirect()).open(request, timeout=TIMEOUT_S) as answer:
            answer.read(SAID)
    except HTTPError as error:
        error.close()  # its own words stay unread: they may show the path, which is the secret
        raise NotTold(
            f"it answered {error.code} {responses.get(error.code, '')}".rstrip(), again=error.code >= 500
        ) from None
    except OSError as error:  # from None: the URL may stand in the error's own text
        raise NotTold(_line(str(getattr(error, "reason", error)).encode()), again=True) from None
    except (HTTPException, UnicodeError) as error:  # its text is what the server said, or the URL
        raise NotTold(
            f"it was not understood: {type(error).__name__}", again=isinstance(error, HTTPException)
        ) from None


def _apart(url: str) -> tuple[str, dict[str, str]]:
    """A login in a URL is a header to the server."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    if not login:
        return url, {}
    return urlunsplit(parts._replace(netloc=host)), {
        "Authorization": f"Basic {b64encode(unquote(login).encode()).decode()}"
    }


class _NoRedirect(HTTPRedirectHandler):
    """A POST that is sent on becomes a GET without a body: nobody would be told."""

    def redirect_request(  # noqa: PLR0917 - the signature is urllib's
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        del req, fp, code, msg, headers, newurl


def _line(said: bytes) -> str:
    text = " ".join(said.decode("utf-8", "replace").split())
    return "".join(each for each in text if each.isprintable())[:SAID]
