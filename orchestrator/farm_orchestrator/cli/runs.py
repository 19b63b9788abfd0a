"""`farm runs`: what was measured, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from farm_orchestrator.store import RunRow


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def runs(*, as_json: bool) -> None:
    """List the runs of this directory's .farm, newest first."""
    import json

    from farm_orchestrator import config
    from farm_orchestrator.run.command import stored_runs

    rows = stored_runs(config.load())
    if as_json:
        click.echo(json.dumps([_document(row) for row in rows], indent=2))
    elif not rows:
        click.echo("No runs yet. Start one: farm run --variants DIR", err=True)
    else:
        click.echo("\n".join(_lines(rows)))


def _document(row: RunRow) -> dict[str, object]:
    return {"id": row.id, "name": row.name, "created": _when(row), "state": row.state, "word": row.word}


def _lines(rows: list[RunRow]) -> list[str]:
    heads = ("run", "created", "verdict", "name")
    cells = [(row.id, _when(row), row.word or row.state, row.name or "") for row in rows]
    widths = [max(len(line[i]) for line in (heads, *cells)) for i in range(len(heads))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in (heads, *cells)]  # fmt: skip


def _when(row: RunRow) -> str:
    return datetime.fromtimestamp(row.created, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
