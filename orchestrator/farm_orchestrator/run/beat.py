"""What a farm that several machines share does once a second, in every worker that was started with --beat."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm_orchestrator import store as stored
from farm_orchestrator.errors import FarmError
from farm_orchestrator.reconcile import TICK_S, reconcile
from farm_orchestrator.run.nightly import NICE, begin_due
from farm_orchestrator.store.checks import due_checks
from farm_orchestrator.store.orphans import remove_orphans
from farm_orchestrator.store.pruning import named_digests
from farm_orchestrator.undo import on_error

if TYPE_CHECKING:
    from farm_orchestrator.broker import Kick
    from farm_orchestrator.config import Settings
    from farm_orchestrator.store import Store

REPORT_S = 3600.0
BROKEN = (2, -9)  # a usage error, or killed; 4 is also the word of a run that measured too little
FILES_S = 86400.0
CHECKS_S = 5.0  # between two looks at who is to be looked at, whoever beats
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Beat:
    """What a tick works with. `reporting` is held while a report is built, `looking` while somebody looks for due nights."""

    settings: Settings
    store: Store
    kick: Kick
    reporting: threading.Lock = field(default_factory=threading.Lock)
    looking: threading.Lock = field(default_factory=threading.Lock)


Tick = Callable[[Beat], object]


def beat(of: Beat, stopping: threading.Event) -> None:
    """Until `stopping`. A tick that breaks ends the process: whoever started it starts it again."""
    try:
        while not stopping.wait(TICK_S):
            for tick in TICKS:
                _done(tick, of)
    finally:
        stopping.set()


def reconciled(of: Beat) -> None:
    for run in reconcile(of.store, of.kick):
        LOG.info("run %s is closed", run)


def reported(of: Beat) -> None:
    """A run behind which no command stands gets its word: its report is built once, by one of the beats.

    But for a night's its files are of no use here: `farm report RUN` builds them on any machine.
    """
    if not of.reporting.acquire(blocking=False):
        return
    with on_error(of.reporting.release):
        run = _unreported(of.store)
        if run is not None:
            threading.Thread(target=_report, args=(of, run), name="report", daemon=True).start()
            return
    of.reporting.release()


def _unreported(store: Store) -> str | None:
    """Nobody's yet, or somebody's who died over it."""
    for run in stored.left_unreported(store):
        if stored.claim_report(store, run):
            return run
    for run in stored.abandoned(store, REPORT_S):
        if stored.take_turn(store, f"report {run}", REPORT_S):
            return run
    return None


def looked_at(of: Beat) -> None:
    """Whoever serves a board that was lost, or that nobody has seen for a day, is asked to look at it."""
    if stored.take_turn(of.store, "checks", CHECKS_S):
        for board in due_checks(of.store):
            if not of.kick(board):
                break  # the carrier of hints is away: each one would wait for it anew


def forgotten(of: Beat) -> None:
    """Once a day: files on the server of launches and runs that came to nothing."""
    if stored.take_turn(of.store, "files", FILES_S):
        threading.Thread(target=_forget, args=(of.store,), name="files", daemon=True).start()


def _forget(store: Store) -> None:
    try:
        gone = remove_orphans(store, lambda: named_digests(store))
    except FarmError as error:
        LOG.warning("files that nobody names stay on the server for another day: %s", error.line)
        return
    if gone:
        LOG.info("removed %d files from the server that nobody names", gone)


def _done(tick: Tick, of: Beat) -> None:
    """A store that is away comes back; what was due then is due still."""
    try:
        tick(of)
    except FarmError as error:
        LOG.warning("%s: %s", tick.__name__, error.line)


def _report(of: Beat, run: str) -> None:
    """In a process of its own, which gives way to whatever is measured here."""
    try:
        with _surroundings(stored.load_run(of.store, run).schedule) as env:
            done = subprocess.run(
                ["nice", "-n", str(NICE), sys.executable, "-m", "farm_orchestrator.cli", "report", run],
                env=env, check=False, capture_output=True, text=True, timeout=REPORT_S, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        said = (done.stderr or done.stdout).strip().partition("\n")[0]
        level = logging.WARNING if done.returncode in BROKEN else logging.INFO
        LOG.log(level, "run %s: its report ended with exit code %s: %s", run, done.returncode, said)
    except (OSError, subprocess.SubprocessError, FarmError) as error:
        LOG.warning("run %s has no report (`farm report %s` tries again): %s", run, run, error)
    finally:
        of.reporting.release()


@contextmanager
def _surroundings(schedule: str | None) -> Iterator[dict[str, str]]:
    """The environment of a report: files of a night stay where this machine keeps its runs, those of others do not."""
    if schedule is not None:
        yield dict(os.environ)
        return
    env = {name: value for name, value in os.environ.items() if name != "FARM_RUNS_FILE"}
    with tempfile.TemporaryDirectory(prefix="farm-report-") as folder:
        yield {**env, "FARM_RUNS": folder}


# Every second, in this order, in every beat there is: any number of beats do this side by side, and one may be lost at any
# moment. So a tick is harmless when it is repeated, is done within a second or hands its work to a thread or a process, and
# takes a row of `turn` first where it is to be done rarely. Schedules and canaries are further ticks of this list.
TICKS: tuple[Tick, ...] = (reconciled, reported, begin_due, looked_at, forgotten)
