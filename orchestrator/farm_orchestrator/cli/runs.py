"""`farm runs`: what is measured and what was, newest first; a run is cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli.prune import prune

if TYPE_CHECKING:
    from farm_orchestrator.model import Json
    from farm_orchestrator.run.cancel import Cancelled
    from farm_orchestrator.run.listing import Listing
    from farm_orchestrator.store import Queued, RunRow


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def runs(ctx: click.Context, *, as_json: bool) -> None:
    """List the runs of this farm, newest first; before them those that are open, the next to be served first."""
    if ctx.invoked_subcommand is None:
        _list(as_json=as_json)


@runs.command()
@click.argument("run", metavar="RUN")
def cancel(run: str) -> int:
    """Stop RUN (an id, a unique prefix, or last), whoever started it, and free its boards.

    What was committed is kept and reported as partial; `farm run --resume RUN` goes on. Exit 4 where a board did not
    answer the stop.
    """
    from farm_orchestrator import config
    from farm_orchestrator.run.cancel import cancel as stop

    done = stop(run, config.load(), lambda text: click.echo(text, err=True))
    click.echo("\n".join(_told(done)))
    return 4 if done.kept else 0


runs.add_command(prune)


def _told(done: Cancelled) -> list[str]:
    lines = [f"run {done.run} {'was cancelled already' if done.before else 'is cancelled'}"]
    freed = [name for name in done.boards if name not in done.kept]
    if freed:
        lines.append(f"free after {done.took_s:.1f} s: {', '.join(freed)}")
    if done.kept:
        lines.append(
            f"not free yet: {', '.join(done.kept)}; whoever holds them is silent, and their leases will run out"
        )
    if done.report:
        lines.append(f"what was measured: {done.report}")
    return [*lines, f"go on with: farm run --resume {done.run}"]


def _list(*, as_json: bool) -> None:
    import json

    from farm_orchestrator import config
    from farm_orchestrator.run.listing import listing

    found = listing(config.load())
    if as_json:
        click.echo(json.dumps([_document(row, found) for row in found.runs], indent=2))
    elif not found.runs:
        click.echo("No runs yet. Start one: farm run --variants DIR", err=True)
    else:
        click.echo("\n".join([*_open(found), *_lines(found)]))


def _document(row: RunRow, found: Listing) -> Json:
    waits = next((each for each in found.queue if each.run == row.id), None)
    body = {"id": row.id, "name": row.name, "created": _when(row.created), "state": row.state, "word": row.word}
    times = {"waited_s": found.waited_s(row), "measured_s": found.measured_s(row)}
    return {
        **body,
        **times,
        "lost": dict(found.lost.get(row.id, {})),
        "priority": row.priority,
        "queue": None if waits is None else _place(waits),
    }


def _place(waits: Queued) -> Json:
    return {
        "place": waits.place, "boards": list(waits.boards), "held": list(waits.held), "launches_left": waits.left,
        "finish": None if waits.finish is None else _when(waits.finish), "reason": waits.why,
    }  # fmt: skip


def _open(found: Listing) -> list[str]:
    if not found.queue:
        return []
    heads = ("queue", "run", "priority", "boards", "launches left", "through")
    cells = [(str(each.place), each.run, str(each.priority), f"{len(each.held)} of {len(each.boards)}", str(each.left),
              _through(each, found.now)) for each in found.queue]  # fmt: skip
    return [*_table([heads, *cells]), ""]


def _through(waits: Queued, now: float) -> str:
    if waits.finish is None:
        return waits.why or "at its end"
    at = datetime.fromtimestamp(waits.finish, UTC).astimezone()
    return f"about {at:%H:%M}, in {_length(waits.finish - now)}"


def _lines(found: Listing) -> list[str]:
    heads = ("run", "created", "verdict", "waited", "measured", "lost", "name")
    cells = [(row.id, _when(row.created), row.word or ("cancelled" if row.cancel else row.state), _length(found.waited_s(row)),
              _length(found.measured_s(row)), _lost(row, found), row.name or "") for row in found.runs]  # fmt: skip
    return _table([heads, *cells])


def _lost(row: RunRow, found: Listing) -> str:
    """Launches, by whose fault: `3 network, 1 board`."""
    return ", ".join(f"{count} {fault}" for fault, count in sorted(found.lost.get(row.id, {}).items()))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _length(seconds: float | None) -> str:
    if seconds is None:
        return ""
    from farm_orchestrator.plan import duration

    return duration(seconds)


def _when(stamp: float) -> str:
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
