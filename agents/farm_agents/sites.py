"""Runtimes that lie on the board beside the interpreter's own: which there are, and which one this agent runs."""

import json
import os
import re
import sys
from dataclasses import dataclass, field
from typing import List, Optional

from farm_agents.place import Place
from farm_agents.wire import Json

FORMAT = "farm.runtime/1"
DEFAULT = "default"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")
DOCUMENT_LIMIT = 1 << 16


class NoSite(Exception):
    """The runtime that was asked for cannot be used; the text says why."""


@dataclass(frozen=True)
class Site:
    """A runtime's folder and document; None where the interpreter's own packages are meant. `beside`: all names."""

    folder: Optional[str] = None
    document: Optional[Json] = None
    beside: List[str] = field(default_factory=list)

    @property
    def words(self) -> List[str]:
        """What the command of a child gets so that it imports this runtime."""
        return [] if self.folder is None else ["--site", self.folder]


def choose(where: Place, name: Optional[str]) -> Site:
    """The runtime `name`, or the default one, or the interpreter's own where nothing was ever laid out.

    Raises NoSite: no such runtime, a spoilt one, one for another Python.
    """
    beside = names(where)
    wanted = name or DEFAULT
    if wanted not in beside:
        if name is not None:
            raise NoSite("there is no runtime {} on this board{}".format(name, _listed(beside)))
        return Site(beside=beside)
    document = read(path(where, wanted))
    folder = os.path.join(where.base, "sites", str(document["site"]))
    if not os.path.isdir(folder):
        raise NoSite("the folder of the runtime {} is gone: {}".format(wanted, folder))
    check_python(document, "{}.{}".format(*sys.version_info))
    return Site(folder, document, beside)


def names(where: Place) -> List[str]:
    """Of the runtimes with a document, sorted."""
    try:
        found = os.listdir(os.path.join(where.base, "runtimes"))
    except OSError:
        return []
    stems = [file[: -len(".json")] for file in found if file.endswith(".json")]
    return sorted(stem for stem in stems if NAME.match(stem))


def path(where: Place, name: str) -> str:
    return os.path.join(where.base, "runtimes", name + ".json")


def read(file: str) -> Json:
    """A document with its site and Python. Raises NoSite."""
    try:
        with open(file, encoding="utf-8") as source:
            document: Json = dict(json.loads(source.read(DOCUMENT_LIMIT)))
    except (OSError, ValueError, TypeError) as error:
        raise NoSite("{} cannot be read: {}".format(file, error)) from error
    if document.get("format") != FORMAT:
        raise NoSite("{} has the format {!r}, this agent reads {}".format(file, document.get("format"), FORMAT))
    if not DIGEST.match(str(document.get("site"))) or not isinstance(document.get("python"), str):
        raise NoSite("{} names no site and no Python".format(file))
    return document


def check_python(document: Json, here: str) -> None:
    """Compiled modules fit one minor version of Python only."""
    if document["python"] != here:
        text = "the runtime onnxruntime {} is for Python {}, the board's interpreter is Python {} ({})"
        raise NoSite(text.format(document.get("onnxruntime"), document["python"], here, sys.executable))


def _listed(beside: List[str]) -> str:
    return "; there are {}".format(", ".join(beside)) if beside else ""
