"""What a database server says of itself to whoever wants to know whether a farm can stand on it; nothing is written."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from farm_orchestrator.errors import StoreError
from farm_orchestrator.store import postgres, revisions
from farm_orchestrator.store.failures import explained

TRIES = 5
RIGHTS = """
SELECT has_schema_privilege('public', 'CREATE')
    OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    OR EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user)
"""
LEFT = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""


@dataclass(frozen=True)
class Server:
    """`place` holds no password. `revision`: of its tables, None: there are none. `changes`: this role may change tables.

    `offset_s`: its clock ahead of ours; `latency_s`: of a question; `left`: connections. `remote`: on another machine.
    """

    place: str
    error: StoreError | None = None
    version: str = ""
    revision: str | None = None
    tls: bool = False
    remote: bool = False
    role: str = ""
    changes: bool = False
    offset_s: float = 0.0
    latency_s: float = 0.0
    left: int = 0

    @property
    def fits(self) -> bool:
        return self.error is None and self.revision == revisions.HEAD


def look(url: str) -> Server:
    place = postgres.place(url)
    engine = postgres.make_engine(url, 1)
    try:
        with explained(place), engine.connect() as connection, connection.begin():
            return _seen(connection, place, url)
    except StoreError as error:
        return Server(place, error)
    finally:
        engine.dispose()


def _seen(connection: Connection, place: str, url: str) -> Server:
    offset_s, latency_s = _clock(connection)
    return Server(
        place=place,
        version=str(_one(connection, "SHOW server_version")).split()[0],
        revision=revisions.found(connection, place),
        tls=bool(_one(connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")),
        remote=_is_remote(url),
        role=str(_one(connection, "SELECT current_user")),
        changes=bool(_one(connection, RIGHTS)),
        offset_s=offset_s,
        latency_s=latency_s,
        left=int(_one(connection, LEFT)),
    )


def _clock(connection: Connection) -> tuple[float, float]:
    """The shortest way there and back says most about the offset."""
    trips = []
    for _ in range(TRIES):
        began, monotonic = time.time(), time.monotonic()
        theirs = float(_one(connection, "SELECT extract(epoch FROM clock_timestamp())::float8"))
        took = time.monotonic() - monotonic
        trips.append((took, theirs - began - took / 2))
    return min(trips)[1], statistics.median(took for took, _ in trips)


def _one(connection: Connection, statement: str) -> Any:
    return connection.exec_driver_sql(statement).scalar_one()


def _is_remote(url: str) -> bool:
    """A socket's folder and this machine's own address are not."""
    parsed = make_url(url)
    host = parsed.host or str(parsed.query.get("host") or "")
    if not host or host.startswith("/") or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
