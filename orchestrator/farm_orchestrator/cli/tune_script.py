"""`farm boards tune-script`: what an administrator installs where the measuring account may not set clocks."""

from __future__ import annotations

import click


@click.command("tune-script")
def tune_script() -> None:
    """Print a shell script that lets a group of users hold a board's clocks while they measure.

    Nothing is installed: read the script, then run it on the board as root. It holds a small program, the units that
    start it, and a rule for sudo where there is no systemd. `--pin` works without it where the account may set the
    clocks itself; elsewhere the board is measured unpinned, and the report says so.
    """
    from farm_orchestrator.bootstrap.tune_script import tune_script as text

    click.echo(text(), nl=False)
