"""What the database or the disk said, told as a StoreError: what, where, why, how to mend it."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from farm_orchestrator.errors import StoreBusy, StoreError, Unwritable
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
NOT_OURS = ("cannot be used", "This is a fault of the farm: please report it.")
GONE = (
    "does not answer",
    "Start that PostgreSQL, or see what its log says; what was committed is safe, and workers go on by themselves.",
)
NO_LOGIN = (
    "refuses the login",
    "Check the user and the password in FARM_STORE (or PGPASSFILE), and pg_hba.conf on the server.",
)
NO_RIGHT = (
    "refuses what the farm asked",
    "`farm store upgrade --grant ROLE` gives a role what a worker needs; to change tables, FARM_STORE names their owner.",
)
NO_DATABASE = ("is not there", "Create it (`createdb NAME`), or name another one in FARM_STORE.")
BY_STATE = {
    "28": NO_LOGIN,
    "42501": NO_RIGHT,
    "3D000": NO_DATABASE,
    "53100": FULL,
    "55P03": (
        "keeps us waiting for a lock",
        "Repeat the command; where it lasts, look at pg_stat_activity on the server.",
    ),
    "40": (
        "keeps us waiting: others write the same rows",
        "Repeat the command; where it lasts, look at pg_stat_activity on the server.",
    ),
    "25P03": GONE,
    "57P": GONE,
    "08": GONE,
    "53300": ("has no connection left", "Raise max_connections on the server, or run fewer workers."),
}
KINDS = {
    LOCKED[0]: StoreBusy,
    BY_STATE["55P03"][0]: StoreBusy,
    BY_STATE["40"][0]: StoreBusy,
    GONE[0]: StoreBusy,
    READ_ONLY[0]: Unwritable,
    FULL[0]: Unwritable,
}


def explain(error: Refusal, path: Path | str) -> StoreError:
    """`path`: of the file or folder; a server's is its address in words."""
    if isinstance(path, str):
        return of_server(error, path)
    known = _known(error)
    what, mend = known or NOT_OURS
    kind = KINDS.get(what, StoreError)
    what = what.replace("HOLDER", str(holder(path) or "another program"))
    return kind(f"{path} {what} ({_said(error)})", mend=mend.replace("FILE", str(path)))


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        raise explain(error, path) from error


def of_server(error: Refusal, place: str) -> StoreError:
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    known = next((words for code, words in BY_STATE.items() if state.startswith(code)), None)
    gone = isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, OperationalError))
    what, mend = known or (GONE if gone or isinstance(error, PoolTimeout) else NOT_OURS)
    return KINDS.get(what, StoreError)(f"{place} {what} ({_said(error).strip()})", mend=mend)


def _known(error: Refusal) -> tuple[str, str] | None:
    if isinstance(error, OSError):
        return BY_ERRNO.get(error.errno or 0, UNOPENED)
    name = getattr(getattr(error, "orig", error), "sqlite_errorname", "")
    return next((words for code, words in BY_CODE.items() if name.startswith(code)), None)


def _said(error: Refusal) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)
