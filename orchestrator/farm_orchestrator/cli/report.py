"""`farm report`: the page and its exports, again, from what is stored."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Copy the outputs there.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json to stdout and nothing else.")
def report(run: str, out: Path | None, *, as_json: bool) -> int:
    """Build the report of RUN (an id, a unique prefix, or last) again; of a run still going: a partial one."""
    from farm_orchestrator import config
    from farm_orchestrator.cli.outcome import say
    from farm_orchestrator.run.command import report_again

    return say(report_again(run, config.load(), out), as_json=as_json)
