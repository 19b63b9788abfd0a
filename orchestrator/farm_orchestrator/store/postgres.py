"""Opens the farm's database on a PostgreSQL server, which several machines share."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from farm_orchestrator.addresses import check_driver
from farm_orchestrator.errors import StoreError, UsageError
from farm_orchestrator.store import revisions
from farm_orchestrator.store.database import as_json
from farm_orchestrator.store.failures import explained
from farm_orchestrator.store.locks import one_at_a_time
from farm_orchestrator.undo import on_error

SCHEME = "postgresql"
DRIVER = "postgresql+psycopg"
VERSION_FLOOR = 13
CONNECTIONS = 10  # of one process; PostgreSQL allows 100 in all as it is delivered
CONNECT_S = 5
PATIENCE_S = 30.0
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}",
)
# a process that is frozen in the middle of a transaction holds up its boards no longer than a lease lives
OPTIONS = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=15s -c timezone=UTC"


def is_postgres(text: str) -> bool:
    return text.partition("://")[0].partition("+")[0] == SCHEME and "://" in text


def place(text: str) -> str:
    """The address as it may be shown: without password and options."""
    url = _url(text)
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database).render_as_string()


def open_engine(text: str, connections: int = CONNECTIONS) -> Engine:
    """A pool of connections to a database whose schema is this farm's. Raises StoreError, UsageError."""
    engine = make_engine(text, connections)
    with on_error(engine.dispose), explained(place(text)), engine.connect() as connection, connection.begin():
        check(connection, place(text))
    return engine


def upgrade_store(text: str, role: str | None = None) -> str | None:
    """Brings the tables of a database to this farm's schema; `role` may then read and write rows, no more.

    The revision that was there. To be called as a role that owns the tables, or may make them. Raises StoreError.
    """
    engine = make_engine(text, 1)
    with explained(place(text)):
        try:
            with engine.connect() as connection, connection.begin():
                one_at_a_time(connection)
                before = revisions.upgrade(connection, place(text))
                if role is not None:
                    _grant(connection, role)
        finally:
            engine.dispose()
    return before


def _grant(connection: Connection, role: str) -> None:
    """What a worker needs: rows, and the numbers of new ones."""
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    for statement in GRANTS:
        connection.exec_driver_sql(statement.format(name))


def make_engine(text: str, connections: int = CONNECTIONS) -> Engine:
    """Nothing is connected yet. Connections that the server has closed are opened anew. Raises UsageError."""
    check_driver(text)
    return create_engine(
        _url(text),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=PATIENCE_S,
        pool_pre_ping=True,
        json_serializer=as_json,
        connect_args={
            "connect_timeout": CONNECT_S, "options": OPTIONS, "application_name": "benchfarm", "keepalives_idle": 10,
            "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000,
        },
    )  # fmt: skip


def check(connection: Connection, where: str) -> None:
    """Raises StoreError for a server, or a schema, that does not fit."""
    number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
    if number < VERSION_FLOOR:
        raise StoreError(
            f"{where} is PostgreSQL {number}, the farm needs {VERSION_FLOOR} or newer",
            mend="Upgrade the server, or name another one in FARM_STORE.",
        )
    revision = revisions.found(connection, where)
    if revision != revisions.HEAD:
        revisions.check_known(revision, where)
        raise StoreError(
            f"{where} has {'no tables yet' if revision is None else f'schema {revision}'}, this farm needs schema {revisions.HEAD}",
            mend="Run `farm store upgrade` once, with FARM_STORE naming a role that may change tables; "
            "workers of an older farm must be ended before.",
        )


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise UsageError("store: this is no database URL", mend="postgresql+psycopg://USER@HOST/NAME") from error
    if url.drivername != DRIVER:
        raise UsageError(
            f"store: {url.drivername}:// is not spoken here",
            mend=f"write {DRIVER}://USER@HOST/NAME; the driver is psycopg",
        )
    return url
