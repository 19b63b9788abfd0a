"""Who builds the report of a run: the command that stands behind it, or the next one where that one died; once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from farm_orchestrator import nights
from farm_orchestrator import store as stored
from farm_orchestrator.errors import FarmError
from farm_orchestrator.run.drain import LOOK_S
from farm_orchestrator.run.request import Finished

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import Store
    from farm_reports.results import Results

WINNER_S = 60.0


def build(run: str, store: Store, settings: Settings, out: Path | None) -> Finished:
    """From what is committed, whoever built it before."""
    from farm_orchestrator import reporting

    results, folder = reporting.build(store, run, settings.runs, settings.home / "cas", out)
    nights.settle(store, results, folder, settings.notify)
    return Finished(run, exit_code(run, store, results), results, folder)


def build_once(run: str, store: Store, settings: Settings, out: Path | None, *, won: bool) -> Finished:
    """The report of this command's run. `won`: it is ours to build; else another command is at it, or died over it."""
    from farm_orchestrator import reporting

    if not (won or store.shared) and _has_word(run, store):  # of a shared farm the files may be on another machine
        results = reporting.written(settings.runs / run, out)
        return Finished(run, exit_code(run, store, results), results, settings.runs / run)
    return build(run, store, settings, out)


def build_left(store: Store, settings: Settings, tell: Callable[[str], None]) -> None:
    """Runs that were finished when their commands died. Their troubles are not ours: they are told, no more.

    A shared farm has beats for that.
    """
    for run in () if store.shared else stored.left_unreported(store):
        if stored.claim_report(store, run):
            try:
                done = build(run, store, settings, None)
                tell(f"run {run} had ended without its report: {done.folder / 'report.html'}")
            except FarmError as error:
                tell(f"run {run} has no report (`farm report {run}` tries again): {error}")


def _has_word(run: str, store: Store) -> bool:
    """Waits for it: the word is the last thing that whoever builds a report writes."""
    until = time.monotonic() + WINNER_S
    while (word := stored.load_run(store, run).word) is None and time.monotonic() < until:
        time.sleep(LOOK_S)
    return word is not None


def exit_code(run: str, store: Store, results: Results) -> int:
    """The run's own, by its policy on open gates."""
    from farm_reports import verdict

    return verdict.exit_code(results.verdict, stored.load_run(store, run).facts["on_inconclusive"])
