"""The revision of the schema in a database: read, compared with the one this farm knows, brought forward."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from farm_orchestrator.errors import StoreError

HEAD = "0002"


def found(connection: Connection, place: str) -> str | None:
    """None in a database without tables. Raises StoreError where the tables are another program's."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise StoreError(
            f"{place} belongs to another program (its tables: {', '.join(sorted(tables))})",
            mend="Set `store` in farm.yaml or FARM_HOME to a place of the farm's own.",
        )
    return None


def upgrade(connection: Connection, place: str) -> str | None:
    """Brings the tables to HEAD; the revision that was there. Raises StoreError for one that this farm does not know."""
    from alembic import command

    before = found(connection, place)
    if before != HEAD:
        check_known(before, place)
        command.upgrade(config(connection), "head")
    return before


def check_known(revision: str | None, place: str) -> None:
    """Raises StoreError for a schema that only a newer farm can have made."""
    from alembic.script import ScriptDirectory

    known = [step.revision for step in ScriptDirectory.from_config(config()).walk_revisions()]
    if revision is not None and revision not in known:
        raise StoreError(
            f"{place} was written by a newer farm (schema {revision}; this farm knows {HEAD})",
            mend="Update benchfarm (`pip install -U benchfarm`), or name another store.",
        )


def config(connection: Connection | None = None) -> Any:
    """Of alembic; it is imported where a schema must change only."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made
