"""`farm runs prune`: old runs and the files that nobody needs without them."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from farm_orchestrator.run.pruning import Pruning

DAYS = re.compile(r"(\d{1,5})d")
SHOWN = 20
STEP = 1000


def _age(ctx: click.Context, param: click.Parameter, text: str) -> float:
    """`30d`, or a length as elsewhere."""
    from farm_orchestrator.cli import times

    days = DAYS.fullmatch(text.strip())
    found = 86400.0 * int(days[1]) if days else times.length(ctx, param, text)
    return found or 0.0


@click.command(short_help="Remove old runs.")
@click.option("--older", "older_s", required=True, callback=_age, metavar="AGE", help="Ended so long ago: 30d, 12h.")
@click.option("--keep", type=click.IntRange(0), default=0, metavar="N", help="Never the newest N.  [0]")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune(older_s: float, keep: int, *, dry_run: bool, yes: bool) -> None:
    """Remove runs that ended long ago: their rows, their folders, and files that no other run names.

    Open runs stay, and so do those that are a variant's last good, or that an open run is held against. Safe to repeat;
    where it was killed, the next one ends what it began.
    """
    from farm_orchestrator import config
    from farm_orchestrator.errors import UsageError
    from farm_orchestrator.run import pruning

    settings = config.load()
    found = pruning.planned(settings, older_s, keep)
    click.echo("\n".join(_lines(found)))
    if dry_run or not (found.runs or found.folders or found.unnamed):
        return
    if not (yes or sys.stdin.isatty()):
        raise UsageError("nobody is here to say yes", mend="add --yes, or --dry-run to see what would go")
    if yes or click.confirm("Remove all this?"):
        gone = pruning.prune(settings, older_s, found, lambda text: click.echo(text, err=True))
        click.echo(f"removed {gone} runs")


def _lines(found: Pruning) -> list[str]:
    if not (found.runs or found.folders or found.unnamed):
        return ["nothing is old enough to go"]
    lines = [f"{one.run}  {one.launches} launches  {one.name or ''}".rstrip() for one in found.runs[:SHOWN]]
    if len(found.runs) > SHOWN:
        lines.append(f"and {len(found.runs) - SHOWN} more")
    if found.folders:
        lines.append(f"{len(found.folders)} folders that an earlier prune left")
    if found.unnamed:
        lines.append(f"{found.unnamed} files that no run names")
    return [*lines, f"{len(found.runs)} runs, {_amount(found.bytes)}"]


def _amount(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < STEP:
            return f"{size:.0f} {unit}"
        size /= STEP
    return f"{size:.1f} GB"
