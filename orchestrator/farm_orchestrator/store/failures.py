"""What the database or the disk said, told as a StoreError: what, where, why, how to mend it."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from farm_orchestrator.errors import StoreBusy, StoreError
from farm_orchestrator.store.holder import holder

Refusal = SQLAlchemyError | OSError | sqlite3.Error

LOCKED = (
    "is locked: HOLDER has kept a transaction open for more than 5 s",
    "End that process (`fuser FILE` names it), or let a stopped one go on (`kill -CONT`); then repeat the command.",
)
READ_ONLY = (
    "cannot be written",
    "Give this user the right to write the file and its folder, or set FARM_HOME to a folder that can be written.",
)
FOREIGN = (
    "is damaged, or no database at all",
    "Move the file away (a new one is made), or restore it from a copy; the folder `runs` is not touched by this.",
)
FULL = ("cannot grow: the disk is full", "Free some room, then repeat the command; what was committed is safe.")
UNOPENED = ("cannot be opened", "Its folder must exist and belong to this user; it must not be a folder itself.")
BROKEN_DISK = ("cannot be read or written: the disk reports an error", "Look into the system's log (`dmesg`).")

BY_CODE = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_PERM": READ_ONLY,
    "SQLITE_NOTADB": FOREIGN,
    "SQLITE_CORRUPT": FOREIGN,
    "SQLITE_FULL": FULL,
    "SQLITE_CANTOPEN": UNOPENED,
    "SQLITE_IOERR": BROKEN_DISK,
}
BY_ERRNO = {
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EROFS: READ_ONLY,
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
}


def explain(error: Refusal, path: Path) -> StoreError:
    known = _known(error)
    what, mend = known or ("cannot be used", "This is a fault of the farm: please report it.")
    kind = StoreBusy if known is LOCKED else StoreError
    what = what.replace("HOLDER", str(holder(path) or "another program"))
    return kind(f"{path} {what} ({_said(error)})", mend=mend.replace("FILE", str(path)))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        raise explain(error, path) from error


def _known(error: Refusal) -> tuple[str, str] | None:
    if isinstance(error, OSError):
        return BY_ERRNO.get(error.errno or 0, UNOPENED)
    name = getattr(getattr(error, "orig", error), "sqlite_errorname", "")
    return next((words for code, words in BY_CODE.items() if name.startswith(code)), None)


def _said(error: Refusal) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)
