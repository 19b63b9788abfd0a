"""Which store this is: boards must not compare the fences of one with those of another."""

import getpass
import secrets
import socket

from sqlalchemy import Connection, insert, select

from farm_orchestrator.store.schema import meta
from farm_orchestrator.store.store import Store


def identity(store: Store) -> str:
    """Drawn when it is first asked for, then kept in the header of the file, or a row of the server: a store made anew is
    another store, and so is a copy that was put back: boards know newer fences of the original than the copy has.
    """
    return store.patiently(_identity)


def who(store: Store) -> str:
    """The same for a person of another farm that waits for a board: whose, on which machine, with which store."""
    return f"{person()}, {store.place}"


def person() -> str:
    """Whoever calls this command, and on which machine."""
    try:
        user = f"{getpass.getuser()}@"
    except (OSError, KeyError):  # a container's user may have no name
        user = ""
    return f"{user}{socket.gethostname()}"


def _identity(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        return _drawn(connection)
    number = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    if number == 0:
        number = 1 + secrets.randbelow(2**31 - 1)
        connection.exec_driver_sql(f"PRAGMA application_id = {number}")
    return f"{number:08x}"


def _drawn(connection: Connection) -> str:
    name = select(meta.c.value).where(meta.c.name == "identity")
    found = connection.execute(name).scalar()
    if found is None:
        found = secrets.token_hex(4)
        connection.execute(insert(meta).values(name="identity", value=found))
    return str(found)
