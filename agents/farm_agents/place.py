"""The agent's folder on the board: content store, variants, scratch, journal."""

import errno
import hashlib
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from farm_agents.spec import digest as checked_digest
from farm_agents.spec import name as checked_name
from farm_agents.wire import Json, Refused, WireError

CHUNK = 1 << 20
Stamp = Tuple[int, int, int]  # size, mtime in ns, inode


@dataclass(frozen=True)
class Place:
    """`base` is absolute; nothing outside it is written."""

    base: str

    def cas(self, sha256: str) -> str:
        return os.path.join(self.base, "cas", sha256[:2], sha256)

    def variant(self, sha256: str) -> str:
        return os.path.join(self.base, "variants", sha256)

    def scratch(self, launch: str = "") -> str:
        return os.path.join(self.base, "scratch", launch)

    @property
    def lock(self) -> str:
        return os.path.join(self.base, "lock")

    @property
    def limit(self) -> str:
        """Where the control group of a launch is noted: it outlives an agent that was killed."""
        return os.path.join(self.base, "limit")

    @property
    def journal(self) -> str:
        return os.path.join(self.base, "journal.jsonl")


def place(base: str) -> Place:
    """Raises WireError at a base that climbs or holds a NUL."""
    if not base or "\0" in base or ".." in base.split("/"):
        raise WireError("base {!r} is no folder the agent may use".format(base[:200]))
    return Place(os.path.abspath(base))


def stamp(path: str) -> Optional[Stamp]:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def sha256_of(path: str) -> str:
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            total.update(chunk)
    return total.hexdigest()


class Verdicts:
    """Digests already computed, good for as long as size, mtime and inode of a file stay the same."""

    def __init__(self, known: Sequence[Sequence[Any]] = ()) -> None:
        self.known: Dict[Stamp, str] = {(size, mtime, inode): sha256 for size, mtime, inode, sha256 in known}

    def holds(self, path: str, sha256: str) -> bool:
        now = stamp(path)
        if now is None:
            return False
        if now not in self.known:
            self.known[now] = sha256_of(path)
        return self.known[now] == sha256

    def rows(self) -> List[Tuple[int, int, int, str]]:
        """What JSON can carry to the runner."""
        return [(*stamp, sha256) for stamp, sha256 in self.known.items()]


@dataclass(frozen=True)
class Layout:
    """A variant's files as they must lie: name and sha256 each."""

    sha256: str
    files: Tuple[Tuple[str, str], ...]

    @property
    def digests(self) -> List[str]:
        return [sha256 for _, sha256 in self.files]


def layout(body: Json) -> Layout:
    """Raises WireError at a name or digest that could lead elsewhere."""
    try:
        files = tuple((checked_name(file["name"]), checked_digest(file["sha256"])) for file in body["files"])
        return Layout(checked_digest(body["sha256"]), files)
    except (KeyError, TypeError, ValueError) as error:
        raise WireError("variant in prepare: {}: {}".format(type(error).__name__, error)) from error


def stored(where: Place, sha256: str, verdicts: Verdicts) -> bool:
    """Whether a pushed file is there and whole; a spoilt one is removed, or the next push would believe its name."""
    path = where.cas(sha256)
    if verdicts.holds(path, sha256):
        return True
    if os.path.exists(path):
        os.unlink(path)
    return False


def prepare(where: Place, layouts: Sequence[Layout], files: Sequence[str], verdicts: Verdicts) -> List[str]:
    """Lays variants out and verifies files; gives the digests that are missing or spoilt. Raises OSError, WireError."""
    wanted = {sha256 for layout in layouts for sha256 in layout.digests}
    wanted.update(_checked(sha256) for sha256 in files)
    missing = sorted(sha256 for sha256 in wanted if not stored(where, sha256, verdicts))
    for sha256 in wanted.difference(missing):
        mark_used(where.cas(sha256))
    for layout in layouts:
        if not any(sha256 in missing for sha256 in layout.digests):
            lay_out(where, layout)
    return missing


def mark_used(path: str) -> None:
    """The time of last access is set by hand: many boards mount their cards with noatime."""
    with suppress(OSError):  # it decides which file goes first when room is short, nothing else
        os.utime(path, ns=(time.time_ns(), os.stat(path).st_mtime_ns))


def _checked(sha256: str) -> str:
    try:
        return checked_digest(sha256)
    except ValueError as error:
        raise WireError("file in prepare: {}".format(error)) from error


def refusal(error: OSError) -> Refused:
    """Why the board's disk will not do, in the wire's words."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    closed = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
    return Refused("disk_full" if full else "read_only" if closed else "io", str(error))


def files_of(where: Place, wanted: Layout) -> List[Tuple[str, str]]:
    """(path, sha256) of everything the variant consists of."""
    return [(os.path.join(where.variant(wanted.sha256), name), sha256) for name, sha256 in wanted.files]


def lay_out(where: Place, wanted: Layout) -> None:
    """Hard links under the original names, because external data is found beside the model; nothing else stays."""
    folder = where.variant(wanted.sha256)
    os.makedirs(folder, exist_ok=True)
    names = dict(wanted.files)
    for old in os.listdir(folder):
        if old not in names:
            os.unlink(os.path.join(folder, old))
    for name, sha256 in wanted.files:
        _link(where.cas(sha256), os.path.join(folder, name))


def _link(source: str, target: str) -> None:
    if os.path.exists(target) and os.path.samefile(source, target):
        return
    fresh = target + ".new"
    if os.path.lexists(fresh):
        os.unlink(fresh)
    try:
        os.link(source, fresh)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
            raise
        shutil.copyfile(source, fresh)  # a file system without hard links
    os.replace(fresh, target)


def clear_scratch(where: Place, keep: str = "") -> None:
    """Removes what earlier launches left."""
    folder = where.scratch()
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        if old != keep:
            path = os.path.join(folder, old)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def note(where: Place, launch: str, fence: int, event: str) -> None:
    """A start or end line in the journal, whole or not at all. Raises OSError."""
    said = {"t_ns": time.monotonic_ns(), "launch": launch, "fence": fence, "event": event}
    with open(where.journal, "a+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        torn = size and os.pread(file.fileno(), 1, size - 1) != b"\n"  # by a power cut
        line = (b"\n" if torn else b"") + json.dumps(said).encode() + b"\n"
        if file.write(line) != len(line):  # a disk takes what it has room for
            os.ftruncate(file.fileno(), size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), where.journal)


def close_journal(where: Place) -> None:
    """An agent that was killed left a start without its end; whoever holds the lock knows that it has ended."""
    last = _last_line(where.journal)
    if last and last.get("event") == "start":
        note(where, str(last.get("launch")), int(last.get("fence", 0)), "end")


def _last_line(path: str) -> Optional[Json]:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - 4096))
            lines: Sequence[bytes] = file.read().split(b"\n")
    except OSError:
        return None
    whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"}")]
    return _json(whole[-1]) if whole else None


def _json(line: bytes) -> Optional[Json]:
    try:
        return dict(json.loads(line.decode()))
    except ValueError:
        return None
