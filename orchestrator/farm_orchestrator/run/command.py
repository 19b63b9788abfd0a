"""From a request to a finished run; a run taken up again, reported again, listed."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm_orchestrator import config
from farm_orchestrator import store as stored
from farm_orchestrator.plan import NO_PAST
from farm_orchestrator.run import reports
from farm_orchestrator.run.announce import announce, title
from farm_orchestrator.run.clocks import climb
from farm_orchestrator.run.desk import Desk
from farm_orchestrator.run.drain import LOOK_S, drain, stay_for_others
from farm_orchestrator.run.engines import engines, hints
from farm_orchestrator.run.held import tell_held
from farm_orchestrator.run.interrupts import Interrupts
from farm_orchestrator.run.kept import check
from farm_orchestrator.run.listing import shared_with
from farm_orchestrator.run.prepare import prepare, record
from farm_orchestrator.run.settling import settling
from farm_orchestrator.store import Store, database_path

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm_orchestrator.config import Settings
    from farm_orchestrator.plan import Costs
    from farm_orchestrator.run.look import Asked
    from farm_orchestrator.run.request import Finished, View

INTERRUPTED = 130
FREED_S = 20.0


def start(asked: Asked, settings: Settings, view: View) -> Finished:
    """Measures, judges, writes the report. Raises UsageError before any board is touched."""
    config.check_client(settings)
    config.make_home(settings)
    asked = climb(asked, settings, view.message)
    check(asked, settings)
    with (
        Interrupts() as interrupts,
        tempfile.TemporaryDirectory(prefix="farm-") as scratch,
        engines(settings) as held,  # the worker wakes up while the variants are checked
        Store.open(settings.store, tell=view.message) as store,
    ):
        prepared = prepare(asked, Path(scratch), *past(asked, store))
        desk = Desk(settings, store, held, hints(settings, store, view.message), view, interrupts, asked.request.out)
        view.start(title(prepared), announce(prepared))
        tell_held(store, prepared.boards, view.message)
        record(prepared, asked.request, store, settings)
        stored.attach(store, prepared.id)
        for line in shared_with(store, prepared.id):
            view.message(line)
        return _to_the_end(prepared.id, desk)


def dry_run(asked: Asked, settings: Settings) -> str:
    """The plan, its estimated time and the smallest effect it will see. Leaves nothing behind."""
    asked = climb(asked, settings)
    check(asked, settings)
    with tempfile.TemporaryDirectory(prefix="farm-") as scratch, ExitStack() as opened:
        known = settings.shared or database_path(settings.store).exists()
        before = past(asked, opened.enter_context(Store.open(settings.store))) if known else (NO_PAST, ())
        prepared = prepare(asked, Path(scratch), *before)
        return "\n".join((title(prepared), *announce(prepared)))


def resume(run: str, settings: Settings, view: View, out: Path | None) -> Finished:
    """Goes on with a run that was interrupted or whose command was killed."""
    config.check_client(settings)
    config.make_home(settings)
    with Interrupts() as interrupts, Store.open(settings.store, tell=view.message) as store:
        name = stored.find_run(store, run)
        with engines(settings) as held:
            desk = Desk(settings, store, held, hints(settings, store, view.message), view, interrupts, out)
            _reopen(store, name, view)
            view.start(f"run {name} goes on", ())
            return _to_the_end(name, desk)


def report_again(run: str, settings: Settings, out: Path | None) -> Finished:
    """The report of what is committed, marked partial while launches are owed."""
    with Store.open(settings.store) as store:
        name = stored.find_run(store, run)
        stored.claim_report(store, name)  # nobody else need build it
        return reports.build(name, store, settings, out)


def _to_the_end(run: str, desk: Desk) -> Finished:
    try:
        with settling(run, desk.store, desk.settings):
            interrupted = drain(run, desk)
        if desk.interrupts.asked:
            desk.held.stop()  # else another command cancelled this run alone
        won = stored.claim_report(desk.store, run)  # while the run is ours: no other command takes it for left
    finally:
        desk.view.finish()
        stored.detach(desk.store, run)
    if interrupted:
        finished = _interrupted(reports.build(run, desk.store, desk.settings, desk.out))
    else:
        finished = reports.build_once(run, desk.store, desk.settings, desk.out, won=won)
        reports.build_left(desk.store, desk.settings, desk.view.message)
    stay_for_others(run, desk)
    return finished


def past(asked: Asked, store: Store) -> tuple[Costs, Collection[str]]:
    """What launches took on these boards before, and whose power was read then."""
    names = [str(board["name"]) for board in asked.boards]
    return stored.launch_costs(store, names), stored.powered(store, names)


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
