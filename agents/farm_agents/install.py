"""Lays a pushed runtime out on the board, tries it, and only then says that it is there; nothing is left of a failure."""

import fcntl
import json
import os
import shutil
import sys
import tarfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import List, Optional, Tuple

from farm_agents import place, probe, sites
from farm_agents.place import Place
from farm_agents.spec import digest as checked_digest
from farm_agents.wire import Json, WireError

FRESH = ".fresh-"  # how a folder that is still being filled begins


class Refusal(Exception):
    """`reason`: one of the wire's words; `code`: how the trial of the runtime ended."""

    def __init__(self, reason: str, detail: str, code: Optional[int] = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail[:2000]
        self.code = code


@dataclass(frozen=True)
class Order:
    """What to lay out. `site` None: only try the interpreter's own packages. `names`: of the documents, the last one
    written last; `link`: what `<base>/python/bin/python3` shall be, None: it stays.
    """

    where: Place
    site: Optional[str]
    document: Json
    names: Tuple[str, ...]
    link: Optional[str]


def main() -> int:
    """One JSON line in, one out: {"found": what the trial said, "made": bool} or {"refused", "detail", "code"}."""
    sys.stdout.write(json.dumps(answer(sys.stdin.read())) + "\n")
    return 0


def answer(text: str) -> Json:
    try:
        return fulfil(order(text))
    except Refusal as refusal:
        return {"refused": refusal.reason, "detail": refusal.detail, "code": refusal.code}
    except WireError as error:
        return {"refused": "wire", "detail": str(error), "code": None}
    except OSError as error:
        refused = place.refusal(error)
        return {"refused": refused.reason, "detail": refused.detail, "code": None}


def order(text: str) -> Order:
    """Raises WireError at anything that could lead elsewhere."""
    try:
        body = json.loads(text)
        site = None if body["site"] is None else checked_digest(body["site"])
        names = tuple(str(name) for name in body["names"])
        link = None if body["link"] is None else str(body["link"])
        found = Order(place.place(body["base"]), site, dict(body["document"]), names, link)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError("order: {}: {}".format(type(error).__name__, error)) from error
    if not all(sites.NAME.match(name) for name in names):
        raise WireError("order: a runtime cannot be named {!r}".format(names))
    return found


def fulfil(wanted: Order) -> Json:
    """Raises Refusal, OSError."""
    where, made = wanted.where, False
    os.makedirs(where.base, exist_ok=True)
    with ExitStack() as ends:
        ends.callback(os.close, take_lock(where))
        with ExitStack() as undo:
            folder = None
            if wanted.site is not None:
                folder, made = lay_out(where, wanted.site, undo)
            found = try_out(folder)
            if wanted.link is not None:
                link_python(where, wanted.link)
            for name in wanted.names:
                write(
                    sites.path(where, name),
                    {**wanted.document, "format": sites.FORMAT, "onnxruntime": found["onnxruntime"]},
                )
            undo.pop_all()
    return {"found": found, "made": made}


def take_lock(where: Place) -> int:
    """The lock of whoever measures: no runtime is laid out beside a timed slot. Raises Refusal."""
    fd = os.open(where.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise Refusal("busy", "a run measures on this board") from error
    return fd


def lay_out(where: Place, site: str, undo: ExitStack) -> Tuple[str, bool]:
    """The runtime's folder, complete, and whether it was made now; `undo` takes it away again, its archive too."""
    folder = os.path.join(where.base, "sites", site)
    fresh = os.path.join(where.base, "sites", FRESH + site)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    sweep(os.path.dirname(folder))
    if os.path.isdir(folder):
        return folder, False
    if not os.path.exists(where.cas(site)):
        raise Refusal("missing", "{} was not pushed".format(where.cas(site)))
    undo.callback(remove, where.cas(site))
    undo.callback(remove, fresh)
    unpack(where.cas(site), fresh)
    os.sync()  # a folder whose name survives a power cut must hold what it says
    os.rename(fresh, folder)
    undo.callback(remove, folder)
    return folder, True


def sweep(folder: str) -> None:
    """What an earlier attempt left that was cut off; whoever holds the lock knows that it has ended."""
    for old in os.listdir(folder):
        if old.startswith(FRESH):
            shutil.rmtree(os.path.join(folder, old))


def remove(path: str) -> None:
    with suppress(OSError):
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def unpack(archive: str, folder: str) -> None:
    """Plain files with plain names. Raises Refusal, OSError."""
    try:
        with tarfile.open(archive, "r:gz") as source:
            for member in source:
                parts = member.name.split("/")
                content = source.extractfile(member)
                if content is None or not member.isreg() or not all(part.strip(".") for part in parts):
                    raise Refusal("io", "the archive holds {!r}".format(member.name[:200]))
                target = os.path.join(folder, *parts)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "wb") as file:
                    shutil.copyfileobj(content, file, place.CHUNK)
    except (tarfile.TarError, EOFError) as error:
        raise Refusal("io", "the archive cannot be read: {}".format(error)) from error


def try_out(folder: Optional[str]) -> Json:
    """What a fresh process says that imports the runtime and runs one operator. Raises Refusal."""
    words: List[str] = [] if folder is None else ["--site", folder]
    found = probe.ask([sys.executable, "-I", os.path.abspath(sys.argv[0]), "probe", *words])
    if "error" in found:
        raise Refusal("no_runtime", str(found["error"]), found["code"])
    return found


def link_python(where: Place, target: str) -> None:
    folder = os.path.join(where.base, "python", "bin")
    os.makedirs(folder, exist_ok=True)
    fresh = os.path.join(folder, ".python3.new")
    with suppress(FileNotFoundError):
        os.unlink(fresh)
    os.symlink(target, fresh)
    os.replace(fresh, os.path.join(folder, "python3"))


def write(path: str, document: Json) -> None:
    """Whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = path + ".new"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(json.dumps(document, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
