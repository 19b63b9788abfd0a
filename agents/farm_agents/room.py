"""Room on the board's disk: what no launch has used for longest leaves the content store first."""

import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import AbstractSet, Iterator, List, Sequence, Tuple

from farm_agents.place import Place, clear_scratch
from farm_agents.wire import Evicted

STORED = re.compile(r"^(?P<sha256>[0-9a-f]{64})(?P<part>\.part\..+)?\Z")
STALE_S = 7 * 86400.0  # half-sent files that nobody resumed for so long
KEEP_FREE = 200 << 20
BLOCK = 512  # the unit of st_blocks


@dataclass(frozen=True)
class Stored:
    """A file of the content store. `used_ns`: when it was last wanted; `frees`: bytes that its end gives back."""

    path: str
    sha256: str
    used_ns: int
    frees: int


def make(where: Place, wanted: int, keep: AbstractSet[str], laid: AbstractSet[str]) -> Evicted:
    """Room for a file of `wanted` bytes, as far as files outside `keep` can give it; variants `laid` stay laid out.

    A push was refused before this is asked for: where the disk claims to have room, a quota stands in the way, and as
    many bytes go as are wanted. Raises OSError.
    """
    full = lack(where, wanted) > 0
    remove_links(where, laid)
    clear_scratch(where)
    stale = stale_parts(where, keep, time.time())
    remove(stale)
    rest = [file for file in stored(where) if file.sha256 not in keep]
    gone = oldest(rest, lack(where, wanted) if full else wanted)
    remove(gone)
    return Evicted(len(stale) + len(gone), sum(file.frees for file in (*stale, *gone)), free_bytes(where))


def lack(where: Place, wanted: int) -> int:
    """Bytes that are missing to a file of `wanted` bytes beside the reserve; none where it is not above 0."""
    disk = os.statvfs(where.base)
    return wanted + reserve(disk.f_blocks * disk.f_frsize) - disk.f_bavail * disk.f_frsize


def reserve(total: int) -> int:
    """What a push leaves free: a tenth, at least 200 MiB, but never more than half of a small disk."""
    return min(max(total // 10, KEEP_FREE), total // 2)


def free_bytes(where: Place) -> int:
    disk = os.statvfs(where.base)
    return disk.f_bavail * disk.f_frsize


def oldest(files: Sequence[Stored], goal: int) -> List[Stored]:
    """As many of the least recently used ones as it takes to give back `goal` bytes."""
    chosen: List[Stored] = []
    for file in sorted(files, key=lambda file: (file.used_ns, file.sha256)):
        if goal <= 0:
            break
        if file.frees:
            chosen.append(file)
            goal -= file.frees
    return chosen


def stored(where: Place) -> List[Stored]:
    """Whole files; one with a link elsewhere (the farm's own store on this machine) would give nothing back."""
    return [
        Stored(path, name["sha256"], found.st_atime_ns, found.st_blocks * BLOCK if found.st_nlink == 1 else 0)
        for path, name, found in _entries(where)
        if name["part"] is None
    ]


def stale_parts(where: Place, keep: AbstractSet[str], now_s: float) -> List[Stored]:
    """Parts of files in `keep` are never stale: the push that was refused will resume one."""
    return [
        Stored(path, name["sha256"], found.st_mtime_ns, found.st_blocks * BLOCK)
        for path, name, found in _entries(where)
        if name["part"] and name["sha256"] not in keep and now_s - found.st_mtime > STALE_S
    ]


def remove(files: Sequence[Stored]) -> None:
    for file in files:
        with suppress(FileNotFoundError):  # another orchestrator's push has finished its part meanwhile
            os.unlink(file.path)


def remove_links(where: Place, laid: AbstractSet[str]) -> None:
    """Folders of variants that nobody needs now: laying them out again costs links, not a push."""
    for folder, names, _ in os.walk(where.variant("")):
        for old in names:
            if old not in laid:
                shutil.rmtree(os.path.join(folder, old))
        names.clear()  # of the folder itself only


def _entries(where: Place) -> "Iterator[Tuple[str, re.Match[str], os.stat_result]]":
    """What pushes have put into the store, with its name taken apart; anything else there is not ours."""
    for folder, _, names in os.walk(where.cas("")):
        for entry in names:
            name, path = STORED.match(entry), os.path.join(folder, entry)
            if name and path.startswith(where.cas(name["sha256"])) and not os.path.islink(path):
                with suppress(FileNotFoundError):
                    yield path, name, os.stat(path)
