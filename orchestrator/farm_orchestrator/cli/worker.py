"""`farm worker`: serves boards of a farm that several machines share."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Serve boards of a farm that several machines share.")
@click.option("--boards", metavar="SELECT", help="Of this machine's inventory: 'rack-a-*'.  [all; with --beat none]")
@click.option("--inventory", type=click.Path(path_type=Path), metavar="FILE", help="Boards that this machine reaches.")
@click.option(
    "--concurrency", "lanes", type=click.IntRange(1, 500), metavar="N", help="So many at once.  [all of its boards]"
)
@click.option("--beat", is_flag=True, help="Ask once a second what is due; any number of workers may do so.")
@click.option("--lease", "lease_s", type=click.FloatRange(1.0, 60.0), default=15.0, hidden=True)
@click.option("--metrics", metavar="HOST:PORT", help="Figures for OpenMetrics there: 127.0.0.1:9464.")
def worker(
    boards: str | None, inventory: Path | None, lanes: int | None, *, beat: bool, lease_s: float, metrics: str | None
) -> int:
    """Serve boards of a farm that several machines share, until SIGTERM or Ctrl-C.

    Runs come from the database that `store` names, hints from the Redis that `broker` names. Addresses and keys of the
    boards are of this machine's own inventory and ssh configuration. Workers may join and leave at any time. The log
    goes to stderr: JSON lines, or plain words on a terminal.
    """
    from farm_orchestrator import config, logs
    from farm_orchestrator.run.choosing import check_named
    from farm_orchestrator.run.serve import Order, serve

    logs.set_up()
    settings = config.load(inventory=inventory)
    check_named(settings, boards)
    return serve(Order(boards, lanes, beat, lease_s, metrics), settings)
