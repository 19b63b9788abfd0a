"""The log of a worker: JSON lines with the ids of what they are about, plain words on a terminal; never a password."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

PLAIN = "%(asctime)s %(levelname)s %(name)s%(ids)s: %(message)s"
OURS = "farm_orchestrator"
IDS = ("run", "board", "launch")
MASK = r"\1***"
SECRETS = (
    re.compile(r"(://[^\s/@:]*:)[^\s/]+(?=@)"),
    re.compile(
        r"""(?i)((?:password|passwd|sslpassword|token|secret)['"]?\s*[=:]\s*)(?:'[^']*'|"[^"]*"|['"]?[^\s'"&,;]+)"""
    ),
)
ABOUT: ContextVar[dict[str, object]] = ContextVar("about", default={})  # noqa: B039 - is never changed, only replaced


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Whatever this thread logs meanwhile carries these ids: of a run, a board, a launch."""
    token = ABOUT.set({**ABOUT.get(), **ids})
    try:
        yield
    finally:
        ABOUT.reset(token)


def set_up(stream: TextIO | None = None, level: int = logging.INFO, *, plain: bool | None = None) -> None:
    """Once, at the start of a worker. `level`: of our own words; libraries are heard from a warning on.

    `plain`: None for plain words on a terminal alone. Files are rotated by whoever gave us the stream.
    """
    out = sys.stderr if stream is None else stream
    heard = logging.StreamHandler(out)
    heard.setFormatter(Plain() if (out.isatty() if plain is None else plain) else JsonLines())
    heard.addFilter(_note_ids)
    logging.basicConfig(handlers=[heard], level=logging.WARNING, force=True)
    logging.getLogger(OURS).setLevel(level)


class JsonLines(logging.Formatter):
    """time, level, logger, text, and of run, board, launch those that are known; a traceback is one string."""

    def format(self, record: logging.LogRecord) -> str:
        body: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": masked(record.getMessage()),
            **{name: value for name, value in getattr(record, "about", {}).items() if name in IDS},
        }
        if record.exc_info:
            body["traceback"] = masked(self.formatException(record.exc_info))
        return json.dumps(body, default=str)


class Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__(PLAIN)

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def masked(text: str) -> str:
    """Without what looks like a password in an address or a setting: libraries quote what they were given."""
    for shape in SECRETS:
        text = shape.sub(MASK, text)
    return text


def _note_ids(record: logging.LogRecord) -> bool:
    known = ABOUT.get()
    record.about = known
    record.ids = "".join(f" {name}={known[name]}" for name in IDS if name in known)
    return True
