"""Opens the farm's SQLite file: private, on a fit SQLite, brought to the newest schema."""

import fcntl
import functools
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.store.failures import explained

SQLITE_FLOOR = (3, 35)  # UPDATE ... RETURNING
BUSY_MS = 5000
HEAD = "0001"
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
    mend = "Write `store: sqlite:////absolute/path/farm.db`, or leave `store` out."
    try:
        url = make_url(path_or_url)
    except ArgumentError as error:
        raise UsageError(f"store: {path_or_url!r} is no database URL", mend=mend) from error
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        raise UsageError(f"store: {url.render_as_string()!r} does not name an SQLite file", mend=mend)
    return Path(str(url.database)).absolute()


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
        json_serializer=functools.partial(json.dumps, allow_nan=False, separators=(",", ":")),
    )
    event.listen(engine, "connect", _pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # else the driver begins as a reader, which cannot be upgraded under WAL
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA synchronous=FULL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _is_ready(engine: Engine, path: Path) -> bool:
    """Seen by reading alone: a file that is in use opens while another process writes, however long that takes."""
    with engine.connect() as connection, connection.begin():
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        return mode == "wal" and _version(connection, path) == HEAD


@contextmanager
def _sole(lock: Path) -> Iterator[None]:
    """Two processes that open one new file at once would both find it empty."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepare(engine: Engine, path: Path) -> None:
    _journal(path)
    with engine.connect().execution_options(begin=WRITING) as connection, connection.begin():
        found = _version(connection, path)
        if found != HEAD:
            _migrate(connection, path, found)


def _journal(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"{path} lies on a file system without shared memory (SQLite answered {mode!r} to WAL)",
            mend="Set FARM_HOME to a folder on a local disk; NFS is not one.",
        )


def _version(connection: Connection, path: Path) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise StoreError(
            f"{path} belongs to another program (its tables: {', '.join(sorted(tables))})",
            mend="Set `store` in farm.yaml or FARM_HOME to a place of the farm's own.",
        )
    return None


def _migrate(connection: Connection, path: Path, found: str | None) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config(connection)
    known = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    if found is not None and found not in known:
        raise StoreError(
            f"{path} was written by a newer farm (schema {found}; this farm knows {HEAD})",
            mend="Update benchfarm (`pip install -U benchfarm`), or set FARM_HOME to another folder.",
        )
    command.upgrade(config, "head")


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
