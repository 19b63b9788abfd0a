"""What must not happen side by side on a server of many writers; SQLite has one writer, and needs none of it."""

from sqlalchemy import Connection, select, text

from farm_orchestrator.store.schema import board as boards

PLANNING = 0x6661726D  # an advisory lock's number is the farm's own to choose


def one_at_a_time(connection: Connection) -> None:
    """Until the end of the transaction: closing runs, cancelling them, taking them up again, planning what is due."""
    if shared(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": PLANNING})


def hold_board(connection: Connection, name: str) -> None:
    """Until the end of the transaction nobody gives the board another fence."""
    if shared(connection):
        connection.execute(select(boards.c.fence).where(boards.c.board == name).with_for_update(read=True))


def shared(connection: Connection) -> bool:
    """Whether the store is a server, which several machines have."""
    return connection.dialect.name == "postgresql"
