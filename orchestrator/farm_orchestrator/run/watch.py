"""Looking in on a run that another command started, or on the fleet: nothing is attached, owned, hinted at or stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from farm_orchestrator import config, report_files, reporting
from farm_orchestrator import store as stored
from farm_orchestrator.errors import FarmError
from farm_orchestrator.run import reports
from farm_orchestrator.run.announce import heading
from farm_orchestrator.run.forecast import ends, looking, looking_at_fleet, with_ends
from farm_orchestrator.run.interrupts import Interrupts
from farm_orchestrator.run.request import Finished
from farm_orchestrator.store import FleetBoard, Store

if TYPE_CHECKING:
    from farm_orchestrator.config import Settings
    from farm_orchestrator.run.request import View
    from farm_orchestrator.store import Fleet, RunRow, Snapshot
    from farm_reports.results import Results

LOOK_S = 0.5
ALONE_S = 5.0  # a command that has just stored its run stands behind it within that
REPORT_S = 60.0  # for whoever builds a report; one that nobody builds is built here
PARTIAL_S = 10.0  # the same of a run that was interrupted, whose command may be gone
LEAVE = "Ctrl-C leaves; the run goes on"
INTERRUPTED = 130


class FleetView(Protocol):
    """The fleet for a person."""

    def update(self, fleet: Fleet) -> None: ...
    def message(self, text: str) -> None: ...
    def finish(self) -> None: ...


@dataclass(frozen=True)
class Left:
    """The watcher went, the run goes on."""

    run: str


@dataclass(frozen=True)
class Post:
    """Where a watcher stands. `out`: where copies of the files go."""

    settings: Settings
    store: Store
    view: View
    interrupts: Interrupts
    out: Path | None


def watch(text: str, settings: Settings, view: View, out: Path | None = None) -> Finished | Left:
    """The outcome of the run that `text` names, once it is closed. Raises FarmError where nobody measures it."""
    with Interrupts() as interrupts, Store.open(settings.store, tell=view.message) as store:
        post = Post(settings, store, view, interrupts, out)
        run = stored.find_run(store, text)
        if stored.load_run(store, run).state == "open":
            _look_on(run, post)
        return Left(run) if interrupts.asked else _outcome(run, post)


def watch_fleet(settings: Settings, view: FleetView) -> None:
    """Until Ctrl-C."""
    listed = _listed(settings)
    with Interrupts() as interrupts, Store.open(settings.store, tell=view.message) as store:
        try:
            with looking_at_fleet(store) as look:
                while not interrupts.asked:
                    view.update(_with(store.wait_out(look, lambda: interrupts.asked), listed))
                    _rest(interrupts)
        finally:
            view.finish()


def look_at_fleet(settings: Settings) -> Fleet:
    """Once."""
    listed = _listed(settings)
    with Store.open(settings.store) as store:
        return with_ends(_with(stored.fleet(store), listed), ends(store))


def _look_on(run: str, post: Post) -> None:
    """Until the run is closed, or the watcher leaves."""
    with looking(post.store, run) as look:
        seen = look()
        post.view.start(_title(stored.load_run(post.store, run), seen), (LEAVE,))
        stood = time.monotonic()
        try:
            while seen.state == "open" and not post.interrupts.asked:
                post.view.update(seen)
                stood = time.monotonic() if seen.stands else stood
                if time.monotonic() > stood + ALONE_S:
                    raise _alone(seen)
                _rest(post.interrupts)
                seen = post.store.wait_out(look, lambda: post.interrupts.asked)
        finally:
            post.view.finish()


def _title(row: RunRow, seen: Snapshot) -> str:
    named = f" ({row.name})" if row.name else ""
    begun = time.strftime("%H:%M", time.localtime(row.created))
    return f"{heading(len(row.facts.get('files', ())), len(seen.boards), row.id)}{named}, since {begun}"


def _alone(seen: Snapshot) -> FarmError:
    return FarmError(
        f"run {seen.run} is not through, and nobody measures it: the command behind it has ended",
        mend=f"farm run --resume {seen.run} goes on",
    )


def _outcome(run: str, post: Post) -> Finished | Left:
    """What the files say that its command wrote; where there are none they are written here."""
    told = False
    while not post.interrupts.asked:
        row = stored.load_run(post.store, run)
        if _is_reported(row, post.settings):
            return _finished(row, post, reporting.written(post.settings.runs / run, post.out))
        if _is_ours(row, post.store):
            return _finished(row, post, _built(row, post))
        if not told:
            post.view.message(f"run {run} is closed; its report is being written")
        told = True
        _rest(post.interrupts)
    return Left(run)


def _is_reported(row: RunRow, settings: Settings) -> bool:
    """The word is written after the files; an interrupted run gets none, but files that are newer than its end."""
    file = settings.runs / row.id / report_files.RESULTS
    if not file.exists():
        return False
    return row.word is not None or (row.cancel and file.stat().st_mtime >= (row.finished or 0.0) - 1.0)


def _is_ours(row: RunRow, store: Store) -> bool:
    """Whether to write the files here: they are on another machine, or nobody is at them."""
    patience_s = PARTIAL_S if row.cancel and not row.attached else REPORT_S
    if row.word is not None or store.now() > (row.finished or 0.0) + patience_s:
        return True
    return not (row.cancel or row.attached or row.standing) and stored.claim_report(store, row.id)


def _built(row: RunRow, post: Post) -> Results:
    """Of a run that has its word the files are written once more, and nobody is told again."""
    if row.word is None:
        return reports.build(row.id, post.store, post.settings, post.out).results
    return reporting.build(post.store, row.id, post.settings.runs, post.settings.home / "cas", post.out)[0]


def _finished(row: RunRow, post: Post, results: Results) -> Finished:
    code = reports.exit_code(row.id, post.store, results)
    done = Finished(row.id, code, results, post.settings.runs / row.id)
    if not row.cancel:
        return done
    return replace(done, exit_code=INTERRUPTED, mend=f"interrupted; go on with: farm run --resume {row.id}")


def _listed(settings: Settings) -> tuple[str, ...]:
    """The boards of the inventory, where there is one."""
    return tuple(board.name for board in config.boards(settings)) if settings.inventory else ()


def _with(fleet: Fleet, listed: tuple[str, ...]) -> Fleet:
    known = {board.board for board in fleet.boards}
    fresh = [FleetBoard(name, known=False) for name in listed if name not in known]
    return replace(fleet, boards=tuple(sorted((*fleet.boards, *fresh), key=lambda board: board.board)))


def _rest(interrupts: Interrupts) -> None:
    """Short enough for a person who leaves."""
    until = time.monotonic() + LOOK_S
    while not interrupts.asked and time.monotonic() < until:
        time.sleep(0.05)
