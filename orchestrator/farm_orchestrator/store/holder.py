"""Which process keeps a database file from being written, where the system tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOCKS, PROCESSES = Path("/proc/locks"), Path("/proc")
WRITE_BYTE = b"120"  # of FILE-shm: SQLite locks it for as long as a transaction writes
COMMAND_SHOWN = 80


@dataclass(frozen=True)
class Holder:
    """`stopped`: it got a SIGSTOP (or a Ctrl-Z), so it keeps what it holds."""

    pid: int
    command: str
    stopped: bool

    def __str__(self) -> str:
        return f"process {self.pid} ({'stopped: ' if self.stopped else ''}{self.command})"


def holder(path: Path) -> Holder | None:
    """None where nobody writes, or where there is no /proc. Only looks: a lock that was tried would be a lock taken."""
    try:
        pid = _writer(path.with_name(f"{path.name}-shm").stat().st_ino)
        return None if pid is None else _process(pid)
    except (OSError, ValueError, IndexError):
        return None


def _writer(inode: int) -> int | None:
    """A line of /proc/locks: `7: POSIX ADVISORY WRITE pid major:minor:inode first last`."""
    for line in LOCKS.read_bytes().splitlines():
        _, *what, pid, place, first, last = line.split()
        found = (what, place.rsplit(b":", 1)[-1], first, last)
        if found == ([b"POSIX", b"ADVISORY", b"WRITE"], b"%d" % inode, WRITE_BYTE, WRITE_BYTE):
            return int(pid)
    return None


def _process(pid: int) -> Holder:
    place = PROCESSES / str(pid)
    state = (place / "stat").read_bytes().rsplit(b")", 1)[1].split()[0]
    words = (place / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").split()
    return Holder(pid, " ".join(words)[:COMMAND_SHOWN], state in {b"T", b"t"})
