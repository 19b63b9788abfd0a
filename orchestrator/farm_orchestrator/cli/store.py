"""`farm store`: the tables of a store that several machines share, and a copy of one that is a file."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(short_help="Make and upgrade the tables of a shared store.")
def store() -> None:
    """Make and upgrade the tables of a store that several machines share."""


@store.command()
@click.option("--grant", metavar="ROLE", help="This role of the database may then read and write rows, no more.")
def upgrade(grant: str | None) -> None:
    """Bring the tables of the store to this version of farm.

    FARM_STORE names a role that may make and alter tables; workers need no such role, see --grant. Safe to repeat. End
    the workers of an older farm before.
    """
    from farm_orchestrator import config
    from farm_orchestrator.run.upgrade import upgrade as bring

    click.echo(bring(config.load(), grant))


@store.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Copy the store to FILE while it is in use: one state of it, whole. Copy the folder runs and .farm/cas after it.

    A store on a server is copied by pg_dump.
    """
    from farm_orchestrator import config
    from farm_orchestrator.store import Store
    from farm_orchestrator.store.backup import backup as copy

    with Store.open(config.load().store) as opened:
        size = copy(opened, file.absolute())
    click.echo(f"{file}: {size / 1e6:.1f} MB; to restore it put it in the place of farm.db while no farm runs")
