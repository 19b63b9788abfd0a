"""`farm run --watch`: looks in on a run, or on the fleet."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm_orchestrator.cli import fleet as told
from farm_orchestrator.cli.live import is_interactive, make_view, terminal
from farm_orchestrator.cli.progress import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import Fleet

INTERRUPTED = 130


def watch(run: str, settings: Settings, out: Path | None = None, *, quiet: bool = False, as_json: bool = False) -> int:
    """Of the run, or without one of the fleet. Gives the exit code."""
    return _watch_run(run, settings, out, quiet=quiet, as_json=as_json) if run else _fleet(settings, as_json=as_json)


def _watch_run(run: str, settings: Settings, out: Path | None, *, quiet: bool, as_json: bool) -> int:
    """The run's outcome and its exit code; a watcher that leaves has seen neither."""
    from farm_orchestrator.cli.outcome import say
    from farm_orchestrator.run.watch import Left, watch

    seen = watch(run, settings, make_view(quiet=quiet, late=True), out)
    if isinstance(seen, Left):
        click.echo(f"left; run {seen.run} goes on. Look in again: farm run --watch {seen.run}", err=True)
        return INTERRUPTED
    return say(seen, as_json=as_json)


def _fleet(settings: Settings, *, as_json: bool) -> int:
    """A view that is renewed where there is a terminal for it, else one snapshot."""
    from farm_orchestrator.run.watch import look_at_fleet, watch_fleet

    if as_json:
        click.echo(_document(look_at_fleet(settings)))
    elif is_interactive(sys.stdout, os.environ):
        watch_fleet(settings, LiveFleet(terminal(sys.stdout, os.environ)))
    else:
        click.echo("\n".join(map(plain, told.lines(look_at_fleet(settings)))))
    return 0


def _document(fleet: Fleet) -> str:
    import json
    from importlib.metadata import version

    return json.dumps(told.document(fleet, version("benchfarm")), indent=2)


class LiveFleet:
    """Has the whole screen, so that a terminal may change its size; its last state stays when it gives that back."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self.console = console
        self.lines: list[Text] = []
        self.live = Live(console=console, auto_refresh=False, screen=True, redirect_stdout=False, redirect_stderr=False)

    def update(self, fleet: Fleet) -> None:
        from farm_orchestrator.cli.fleet_screen import draw

        self._show(draw(fleet, self.console.width, self.console.height))

    def message(self, text: str) -> None:
        """Below the state that was seen last."""
        from rich.text import Text

        self._show([*self.lines[: self.console.height - 2], Text(plain(text), no_wrap=True, overflow="ellipsis")])

    def finish(self) -> None:
        self.live.stop()
        for line in self.lines:
            self.console.print(line)

    def _show(self, lines: list[Text]) -> None:
        from rich.text import Text

        self.lines = lines
        self.live.start()
        self.live.update(Text("\n").join(lines), refresh=True)
