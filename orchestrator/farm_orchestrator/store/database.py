"""Opens the farm's SQLite file: private, on a fit SQLite, brought to the newest schema."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.store import revisions
from farm_orchestrator.store.failures import explained

SQLITE_FLOOR = (3, 35)  # UPDATE ... RETURNING
BUSY_MS = 5000
CACHE_KB = 512  # of each connection: pages lie in the system's cache all the same, and once for all
WRITING = "BEGIN IMMEDIATE"


def open_engine(path: Path) -> Engine:
    check_sqlite(sqlite3.sqlite_version_info)
    with explained(path), ExitStack() as undo:
        _create_private(path)
        engine = _engine(path)
        undo.callback(engine.dispose)
        if not _is_ready(engine, path):
            with _sole(path.with_name(path.name + ".lock")):
                _prepare(engine, path)
        undo.pop_all()
    return engine


def database_path(path_or_url: str) -> Path:
    """The file that a path or a `sqlite:///` URL names. Raises UsageError for any other URL."""
    if "://" not in path_or_url:
        return Path(path_or_url).absolute()
    mend = "Write `store: sqlite:////absolute/path/farm.db` or `store: postgresql+psycopg://USER@HOST/NAME`, or leave it out."
    try:
        url = make_url(path_or_url)
    except ArgumentError as error:
        raise UsageError(f"store: {path_or_url!r} is no database URL", mend=mend) from error
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        raise UsageError(f"store: {url.render_as_string()!r} does not name an SQLite file", mend=mend)
    return Path(str(url.database)).absolute()


def as_json(value: object) -> str:
    """Raises StoreError for what is no JSON, such as a number that is not finite."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (ValueError, TypeError) as error:
        raise StoreError(f"a document cannot be stored: {error}") from error


def check_sqlite(version: tuple[int, ...]) -> None:
    if version < SQLITE_FLOOR:
        found, wanted = (".".join(map(str, v)) for v in (version, SQLITE_FLOOR))
        raise StoreError(
            f"Python's SQLite is {found}, the farm needs {wanted} or newer",
            mend="Use another Python (3.11 or newer with a current SQLite): "
            '`python3 -c "import sqlite3; print(sqlite3.sqlite_version)"` shows what one has.',
        )


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o600))


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        json_serializer=as_json,
    )
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # else the driver begins as a reader, which cannot be upgraded under WAL
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _is_ready(engine: Engine, path: Path) -> bool:
    """Seen by reading alone: a file that is in use opens while another process writes, however long that takes."""
    with engine.connect() as connection, connection.begin():
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        return mode == "wal" and revisions.found(connection, str(path)) == revisions.HEAD


@contextmanager
def _sole(lock: Path) -> Iterator[None]:
    """Two processes that open one new file at once would both find it empty."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepare(engine: Engine, path: Path) -> None:
    _journal(path)
    with engine.connect().execution_options(begin=WRITING) as connection, connection.begin():
        revisions.upgrade(connection, str(path))


def _journal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"{path} lies on a file system without shared memory (SQLite answered {mode!r} to WAL)",
            mend="Set FARM_HOME to a folder on a local disk; NFS is not one.",
        )
