"""Files that a machine has not used for long: they go, unless somebody takes them up at that moment."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOTED_S = 3600.0  # a use is written down so often: the stamp of a file is that of its digest too
UNUSED_S = 7 * 86400.0
SCARCE = 0.1  # of the disk: where no more is free, what was not used for hours goes
SCARCE_S = 6 * 3600.0
LEFT_S = 86400.0  # a copy that nobody ended in a day
LOCK = ".lock"


def note_use(path: Path) -> bool:
    """From here on for hours nobody removes it; False where it is not there. `path`: FOLDER/??/NAME.

    A disk on which nothing can be noted is read all the same.
    """
    try:
        if 0 <= time.time() - path.stat().st_mtime < NOTED_S:
            return True
        with _alone(path.parents[1]):
            os.utime(path, (time.time(), time.time()))
    except OSError:
        return path.is_file()
    return True


def remove_unused(path: Path, before: float) -> bool:
    """Unless it was used since. `path`: FOLDER/??/NAME."""
    with _alone(path.parents[1]):
        try:
            if path.stat().st_mtime >= before:
                return False
            path.unlink()
        except FileNotFoundError:
            return False
    return True


def forget_unused(folder: Path) -> int:
    """Of copies of what a server holds; how many went. They come back when they are wanted."""
    before = time.time() - bound_s(folder)
    for part in [*folder.glob(".put.*"), *folder.glob(".get.*")]:
        if part.stat().st_mtime < time.time() - LEFT_S:
            part.unlink(missing_ok=True)
    return sum(remove_unused(path, before) for path in folder.glob("??/*"))


def bound_s(folder: Path) -> float:
    """For how long a file may lie there unused."""
    if not folder.is_dir():
        return UNUSED_S
    disk = os.statvfs(folder)
    return SCARCE_S if disk.f_bavail < SCARCE * disk.f_blocks else UNUSED_S


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Looking at the time of a file and acting on it are one step, for all processes of this machine."""
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
