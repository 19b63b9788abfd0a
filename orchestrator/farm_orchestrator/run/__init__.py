"""The use case `farm run`, and what stands beside it: dry run, resume, the report again, the list of runs."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import config
from farm_orchestrator import store as stored
from farm_orchestrator.run.announce import announce, title
from farm_orchestrator.run.desk import Desk
from farm_orchestrator.run.drain import LOOK_S, drain, stay_for_others
from farm_orchestrator.run.engines import engines
from farm_orchestrator.run.interrupts import Interrupts
from farm_orchestrator.run.prepare import prepare, record
from farm_orchestrator.run.request import Finished, Request, View
from farm_orchestrator.store import Store

if TYPE_CHECKING:
    from farm_orchestrator.broker import Kick
    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import RunRow

__all__ = ["Finished", "Request", "View", "dry_run", "report_again", "resume", "start", "stored_runs"]

INTERRUPTED = 130
FREED_S = 20.0


def start(request: Request, settings: Settings, view: View) -> Finished:
    """Measures, judges, writes the report. Raises UsageError before any board is touched."""
    config.make_home(settings)
    with (
        Interrupts() as interrupts,
        tempfile.TemporaryDirectory(prefix="farm-") as scratch,
        engines(settings) as held,  # the worker wakes up while the variants are checked
        Store.open(settings.store) as store,
    ):
        prepared = prepare(request, settings, Path(scratch))
        desk = Desk(settings, store, held, _kicker(settings), view, interrupts, request.out)
        view.start(title(prepared), announce(prepared))
        record(prepared, request, store, settings)
        return _to_the_end(prepared.id, desk)


def dry_run(request: Request, settings: Settings) -> str:
    """The plan, its estimated time and the smallest effect it will see."""
    with tempfile.TemporaryDirectory(prefix="farm-") as scratch:
        prepared = prepare(request, settings, Path(scratch))
        return "\n".join((title(prepared), *announce(prepared)))


def resume(run: str, settings: Settings, view: View, out: Path | None) -> Finished:
    """Goes on with a run that was interrupted or whose command was killed."""
    config.make_home(settings)
    with Interrupts() as interrupts, Store.open(settings.store) as store:
        name = stored.find_run(store, run)
        with engines(settings) as held:
            desk = Desk(settings, store, held, _kicker(settings), view, interrupts, out)
            _reopen(store, name, view)
            view.start(f"run {name} goes on", ())
            return _to_the_end(name, desk)


def report_again(run: str, settings: Settings, out: Path | None) -> Finished:
    """The report of what is committed, marked partial while launches are owed."""
    with Store.open(settings.store) as store:
        return _report(stored.find_run(store, run), store, settings, out)


def stored_runs(settings: Settings) -> list[RunRow]:
    """Newest first."""
    with Store.open(settings.store) as store:
        return list(reversed(stored.list_runs(store)))


def _to_the_end(run: str, desk: Desk) -> Finished:
    try:
        interrupted = drain(run, desk)
        if interrupted:
            desk.held.stop()
    finally:
        desk.view.finish()
        stored.detach(desk.store, run)
    finished = _report(run, desk.store, desk.settings, desk.out)
    if interrupted:
        return _interrupted(finished)
    stay_for_others(run, desk)
    return finished


def _kicker(settings: Settings) -> Kick:
    from farm_orchestrator import broker

    app = broker.make_app(settings.broker, settings.home)
    broker.reach(app)
    return broker.kicker(app)


def _report(run: str, store: Store, settings: Settings, out: Path | None) -> Finished:
    from farm_orchestrator import reporting
    from farm_reports.verdict import exit_code

    results = reporting.build(store, run, settings.runs, settings.home / "cas", out)
    policy = stored.load_run(store, run).facts["on_inconclusive"]
    return Finished(run, exit_code(results.verdict, policy), results, settings.runs / run)


def _interrupted(finished: Finished) -> Finished:
    mend = f"interrupted; go on with: farm run --resume {finished.run}"
    return replace(finished, exit_code=INTERRUPTED, mend=mend)


def _reopen(store: Store, run: str, view: View) -> None:
    """A command that was killed seems alive for some seconds: wait those out, unless it shows that it lives."""
    seen = stored.load_run(store, run)
    if seen.attached:
        view.message(f"run {run} was in use seconds ago: waiting up to {FREED_S:g} s for it to be given up")
        until = time.monotonic() + FREED_S
        while time.monotonic() < until:
            time.sleep(LOOK_S)
            now = stored.load_run(store, run)
            if not now.attached or now.attached_until != seen.attached_until:
                break
    stored.resume(store, run)
