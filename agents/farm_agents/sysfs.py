"""Reads the board's /sys and /proc below one root; nothing is ever written."""

import errno
import glob
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from typing import List, Optional, Sequence, Set, Tuple

CPU = "sys/devices/system/cpu"
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}
FILE_LIMIT = 1 << 16
WORD_LIMIT = 64  # characters of what becomes a fact
WORDS_LIMIT = 256  # a list of clocks has a dozen
INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")  # of 64 bits


@dataclass(frozen=True)
class Sysfs:
    """All paths lie under `root`, so that a recorded or simulated tree can stand in for the board's."""

    root: str = "/"

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def content(self, name: str) -> bytes:
        """Raises OSError: a sensor that is switched off fails to read."""
        with open(self.path(name), "rb", opener=_at_once) as file:
            return file.read(FILE_LIMIT) or b""

    def read(self, name: str) -> Tuple[Optional[str], Optional[str]]:
        """The stripped text of a file and no error, or no text and the name of the error."""
        try:
            return self.content(name).replace(b"\0", b"").decode("utf-8", "replace").strip(), None
        except OSError as error:
            return None, _named(error)

    def text(self, name: str) -> Optional[str]:
        """None where it cannot be read."""
        return self.read(name)[0]

    def number(self, name: str) -> Optional[int]:
        return integer(self.text(name))

    def word(self, name: str) -> Optional[str]:
        """A short name in print, as it may become a fact; None where there is none."""
        return short(self.text(name)) or None

    def words(self, name: str) -> List[str]:
        return list(filter(None, map(short, (self.text(name) or "").split()[:WORDS_LIMIT])))

    def strings(self, name: str) -> List[str]:
        """Of a file of the device tree, where each ends with a zero."""
        try:
            pieces = self.content(name).split(b"\0")
        except OSError:
            return []
        return [short(piece.decode("utf-8", "replace")) for piece in pieces[:WORDS_LIMIT] if piece.strip()]

    def writable(self, name: str) -> bool:
        """By its mode too: root is told that it may write anything, and the kernel then refuses."""
        try:
            mode = os.stat(self.path(name)).st_mode
        except OSError:
            return False
        return stat.S_ISREG(mode) and bool(mode & 0o222) and os.access(self.path(name), os.W_OK)

    def entries(self, folder: str) -> List[str]:
        """Names in a folder, sorted; none where it cannot be read."""
        try:
            return sorted(os.listdir(self.path(folder)))
        except OSError:
            return []

    def names(self, folder: str, prefix: str) -> List[str]:
        """Entries such as policy0, policy4 in the order of their numbers."""
        found = [entry for entry in self.entries(folder) if re.match(prefix + r"[0-9]{1,9}\Z", entry)]
        return sorted(found, key=lambda entry: int(entry[len(prefix) :]))

    def matching(self, pattern: str) -> List[str]:
        """Paths below the root that fit a glob, sorted."""
        found = glob.glob(os.path.join(glob.escape(self.root), pattern))
        return sorted(os.path.relpath(path, self.root) for path in found)

    def real(self, name: str) -> str:
        """The path below the root without links."""
        return os.path.relpath(os.path.realpath(self.path(name)), os.path.realpath(self.root))


def _at_once(path: str, flags: int) -> int:
    """A FIFO in the way must not hold anybody up."""
    return os.open(path, flags | os.O_NONBLOCK)


def _named(error: OSError) -> str:
    """A tree that was laid out again closes a file by a link to itself."""
    return errno.errorcode.get(errno.EACCES if error.errno == errno.ELOOP else error.errno or errno.EIO, "EIO")


def integer(text: Optional[str]) -> Optional[int]:
    return int(text) if text and INTEGER.match(text) else None


def short(text: Optional[str]) -> str:
    return "".join(c if c.isprintable() else " " for c in (text or "")[:WORD_LIMIT]).strip()


def apart(found: Sequence[Tuple[str, str]]) -> List[str]:
    """Of names and their folders: what several have, such as four coolers called Processor, with its folder's name."""
    often = Counter(name for name, _ in found)
    return [name if often[name] == 1 else "{}@{}".format(name, folder) for name, folder in found]


def cpu_list(text: str) -> List[int]:
    """[0, 1, 2, 6] of 0-2,6. Raises ValueError."""
    found: Set[int] = set()
    for piece in text.replace(" ", ",").split(","):
        first, dash, last = piece.partition("-")
        if piece:
            found.update(range(int(first), min(int(last if dash else first), 4096) + 1))
    return sorted(found)


def last_level_cache_bytes(sysfs: Sysfs, cpus: Sequence[int]) -> Optional[int]:
    """The largest cache that one of these CPUs reaches; None where it is not told."""
    folders = ["{}/cpu{}/cache".format(CPU, cpu) for cpu in cpus]
    return max((_cache_bytes(sysfs, folder + "/" + index) for folder in folders
                for index in sysfs.names(folder, "index")), default=0) or None  # fmt: skip


def _cache_bytes(sysfs: Sysfs, folder: str) -> int:
    size = re.match(r"([0-9]{1,9})([KM]?)\Z", sysfs.text(folder + "/size") or "")
    return int(size.group(1)) * UNITS[size.group(2)] if size else 0
