"""Which store this is: boards must not compare the fences of one with those of another."""

import secrets

from sqlalchemy import Connection

from farm_orchestrator.store.store import Store


def identity(store: Store) -> str:
    """Drawn when it is first asked for, then kept in the header of the file: a store made anew is another store."""
    return store.patiently(_identity)


def _identity(connection: Connection) -> str:
    number = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    if number == 0:
        number = 1 + secrets.randbelow(2**31 - 1)
        connection.exec_driver_sql(f"PRAGMA application_id = {number}")
    return f"{number:08x}"
