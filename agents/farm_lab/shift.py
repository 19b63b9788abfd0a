"""The wall clock of a board's sessions, moved by libfaketime; it moves the monotonic one with it, by as much and once."""

import ctypes
import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

from farm_lab.places import BoardPlaces, LabError

LIBRARIES = ("libfaketimeMT.so.1", "libfaketime.so.1")
FOLDERS = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime", "/usr/lib64/faketime")
SHAPE = re.compile(r"\+\d{1,6}[smhdy]?")
SHARED = Path("/dev/shm")  # noqa: S108 - where the C library keeps named semaphores
PAGE = 4096


def env(board: BoardPlaces, by: str) -> dict[str, str]:
    """What a session's processes need. Raises LabError.

    The monotonic clock is left to the library too: told to spare it, it breaks sleeps that end at a time of that clock,
    which are Python's; and no such clock is below zero. What its processes share is the lab's own: those that are killed
    would leave theirs behind.
    """
    if not SHAPE.fullmatch(by):
        raise LabError(f"{by!r}: a shift of the clock is written as +1000d, +2h, +30s; it goes forward only")
    name = _name(board)
    return {"LD_PRELOAD": str(_library()), "FAKETIME": by, "NO_FAKE_STAT": "1", "FAKETIME_SHARED": f"/{name} /{name}"}


def share(board: BoardPlaces) -> None:
    """Makes what the processes share. Raises LabError."""
    _made(SHARED / _name(board))
    sem_open = ctypes.CDLL(None, use_errno=True).sem_open
    sem_open.restype = ctypes.c_void_p
    if not sem_open(f"/{_name(board)}".encode(), os.O_CREAT, 0o600, 1):
        raise LabError(f"{board.name}: no semaphore for libfaketime: {os.strerror(ctypes.get_errno())}")


def forget(board: BoardPlaces) -> None:
    """Nothing of it is left; sessions that are still open would make their own."""
    for file in shared(board):
        file.unlink(missing_ok=True)


def shared(board: BoardPlaces) -> tuple[Path, Path]:
    """What the board's processes share, there or not."""
    return SHARED / _name(board), SHARED / f"sem.{_name(board)}"


def _made(file: Path) -> None:
    with suppress(FileExistsError):
        fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.ftruncate(fd, PAGE)
        os.close(fd)


def _name(board: BoardPlaces) -> str:
    return f"farm-lab-{hashlib.sha256(bytes(board.root)).hexdigest()[:16]}"


def _library() -> Path:
    folders = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))]
    found = [folder / name for name in LIBRARIES for folder in folders if (folder / name).exists()]
    if not found:
        raise LabError("wrong-clock needs libfaketime on this machine (Debian: apt-get install faketime)")
    return found[0]
